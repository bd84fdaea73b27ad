"""Pictures that look the same and are told apart all the same: by their truth, or by their folder."""

from __future__ import annotations

from typing import Any, LiteralString, NamedTuple

from psycopg.sql import SQL, Composable, Composed, Literal

from mlpredict.domain.reports import GroupBy
from mlpredict.storage import truth
from mlpredict.storage.filters import OF_TRUTH
from mlpredict.storage.names import named
from mlpredict.storage.report_queries import KEYS, Queries

MOST_HASHES, MOST_PICTURES = 100, 300
"""That are looked at: pictures have to be decoded to know whether they are the same."""

HASHES = SQL("""
    SELECT i.difference_hash
    FROM {source}
    WHERE {where} AND i.difference_hash IS NOT NULL AND {what} IS NOT NULL
    GROUP BY 1
    HAVING min({what}) <> max({what})
    ORDER BY count(*), 1
    LIMIT {most}
""")
"""Those that stand for several truths, or folders; the rarest first, as plain pictures share theirs."""

PICTURES = SQL("""
    SELECT i.difference_hash, coalesce(i.sha256, int8send(i.id)), {what}, max(p.id)
    FROM {source}
    WHERE {where} AND i.difference_hash = ANY(%(looks)s::bigint[]) AND {what} IS NOT NULL
    GROUP BY 1, 2, 3
    ORDER BY array_position(%(looks)s::bigint[], i.difference_hash), 4
    LIMIT {most}
""")

PREDICTIONS = SQL("{s}.predictions AS p {truth}")
IN_FOLDERS = SQL("{s}.predictions AS p JOIN {s}.inputs AS i ON i.id = p.inputid")
IN_FOLDERS_OF_TRUTH = SQL("{s}.predictions AS p {maybe}")


class Picture(NamedTuple):
    """A picture, by its hash, with what tells it apart from others that look the same."""

    difference_hash: int
    image: bytes
    """What its file is known by."""
    what: str
    prediction_id: int


def by_truth(queries: Queries) -> list[Picture]:
    """Pictures of one look of which some are labelled otherwise than others."""
    return pictures(queries, queries.composed(PREDICTIONS), truth.TRUE_LABEL, where=queries.composed(WHERE))


def by_folder(queries: Queries) -> list[Picture]:
    """Pictures of one look that lie in several folders."""
    source = IN_FOLDERS_OF_TRUTH if queries.values.keys() & OF_TRUTH else IN_FOLDERS
    return pictures(queries, queries.composed(source), KEYS[GroupBy.FOLDER], where=queries.composed(WHERE))


WHERE = SQL("{where}")


def pictures(
    queries: Queries, source: Composed, what: LiteralString, *, where: Composable, **values: Any
) -> list[Picture]:
    """The pictures of looks that do not all have one `what`; `source` has predictions `p` and inputs `i`."""
    parts = {"source": source, "what": SQL(what), "where": where}
    connection, given = queries.connection, {**queries.values, **values}
    hashes = named(connection, HASHES, most=Literal(MOST_HASHES), **parts)
    looks = [look for (look,) in connection.execute(hashes, given)]
    if not looks:
        return []
    rows = named(connection, PICTURES, most=Literal(MOST_PICTURES), **parts)
    return [Picture(*row) for row in connection.execute(rows, {**given, "looks": looks})]
