"""The models that the database knows, and where each was used last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row
from psycopg.sql import SQL

from mlpredict.domain import model_label
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named

KNOWN = SQL("""
    SELECT m.name, coalesce(used.model_name, m.name) AS called, m.fingerprint,
           ARRAY(SELECT DISTINCT r.model_name FROM {s}.runs AS r
                 WHERE r.model_id = m.id AND r.model_name IS NOT NULL) AS names,
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
    """A model that was used: by the name that it is listed under, and what it was called since."""

    name: str
    called: str
    """In its newest run, when it was at `path`."""
    fingerprint: str
    names: list[str]
    """In all of its runs."""
    path: str
    labels: list[str]

    def __str__(self) -> str:
        return model_label(self.name, self.fingerprint)

    def is_called(self, text: str) -> bool:
        """Whether `text` is what it was called last, or that as `name@digits` of its fingerprint."""
        return _is_named(text, (self.called,), self.fingerprint)

    def was_called(self, text: str) -> bool:
        """Whether `text` is a name that it has had, as all filters take it."""
        return _is_named(text, (self.name, *self.names), self.fingerprint)


def _is_named(text: str, names: Collection[str], fingerprint: str) -> bool:
    name, _, digits = text.rpartition("@")
    return text in names or (bool(digits) and name in names and fingerprint.startswith(digits.lower()))


def find_model(known: Sequence[KnownModel], text: str) -> KnownModel | None:
    """The model of a name that was used last; one that is called so now before one that was."""
    now = (one for one in known if one.is_called(text))
    once = (one for one in known if one.was_called(text))
    return next(now, None) or next(once, None)


def known_models(connection: Connection) -> list[KnownModel]:
    """Every model that was used, the last one first."""
    with connection.cursor(row_factory=class_row(KnownModel)) as cursor:
        return cursor.execute(named(connection, KNOWN)).fetchall()
