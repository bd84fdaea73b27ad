"""The names of our tables."""

PUBLISHED = ("inputs", "predictions")
"""Those there are in every version, the 2020 program's included."""

COUNTED = (*PUBLISHED, "runs", "models", "failures")
"""Those whose rows users care for."""

TABLES = (*COUNTED, "schema_migrations")
