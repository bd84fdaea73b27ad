"""The counts behind a report: each one pass of PostgreSQL over the predictions, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Composed

from mlpredict.domain import PredictionFilter
from mlpredict.domain.reports import GroupBy
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import Values, joined, values_of, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.transactions import reading

BINS = 15
"""Of scores, equally wide (Guo et al., 2017)."""

FOR_LARGE_JOINS = SQL("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL enable_memoize = off")
"""Half a million labels fit into that; compiling takes longer than it saves, and no two images are alike."""

BIN: LiteralString = f"least(greatest(ceil(p.score::float8 * {BINS})::integer, 1), {BINS})"
"""Above the lower bound and not above the upper one; 0 is in the first."""

TRUTH_OF_ONE: LiteralString = f"CASE WHEN ({truth.IS_RIGHT}) THEN p.label ELSE {truth.TRUE_LABEL} END"
"""Where several labels hold, the one that was said is the truth."""

TOTALS = SQL("""
    SELECT count(*), count(DISTINCT p.inputid) FROM {s}.predictions AS p {maybe} WHERE {where}
""")

MODELS = SQL("""
    SELECT m.id, m.name || '@' || left(m.fingerprint, 8), m.task, m.description ->> 'activation'
    FROM (SELECT DISTINCT p.model_id FROM {s}.predictions AS p {maybe} WHERE {where}) AS used
    JOIN {s}.models AS m ON m.id = used.model_id
    ORDER BY m.id
""")

BY_LABEL = SQL("""
    SELECT p.label, {bin} AS bin, count(*), sum(p.score::float8)
    FROM {s}.predictions AS p {maybe}
    WHERE {where} AND p.labels IS NULL
    GROUP BY 1, 2
""")

OF_SEVERAL = SQL("""
    SELECT said.label, count(*)
    FROM {s}.predictions AS p {maybe} CROSS JOIN LATERAL unnest(p.labels) AS said (label)
    WHERE {where}
    GROUP BY 1
""")

JUDGED = SQL("""
    SELECT coalesce(t.source, u.source) AS source, ({right}) AS is_right,
           CASE WHEN p.labels IS NULL AND p.label IS NOT NULL THEN {truth_of_one} END AS true_label,
           CASE WHEN p.labels IS NULL THEN p.label END, {bin} AS bin, count(*), sum(p.score::float8)
    FROM {s}.predictions AS p {truth}
    WHERE {where} AND {labelled}
    GROUP BY 1, 2, 3, 4, 5
""")
"""The labelled ones; the truth only of those that have one label."""

SOURCES = SQL("""
    SELECT coalesce(t.source, u.source), count(*), count(*) FILTER (WHERE {right}),
           count(*) FILTER (WHERE ({right}) IS NOT NULL)
    FROM {s}.predictions AS p {truth} WHERE {where} AND {labelled} GROUP BY 1 ORDER BY 2 DESC, 1
""")

CONFUSION = SQL("""
    SELECT {truth_of_one} AS true_label, p.label, {bin} AS bin, count(*), sum(p.score::float8)
    FROM {s}.predictions AS p {truth}
    WHERE {where} AND {labelled} AND p.labels IS NULL AND p.label IS NOT NULL
    GROUP BY 1, 2, 3
""")

SEVERAL = SQL("""
    SELECT one.label, count(*) FILTER (WHERE one.held), count(*) FILTER (WHERE one.said),
           count(*) FILTER (WHERE one.held AND one.said)
    FROM {s}.predictions AS p {truth}
    CROSS JOIN LATERAL (
        SELECT label, bool_or(held) AS held, bool_or(said) AS said FROM (
            SELECT unnest(coalesce({labels}, ARRAY[{label}])) AS label, true AS held, false AS said
            UNION ALL SELECT unnest(p.labels), false, true
        ) AS both_of GROUP BY label
    ) AS one
    WHERE {where} AND {labelled} AND p.labels IS NOT NULL
    GROUP BY 1
""")

REGRESSION = SQL("""
    SELECT count(*), avg(abs(p.value::float8 - {value})), avg(power(p.value::float8 - {value}, 2)),
           var_pop({value})
    FROM {s}.predictions AS p {truth}
    WHERE {where} AND p.value IS NOT NULL AND {value} IS NOT NULL
""")

GROUPS = SQL("""
    SELECT {key} AS key, p.label, count(*), count(*) FILTER (WHERE {labelled}),
           count(*) FILTER (WHERE {right}), count(*) FILTER (WHERE ({right}) IS NOT NULL),
           sum(p.score::float8), count(p.score),
           sum(abs(p.value::float8 - {value})), count(p.value::float8 - {value})
    FROM {s}.predictions AS p {truth}
    WHERE {where}
    GROUP BY 1, 2
""")

SPAN = SQL("SELECT min(p.created_at), max(p.created_at) FROM {s}.predictions AS p {maybe} WHERE {where}")

LOCALLY: LiteralString = "(p.created_at AT TIME ZONE %(offset)s::interval)"
HOURS: LiteralString = f"to_char(date_trunc('hour', {LOCALLY}), 'YYYY-MM-DD HH24:00')"
DAYS: LiteralString = f"to_char({LOCALLY}, 'YYYY-MM-DD')"
KEYS: dict[GroupBy | str, LiteralString] = {
    "hour": HOURS,
    GroupBy.DAY: DAYS,
    GroupBy.WEEK: f"to_char({LOCALLY}, 'IYYY-\"W\"IW')",
    GroupBy.RUN: "p.run_id::text",
    GroupBy.MODEL: "p.model_id::text",
    GroupBy.FOLDER: "coalesce(substring(p.filename FROM '^(.*)/[^/]*$'), '.')",
}
"""What tells groups apart."""

TRUE_CLASS = SQL("""
    FROM {s}.predictions AS p {truth}
    JOIN {s}.models AS m ON m.id = p.model_id AND m.id = ANY(%(of_models)s::bigint[])
    CROSS JOIN LATERAL (
        SELECT {truth_of_one} AS label,
               CASE WHEN m.labels IS NULL AND {truth_of_one} ~ '^[0-9]{{1,6}}$'
                    THEN {truth_of_one}::bigint + 1 END AS number
    ) AS of_class
    LEFT JOIN (
        SELECT named.id, one.label, min(one.place) AS place
        FROM {s}.models AS named
        CROSS JOIN LATERAL json_array_elements_text(named.labels)
            WITH ORDINALITY AS one (label, place)
        WHERE named.labels IS NOT NULL
        GROUP BY 1, 2
    ) AS class ON class.id = p.model_id AND class.label = of_class.label
    CROSS JOIN LATERAL (SELECT coalesce(class.place, of_class.number) AS place) AS true_class
    WHERE {where} AND {labelled} AND p.labels IS NULL AND p.label IS NOT NULL
""")
"""The labelled predictions of classifying models, with the place of the true class, counted from 1."""

PROBABILITIES = SQL("""
    SELECT count(*), sum(-ln(greatest(said.own / sums.total, 2.220446049250313e-16))),
           sum((sums.squares / sums.total / sums.total - 2 * said.own / sums.total + 1)
               / CASE WHEN sums.classes = 2 THEN 2 ELSE 1 END),
           count(*) FILTER (WHERE sums.above < 1), count(*) FILTER (WHERE sums.above < 2),
           count(*) FILTER (WHERE sums.above < 3), count(*) FILTER (WHERE sums.above < 5),
           count(*) FILTER (WHERE sums.above < 10), max(sums.classes)
    FROM (
        SELECT {weights} AS weights, ({weights})[of_class.place] AS own
        FROM (
            SELECT p.likely_class, true_class.place,
                   CASE WHEN p.predictions::text ~ '^[[][-+0-9.eE, ]+[]]$'
                        THEN ('{{' || substr(p.predictions::text, 2, length(p.predictions::text) - 2) || '}}')
                             ::float8[] END AS numbers
            {true_class}
            OFFSET 0  -- else the numbers are read from the text once for each time that they are used
        ) AS of_class
        OFFSET 0
    ) AS said
    CROSS JOIN LATERAL (
        SELECT sum(x) AS total, sum(x * x) AS squares, count(*) AS classes,
               count(*) FILTER (WHERE x > said.own) AS above
        FROM unnest(said.weights) AS x
    ) AS sums
    WHERE said.own IS NOT NULL AND sums.total > 0
""")
"""A share that is zero costs as much as the smallest step that float64 has from 1, as scikit-learn has it."""

TOP_K = (1, 2, 3, 5, 10)

WEIGHTS: dict[str, LiteralString] = {
    "softmax": "of_class.numbers",
    "logits": (
        "ARRAY(SELECT exp(x - of_class.numbers[of_class.likely_class + 1])"
        " FROM unnest(of_class.numbers) WITH ORDINALITY AS element (x, place) ORDER BY place)"
    ),
    "sigmoid": "ARRAY[1 - of_class.numbers[1], of_class.numbers[1]]",
    "logit": "ARRAY[1 / (1 + exp(of_class.numbers[1])), 1 / (1 + exp(-of_class.numbers[1]))]",
}
"""The weights of all classes, by what a model's numbers are."""

WORST = SQL("""
    SELECT p.id FROM {s}.predictions AS p {truth} WHERE {where} AND {labelled} AND NOT ({right})
    ORDER BY p.score DESC NULLS LAST, p.id DESC LIMIT %(most)s
""")


@dataclass(frozen=True, slots=True)
class Queries:
    """Counts of the predictions that a filter finds, all of one moment."""

    connection: Connection
    values: Values
    truth: Composed
    """What joins the truth, or nothing where nothing is labelled."""
    has_labels: bool

    def rows(self, statement: SQL, **parts: Composable) -> list[tuple[Any, ...]]:
        """The rows of one of the statements above."""
        return self.connection.execute(self.composed(statement, **parts), self.values).fetchall()

    def row(self, statement: SQL, **parts: Composable) -> tuple[Any, ...]:
        """The one row of a statement."""
        return self.rows(statement, **parts)[0]

    def groups(self, by: GroupBy | str, offset: str) -> list[tuple[Any, ...]]:
        """Counts by a key and by label; a time of day is that of so much east of Greenwich."""
        query = self.composed(GROUPS, key=SQL(KEYS[by]))
        return self.connection.execute(query, {**self.values, "offset": offset}).fetchall()

    def probabilities(self, kind: str, models: Sequence[int]) -> tuple[Any, ...]:
        """Sums over the labelled predictions of models whose numbers are probabilities of one kind."""
        true_class = self.composed(TRUE_CLASS)
        query = self.composed(PROBABILITIES, weights=SQL(WEIGHTS[kind]), true_class=true_class)
        row = self.connection.execute(query, {**self.values, "of_models": list(models)}).fetchone()
        assert row is not None
        return row

    def worst(self, most: int) -> list[int]:
        """The mistakes that the model was most sure of."""
        query = self.composed(WORST)
        return [one for (one,) in self.connection.execute(query, {**self.values, "most": most})]

    def composed(self, statement: SQL, **parts: Composable) -> Composed:
        """A statement with the joins and conditions of the filter."""
        return named(
            self.connection,
            statement,
            **{
                "truth": self.truth,
                "maybe": joined(self.connection, self.values),
                "where": where(self.values),
                "bin": SQL(BIN),
                "label": SQL(truth.TRUE_LABEL),
                "labels": SQL(truth.TRUE_LABELS),
                "value": SQL(truth.TRUE_VALUE),
                "right": SQL(truth.IS_RIGHT),
                "labelled": SQL(truth.IS_LABELLED),
                "truth_of_one": SQL(TRUTH_OF_ONE),
                **parts,
            },
        )


@contextmanager
def queries(connection: Connection, wanted: PredictionFilter) -> Iterator[Queries]:
    """What counts the predictions of a filter, in one snapshot until the block ends."""
    values = values_of(connection, wanted)
    with translated(), reading(connection, isolation="repeatable read"), catalog_only(connection):
        connection.execute(FOR_LARGE_JOINS)
        labels = connection.execute(named(connection, truth.ANY_LABEL)).fetchone()
        join = truth.NO_JOIN if labels is None else truth.JOIN
        yield Queries(connection, values, named(connection, join), labels is not None)
