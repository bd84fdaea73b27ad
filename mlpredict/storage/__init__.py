"""Everything that talks to PostgreSQL; nothing else imports psycopg."""

from mlpredict.storage.driver import tell_versions

tell_versions()
