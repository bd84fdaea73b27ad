"""The statements that plan a run which is done in parts: its plan, its names, and with what it is made."""

from __future__ import annotations

import json
from collections.abc import Sequence

from psycopg.sql import SQL

from mlpredict.domain.environments import Environment
from mlpredict.domain.parts import NameBlock, Plan, PlannedRun, spans
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named

BLOCKS_AT_ONCE = 64

PLAN = SQL("""
    SELECT p.run_id, r.model_id, m.name || '@' || left(m.fingerprint, 8), m.fingerprint, r.engine,
           r.directory, r.started_at, p.key, p.images, p.parts, p.sha256, p.samples, p.options
    FROM {s}.run_plans AS p
    JOIN {s}.runs AS r ON r.id = p.run_id
    JOIN {s}.models AS m ON m.id = r.model_id
    WHERE p.key = %s
""")

INSERT_ENVIRONMENT = SQL("""
    INSERT INTO {s}.environments (digest, facts)
    SELECT new.digest, new.facts::json
    FROM (VALUES (%(digest)s::text, %(facts)s::text)) AS new (digest, facts)
    WHERE NOT EXISTS (SELECT FROM {s}.environments AS known WHERE known.digest = new.digest)
    ON CONFLICT (digest) DO NOTHING
""")
ENVIRONMENT_ID = SQL("SELECT id FROM {s}.environments WHERE digest = %s")
"""A statement of its own: it sees what another process has stored meanwhile."""

INSERT_PLAN = SQL("""
    INSERT INTO {s}.run_plans (run_id, key, images, parts, parts_left, sha256, samples, options)
    VALUES (%s, %s, %s, %s, %s, %s, %s::json, %s::json)
    ON CONFLICT (key) DO NOTHING
    RETURNING run_id
""")
"""Where another process is making a run of this key, this waits until it has, or has given up."""

INSERT_NAMES = SQL("""
    INSERT INTO {s}.run_names (run_id, first, sha256, names)
    SELECT %b::bigint, * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[])
""")

INSERT_CLAIMS = SQL("""
    INSERT INTO {s}.run_claims (run_id, part, first, last, missing, done)
    SELECT %s::bigint, * FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[])
""")

BLOCK_HASHES = SQL("SELECT first, sha256 FROM {s}.run_names WHERE run_id = %s ORDER BY first")
BLOCK = SQL("SELECT first, sha256, names FROM {s}.run_names WHERE run_id = %s AND first = %s")


def planned(connection: Connection, key: str) -> PlannedRun | None:
    """The run of a key; None where there is none yet."""
    rows = connection.execute(named(connection, PLAN), (key,)).fetchall()
    if not rows:
        return None
    run_id, model_id, model, fingerprint, engine, directory, started_at, *told = rows[0]
    name, images, parts, sha256, samples, options = told
    plan = Plan(name, images, parts, bytes(sha256), samples, options)
    return PlannedRun(run_id, model_id, model, fingerprint, engine, directory, started_at, plan)


def add_environment(connection: Connection, environment: Environment) -> int:
    """The id of what predictions are made with, in the transaction that there is; new or not."""
    values = {"digest": environment.digest, "facts": environment.text}
    connection.execute(named(connection, INSERT_ENVIRONMENT), values)
    known = connection.execute(named(connection, ENVIRONMENT_ID), (environment.digest,))
    [(environment_id,)] = known.fetchall()
    return int(environment_id)


def add_plan(connection: Connection, run_id: int, plan: Plan, blocks: Sequence[NameBlock]) -> bool:
    """Store a plan with its names and parts, in the transaction that there is; whether it is the first."""
    parts = [
        (part, first, last, last - first + 1, last < first)
        for part, (first, last) in enumerate(spans(plan.images, plan.parts))
    ]
    values = (
        *(run_id, plan.key, plan.images, plan.parts, sum(not done for *_, done in parts), plan.sha256),
        *(json.dumps(dict(plan.samples)), json.dumps(dict(plan.options))),
    )
    if connection.execute(named(connection, INSERT_PLAN), values).fetchone() is None:
        return False
    for start in range(0, len(blocks), BLOCKS_AT_ONCE):
        columns = [list(column) for column in zip(*blocks[start : start + BLOCKS_AT_ONCE], strict=True)]
        connection.execute(named(connection, INSERT_NAMES), (run_id, *columns))
    columns = [list(column) for column in zip(*parts, strict=True)]
    connection.execute(named(connection, INSERT_CLAIMS), (run_id, *columns))
    return True


def block_hashes(connection: Connection, run_id: int) -> dict[int, bytes]:
    """The SHA-256 of each block of names, by its first position."""
    rows = connection.execute(named(connection, BLOCK_HASHES), (run_id,)).fetchall()
    return {int(first): bytes(sha256) for first, sha256 in rows}


def block(connection: Connection, run_id: int, first: int) -> NameBlock | None:
    """A block of names; None where the run has none so far out."""
    rows = connection.execute(named(connection, BLOCK), (run_id, first)).fetchall()
    for at, sha256, names in rows:
        return NameBlock(int(at), bytes(sha256), bytes(names))
    return None
