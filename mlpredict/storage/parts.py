"""The statements of the parts of a run: claims and the ledger. `run_plans` has those of its plan.

A claim's row is locked by every transaction that stores something of its part, before anything else: two
processes at one part go one after the other, and the second is told what the first has stored. What is last
missing of a part counts down the run's plan, which is the last lock that anybody takes. Nothing is held
between transactions, as poolers give sessions to others then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Literal

from mlpredict.domain.parts import Claim, Waiting, Worker
from mlpredict.domain.samples import Ended
from mlpredict.errors import StoredElsewhere
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.writing import FINISH_RUN

HOLD = SQL("now() + make_interval(secs => %(seconds)s::float8)")

TAKE = SQL("""
    UPDATE {s}.run_claims SET host = %(host)s, attempt = %(attempt)s, held_until = {hold}
    WHERE run_id = %(run)s AND part = %(part)s AND NOT done
    RETURNING part, first, last
""")

TAKE_FREE = SQL("""
    UPDATE {s}.run_claims AS c SET host = %(host)s, attempt = %(attempt)s, held_until = {hold}
    FROM (
        SELECT run_id, part FROM {s}.run_claims
        WHERE run_id = %(run)s AND NOT done
          AND (attempt IS NULL OR held_until < now() OR attempt = ANY(%(gone)s::text[])
               OR (attempt = %(attempt)s AND part <> ALL(%(taken)s::integer[])))
        ORDER BY part
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE c.run_id = free.run_id AND c.part = free.part
    RETURNING c.part, c.first, c.last
""")
"""Also what this process has taken without being told, as the answer was lost."""

GIVE_BACK = SQL("""
    UPDATE {s}.run_claims SET attempt = NULL, held_until = NULL
    WHERE run_id = %s AND attempt = %s AND NOT done
""")

HELD_ON_HOST = SQL("""
    SELECT DISTINCT attempt FROM {s}.run_claims
    WHERE run_id = %s AND NOT done AND host = %s AND attempt IS NOT NULL
""")

WAITING = SQL("""
    SELECT count(*), coalesce(array_agg(DISTINCT host) FILTER (WHERE host IS NOT NULL), '{{}}'),
           coalesce(extract(epoch FROM min(held_until) - now()), 0)::float8
    FROM {s}.run_claims WHERE run_id = %s AND NOT done AND attempt IS DISTINCT FROM %s
""")

LEFT = SQL("SELECT parts_left FROM {s}.run_plans WHERE run_id = %s")

STORED = SQL("SELECT first, last FROM {s}.run_parts WHERE run_id = %s AND part = %s ORDER BY first")

LOCK = SQL("""
    SELECT FROM {s}.run_claims
    WHERE run_id OPERATOR(pg_catalog.=) %s::bigint AND part OPERATOR(pg_catalog.=) %s::integer
    FOR UPDATE
""")

STORED_BETWEEN = SQL("""
    SELECT first, last FROM {s}.run_parts
    WHERE run_id OPERATOR(pg_catalog.=) %s::bigint AND part OPERATOR(pg_catalog.=) %s::integer
      AND last OPERATOR(pg_catalog.>=) %s::bigint AND first OPERATOR(pg_catalog.<=) %s::bigint
""")
"""A statement of its own, after the lock: it sees what was stored before that was had."""

ENTER = SQL("""
    INSERT INTO {s}.run_parts (run_id, part, first, last, skipped, host, attempt, environment_id)
    SELECT %s::bigint, %s::integer, u.first, u.last, u.skipped, %s::text, %s::text, %s::bigint
    FROM unnest(%s::bigint[], %s::bigint[], %s::integer[]) AS u (first, last, skipped)
""")

COUNT_DOWN = SQL("""
    UPDATE {s}.run_claims
    SET missing = missing OPERATOR(pg_catalog.-) %(images)s::bigint,
        done = missing OPERATOR(pg_catalog.=) %(images)s::bigint,
        host = %(host)s, attempt = %(attempt)s,
        held_until = pg_catalog.now()
            OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => %(seconds)s::float8)
    WHERE run_id OPERATOR(pg_catalog.=) %(run)s::bigint AND part OPERATOR(pg_catalog.=) %(part)s::integer
    RETURNING done
""")

PART_IS_DONE = SQL("""
    UPDATE {s}.run_plans SET parts_left = parts_left OPERATOR(pg_catalog.-) 1
    WHERE run_id OPERATOR(pg_catalog.=) %s::bigint
    RETURNING parts_left
""")

MADE_BY = SQL("""
    SELECT FROM {s}.run_parts WHERE run_id = %s AND part = %s AND first = %s AND attempt = %s
""")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Positions of a part that are stored in one transaction, with what stores them.

    `passed` are those that leave no row, as their images were predicted before; `seconds` for how long
    nobody else should take the part; `environment_id` is that of what they are made with.
    """

    run_id: int
    part: int
    worker: Worker
    positions: frozenset[int]
    passed: frozenset[int]
    seconds: float
    environment_id: int | None = None

    def require_missing(self, connection: Connection) -> None:
        """Have the part for the rest of the transaction.

        Raises:
            StoredElsewhere: some of the positions are stored already.
        """
        connection.execute(named(connection, LOCK), (self.run_id, self.part))
        if stored := stored_among(connection, self.run_id, self.part, self.positions):
            raise StoredElsewhere(stored)

    def enter(self, connection: Connection) -> None:
        """Say that they are stored; with the last of a run it is finished."""
        rows = [
            (first, last, sum(first <= one <= last for one in self.passed))
            for first, last in runs_of(self.positions)
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        by = (*self.worker, self.environment_id)
        connection.execute(named(connection, ENTER), (self.run_id, self.part, *by, *columns))
        values = {
            **self.worker._asdict(),
            "images": len(self.positions),
            "seconds": self.seconds,
            "run": self.run_id,
            "part": self.part,
        }
        ((done,),) = connection.execute(named(connection, COUNT_DOWN), values).fetchall()
        if not done:
            return
        ((left,),) = connection.execute(named(connection, PART_IS_DONE), (self.run_id,)).fetchall()
        if not left:
            ended = {"run": Literal(self.run_id), "ended": Literal(Ended.FINISHED.value)}
            connection.execute(named(connection, FINISH_RUN, **ended))


def stored_among(
    connection: Connection, run_id: int, part: int, positions: Collection[int]
) -> frozenset[int]:
    """Which positions of a part are stored."""
    between = (min(positions), max(positions)) if positions else (0, -1)
    rows = connection.execute(named(connection, STORED_BETWEEN), (run_id, part, *between)).fetchall()
    return frozenset(one for one in positions if any(first <= one <= last for first, last in rows))


def stored_spans(connection: Connection, run_id: int, part: int) -> list[tuple[int, int]]:
    """The first and last positions of what is stored of a part, in order."""
    return [(int(first), int(last)) for first, last in _rows(connection, STORED, (run_id, part))]


def is_made_by(connection: Connection, entry: LedgerEntry) -> bool:
    """Whether the ledger has this entry, of this very process."""
    values = (entry.run_id, entry.part, min(entry.positions), entry.worker.attempt)
    return bool(_rows(connection, MADE_BY, values))


def take(connection: Connection, run_id: int, part: int, worker: Worker, seconds: float) -> Claim | None:
    """Take a part, whoever has it; None where all of it is stored."""
    values = {**worker._asdict(), "run": run_id, "part": part, "seconds": seconds}
    for row in connection.execute(named(connection, TAKE, hold=HOLD), values).fetchall():
        return Claim(*row)
    return None


def take_free(
    connection: Connection,
    run_id: int,
    worker: Worker,
    seconds: float,
    *,
    taken: Iterable[int],
    gone: Iterable[str],
) -> Claim | None:
    """Take the next part that nobody is at, or whose processes are `gone`; None where there is none.

    `taken` are those that this process knows it has.
    """
    values = {**worker._asdict(), "run": run_id, "seconds": seconds, "taken": list(taken), "gone": list(gone)}
    for row in connection.execute(named(connection, TAKE_FREE, hold=HOLD), values).fetchall():
        return Claim(*row)
    return None


def give_back(connection: Connection, run_id: int, worker: Worker) -> None:
    """Leave the parts that a process is at to others."""
    connection.execute(named(connection, GIVE_BACK), (run_id, worker.attempt))


def held_on(connection: Connection, run_id: int, host: str) -> list[str]:
    """The processes of a host that are at parts, or were when they ended."""
    return [str(attempt) for (attempt,) in _rows(connection, HELD_ON_HOST, (run_id, host))]


def waiting(connection: Connection, run_id: int, worker: Worker) -> Waiting:
    """What is left of a run for others than a process."""
    [(parts, hosts, seconds)] = _rows(connection, WAITING, (run_id, worker.attempt))
    return Waiting(parts, tuple(hosts), seconds)


def parts_left(connection: Connection, run_id: int) -> int:
    """How many parts are not done yet."""
    [(left,)] = _rows(connection, LEFT, (run_id,))
    return int(left)


def runs_of(positions: Iterable[int]) -> list[tuple[int, int]]:
    """The first and last of positions that follow one another.

    Example:
        >>> runs_of([3, 1, 2, 7])
        [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for position in sorted(positions):
        if found and position == found[-1][1] + 1:
            found[-1] = (found[-1][0], position)
        else:
            found.append((position, position))
    return found


def _rows(connection: Connection, statement: SQL, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(named(connection, statement), values).fetchall()
