"""The models that the database knows, and where each was used last."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row
from psycopg.sql import SQL

from mlpredict.domain import model_label
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named

KNOWN = SQL("""
    SELECT coalesce(used.model_name, m.name) AS name, m.fingerprint,
           coalesce(used.model_path, m.path) AS path,
           ARRAY(SELECT json_array_elements_text(m.labels)) AS labels
    FROM {s}.models AS m
    LEFT JOIN LATERAL (
        SELECT id, model_name, model_path FROM {s}.runs WHERE model_id = m.id ORDER BY id DESC LIMIT 1
    ) AS used ON true
    ORDER BY used.id DESC NULLS LAST, m.id DESC
""")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that was used: what it was called and where it was the last time."""

    name: str
    fingerprint: str
    path: str
    labels: list[str]

    def __str__(self) -> str:
        return model_label(self.name, self.fingerprint)

    def is_called(self, text: str) -> bool:
        """Whether `text` is its name, or `name@digits` with the first digits of its fingerprint."""
        name, at, digits = text.rpartition("@")
        return self.name == text or (
            bool(at and digits) and self.name == name and self.fingerprint.startswith(digits)
        )


def known_models(connection: Connection) -> list[KnownModel]:
    """Every model that was used, the last one first."""
    with connection.cursor(row_factory=class_row(KnownModel)) as cursor:
        return cursor.execute(named(connection, KNOWN)).fetchall()
