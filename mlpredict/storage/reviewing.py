"""Images to be looked at, in an order, read by key: `(score, id)` behind which the last ones were found.

Looked up one after the other, those without a label would take long to be found once nearly all have one. So
candidates are read in ever larger windows, each joined to the truth as a whole, and never twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable, Literal

from mlpredict.domain import PredictionFilter, ReviewOrder
from mlpredict.domain.reviews import ReviewImage, ReviewPage, ReviewPosition, to_review
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import OF_TRUTH, Values, values_of, where
from mlpredict.storage.joining import joined_whole
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.unusable import IS_MARKED

WINDOWS = (2000, 16_000)
"""So many candidates are looked at, one window behind the other; then all that are left at once."""

AT_ONCE = 5000
"""So many images are taken of all that are left, or drawn of all that there are."""

AT_A_TIME, ALL = SQL("MATERIALIZED"), SQL("NOT MATERIALIZED")
"""A window is found first; all that are left are joined while they are read, by several processes."""

FOUND = SQL("""
    WITH candidates AS {first} (
        SELECT p.id, p.inputid, p.label, p.labels, p.score, p.value
        FROM {s}.predictions AS p
        WHERE {candidates}
        {window}
    ),
    -- Few are left when it is looked up for each whether it is usable.
    found AS MATERIALIZED (
        SELECT p.id AS prediction_id, p.inputid, p.score, i.id, i.sha256, {off} AS off
        FROM candidates AS p {truth}
        WHERE {wanted}
    )
    SELECT i.prediction_id, i.score,
           coalesce(i.sha256, convert_to(coalesce(i.inputid, -i.prediction_id)::text, 'UTF8'))
    FROM found AS i
    WHERE {usable}
    ORDER BY {order}
    LIMIT {limit}
""")

COUNT = SQL("""
    SELECT count(*) FROM (
        SELECT DISTINCT coalesce(p.inputid, -p.id) FROM {s}.predictions AS p {truth} WHERE {where}
    ) AS images
""")

END = SQL("""
    SELECT p.id, p.score FROM {s}.predictions AS p
    WHERE {candidates} ORDER BY {order} OFFSET {last} LIMIT 1
""")


class ByKey(NamedTuple):
    """An order that an index has: which predictions are in it, and which are behind a position."""

    of_predictions: SQL
    of_found: SQL
    members: SQL
    behind: SQL


UP = ByKey(
    SQL("p.score, p.id"),
    SQL("i.score, i.prediction_id"),
    SQL("p.score IS NOT NULL"),
    SQL("(p.score, p.id) > (%(at_score)s::real, %(at_id)s::bigint)"),
)
DOWN = ByKey(
    SQL("p.score DESC, p.id DESC"),
    SQL("i.score DESC, i.prediction_id DESC"),
    SQL("p.score IS NOT NULL"),
    SQL("(p.score, p.id) < (%(at_score)s::real, %(at_id)s::bigint)"),
)
UNSCORED = ByKey(
    SQL("p.id DESC"),
    SQL("i.prediction_id DESC"),
    SQL("p.score IS NULL"),
    SQL("p.id < %(at_id)s::bigint"),
)

AT_CHANCE = SQL("random()")
FURTHEST_FIRST = SQL("i.off DESC, i.prediction_id DESC")
OFF = SQL(f"abs(p.value::float8 - {truth.TRUE_VALUE})")
IS_OFF = SQL(f"p.value::float8 <> {truth.TRUE_VALUE}")
EVERY = SQL("true")


def page(
    connection: Connection, wanted: PredictionFilter, order: ReviewOrder, after: ReviewPosition, limit: int
) -> ReviewPage:
    """Images from behind a position; what has no score comes behind what has one.

    A page may have more than `limit`, and fewer although others follow.
    """
    values = values_of(connection, to_review(wanted, order))
    with translated(), catalog_only(connection):
        reading = _Reading(connection, values, after)
        if order is ReviewOrder.RANDOM:
            return reading.at_once(AT_CHANCE, EVERY, EVERY)
        if after.is_scored:
            page = reading.by_key(DOWN if order is ReviewOrder.MOST_WRONG else UP, limit)
            return page._replace(position=page.position or ReviewPosition(is_scored=False))
        if order is ReviewOrder.MOST_WRONG:
            # Numbers are neither right nor wrong: those come first that are furthest from the truth.
            of_numbers = {name: value for name, value in values.items() if name != "wrong"}
            numbers = _Reading(connection, of_numbers, after)
            return numbers.at_once(FURTHEST_FIRST, SQL("p.value IS NOT NULL"), IS_OFF)
        return reading.by_key(UNSCORED, limit)


def count(connection: Connection, wanted: PredictionFilter, order: ReviewOrder) -> int:
    """How many images there are to be reviewed, with those that are not usable."""
    values = values_of(connection, to_review(wanted, order))
    with translated(), catalog_only(connection), joined_whole(connection):
        query = named(connection, COUNT, truth=named(connection, truth.JOIN), where=where(values))
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: Connection
    values: Values
    after: ReviewPosition

    def by_key(self, by: ByKey, limit: int) -> ReviewPage:
        """Images in an order that an index has, from behind the position."""
        found: list[ReviewImage] = []
        position = self.after
        for size in WINDOWS:
            candidates = self._candidates(by, position)
            window = SQL("ORDER BY {order} LIMIT {size}").format(order=by.of_predictions, size=Literal(size))
            rows = self._found(by.of_found, candidates, EVERY, limit - len(found), window, position)
            found += _images(rows)
            if len(found) >= limit:
                return ReviewPage(found, _behind(rows[-1], by))
            parts = {"candidates": candidates, "order": by.of_predictions, "last": Literal(size - 1)}
            ends = self._rows(END, position, **parts)
            if not ends:
                return ReviewPage(found, None)
            position = _behind(ends[0], by)
        with joined_whole(self.connection):
            rows = self._found(by.of_found, self._candidates(by, position), EVERY, AT_ONCE, None, position)
        return ReviewPage(found + _images(rows), _behind(rows[-1], by) if len(rows) == AT_ONCE else None)

    def at_once(self, order: SQL, members: SQL, condition: SQL) -> ReviewPage:
        """The first images in an order that no index has; what is behind them is for another look."""
        with joined_whole(self.connection):
            rows = self._found(order, where(self._plain, members), condition, AT_ONCE, None, self.after)
        again = ReviewPosition(is_scored=self.after.is_scored) if len(rows) == AT_ONCE else None
        return ReviewPage(_images(rows), again)

    @property
    def _plain(self) -> Values:
        return {name: value for name, value in self.values.items() if name not in OF_TRUTH}

    def _candidates(self, by: ByKey, position: ReviewPosition) -> Composable:
        return where(self._plain, by.members, *([by.behind] if position.prediction_id is not None else []))

    def _found(
        self,
        order: SQL,
        candidates: Composable,
        condition: SQL,
        limit: int,
        window: Composable | None,
        position: ReviewPosition,
    ) -> list[tuple[Any, ...]]:
        of_truth = {name: value for name, value in self.values.items() if name in OF_TRUTH}
        marked = named(self.connection, IS_MARKED)
        return self._rows(
            FOUND,
            position,
            candidates=candidates,
            first=ALL if window is None else AT_A_TIME,
            window=SQL("") if window is None else window,
            truth=named(self.connection, truth.JOIN),
            wanted=where(of_truth, condition),
            off=OFF,
            usable=SQL("NOT {marked}").format(marked=marked) if "unlabelled" in of_truth else EVERY,
            order=order,
            limit=Literal(limit),
        )

    def _rows(self, statement: SQL, position: ReviewPosition, **parts: Composable) -> list[tuple[Any, ...]]:
        given = {**self.values, "at_id": position.prediction_id, "at_score": position.score}
        return self.connection.execute(named(self.connection, statement, **parts), given).fetchall()


def _images(rows: Sequence[tuple[Any, ...]]) -> list[ReviewImage]:
    return [ReviewImage(one, bytes(key)) for one, _, key in rows]


def _behind(row: tuple[Any, ...], by: ByKey) -> ReviewPosition:
    prediction_id, score, *_ = row
    return ReviewPosition(prediction_id, score, by is not UNSCORED)
