"""Images to be looked at, in an order, read by key: `(score, id)` behind which the last ones were found.

Looked up one after the other, those without a label would take long to be found once nearly all have one. So
candidates are read in ever larger windows, each joined to the truth as a whole, and never twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable, Literal

from mlpredict.domain import PredictionFilter, ReviewOrder
from mlpredict.domain.reviews import ReviewImage, ReviewPage, ReviewPosition, to_review
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import OF_TRUTH, Values, values_of, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.unusable import IS_MARKED

FIRST_WINDOW = 2000
MORE = 4
LARGEST_WINDOW = 128_000
AT_RANDOM = 5000
"""So many are drawn at once, from all there are."""

WINDOW = SQL("""
    WITH candidates AS MATERIALIZED (
        SELECT p.id, p.inputid, p.label, p.labels, p.score, p.value
        FROM {s}.predictions AS p
        WHERE {candidates}
        ORDER BY {order}
        LIMIT {window}
    )
    SELECT p.id, coalesce(i.sha256, convert_to(coalesce(p.inputid, -p.id)::text, 'UTF8')), p.score
    FROM candidates AS p {truth}
    WHERE {wanted}
    ORDER BY {order}
    LIMIT {limit}
""")

END = SQL("""
    SELECT p.id, p.score FROM {s}.predictions AS p
    WHERE {candidates} ORDER BY {order} OFFSET {last} LIMIT 1
""")

DRAWN = SQL("""
    SELECT p.id, coalesce(i.sha256, convert_to(coalesce(p.inputid, -p.id)::text, 'UTF8')), p.score
    FROM {s}.predictions AS p {truth}
    WHERE {candidates} AND {wanted}
    ORDER BY {order}
    LIMIT {limit}
""")
"""Where the order is that of no index: all are read, and the first ones kept."""


class ByKey(NamedTuple):
    """An order that an index has: which predictions are in it, and which are behind a position."""

    order: SQL
    members: SQL
    behind: SQL


UP = ByKey(
    SQL("p.score, p.id"),
    SQL("p.score IS NOT NULL"),
    SQL("(p.score, p.id) > (%(at_score)s::real, %(at_id)s::bigint)"),
)
DOWN = ByKey(
    SQL("p.score DESC, p.id DESC"),
    SQL("p.score IS NOT NULL"),
    SQL("(p.score, p.id) < (%(at_score)s::real, %(at_id)s::bigint)"),
)
UNSCORED = ByKey(SQL("p.id DESC"), SQL("p.score IS NULL"), SQL("p.id < %(at_id)s::bigint"))

AT_CHANCE = SQL("random()")
FURTHEST_FIRST = SQL(f"abs(p.value::float8 - {truth.TRUE_VALUE}) DESC, p.id DESC")
IS_OFF = SQL(f"p.value IS NOT NULL AND p.value::float8 <> {truth.TRUE_VALUE}")


def page(
    connection: Connection, wanted: PredictionFilter, order: ReviewOrder, after: ReviewPosition, limit: int
) -> ReviewPage:
    """Images from behind a position; what has no score comes behind what has one."""
    wanted = to_review(wanted, order)
    values = values_of(connection, wanted)
    with translated(), catalog_only(connection):
        reading = _Reading(connection, values, after)
        if order is ReviewOrder.RANDOM:
            return reading.drawn(AT_CHANCE, SQL("true"), dict(values))
        if after.is_scored:
            images, position = reading.windows(DOWN if order is ReviewOrder.MOST_WRONG else UP, limit)
            return ReviewPage(images, position or ReviewPosition(is_scored=False))
        if order is ReviewOrder.MOST_WRONG:
            # Numbers are neither right nor wrong: those come first that are furthest from the truth.
            of_numbers = {name: value for name, value in values.items() if name != "wrong"}
            return reading.drawn(FURTHEST_FIRST, IS_OFF, of_numbers)
        return ReviewPage(*reading.windows(UNSCORED, limit))


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: Connection
    values: Values
    after: ReviewPosition

    def windows(self, by: ByKey, limit: int) -> tuple[list[ReviewImage], ReviewPosition | None]:
        """Images by key, in an order that an index has."""
        found: list[ReviewImage] = []
        position, window = self.after, FIRST_WINDOW
        while True:
            parts = {"order": by.order, "candidates": self._candidates(by, position)}
            given = {**self.values, "at_id": position.prediction_id, "at_score": position.score}
            limited = {"window": Literal(window), "limit": Literal(limit - len(found))}
            rows = self._rows(WINDOW, given, wanted=self._wanted(self.values), **parts, **limited)
            found += [ReviewImage(one, bytes(key)) for one, key, _ in rows]
            if len(found) >= limit:
                last, _, score = rows[-1]
                return found, ReviewPosition(last, score, by is not UNSCORED)
            ends = self._rows(END, given, last=Literal(window - 1), **parts)
            if not ends:
                return found, None
            last, score = ends[0]
            position = ReviewPosition(last, score, by is not UNSCORED)
            window = min(MORE * window, LARGEST_WINDOW)

    def drawn(self, order: SQL, condition: SQL, values: Values) -> ReviewPage:
        """Images in an order that no index has; what is behind them is for another look."""
        plain = {name: value for name, value in values.items() if name not in OF_TRUTH}
        rows = self._rows(
            DRAWN,
            values,
            candidates=where(plain, condition),
            wanted=self._wanted(values),
            order=order,
            limit=Literal(AT_RANDOM),
        )
        again = ReviewPosition(is_scored=self.after.is_scored) if len(rows) == AT_RANDOM else None
        return ReviewPage([ReviewImage(one, bytes(key)) for one, key, _ in rows], again)

    def _candidates(self, by: ByKey, position: ReviewPosition) -> Composable:
        plain = {name: value for name, value in self.values.items() if name not in OF_TRUTH}
        return where(plain, by.members, *([by.behind] if position.prediction_id is not None else []))

    def _wanted(self, values: Values) -> Composable:
        of_truth = {name: value for name, value in values.items() if name in OF_TRUTH}
        if "unlabelled" not in of_truth:
            return where(of_truth)
        return where(of_truth, SQL("NOT {marked}").format(marked=named(self.connection, IS_MARKED)))

    def _rows(self, statement: SQL, given: Values, **parts: Composable) -> list[tuple[Any, ...]]:
        query = named(self.connection, statement, truth=named(self.connection, truth.JOIN), **parts)
        return self.connection.execute(query, given).fetchall()
