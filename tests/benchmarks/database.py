"""Databases on the benchmark's own PostgreSQL: empty ones, and ones full of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mlpredict.storage.migrations import migrate
from mlpredict.storage.server import local_server
from mlpredict.storage.server.local_server import LocalServer
from tests.published import PUBLISHED_TABLES

INPUTS = 1000
"""Images in a filled database; `list` does not look at them."""

RUN_ROWS = 1000
FIRST = "2026-01-01T00:00:00+00:00"
"""When the first prediction was made, less the second that lies between each and the next."""

RARE = 10_007
"""One prediction in so many is of the rare label, and of the rare model."""

FILL = """
    INSERT INTO models (fingerprint, name, format, path, task, labels, description)
    SELECT repeat(n::text, 64), name, 'keras', '/models/' || name, 'classification', NULL, '{{}}'
    FROM unnest(ARRAY['common', 'rare']) WITH ORDINALITY AS model (name, n);

    INSERT INTO runs (model_id, engine, keep, directory, version)
    SELECT model, 'litert', 'original', '/home', '0'
    FROM (SELECT 2 AS model UNION ALL SELECT 1 FROM generate_series(0, {rows} / {run_rows})) AS runs;

    INSERT INTO inputs (image, sha256, kept, contenttype, width, height)
    SELECT 'data:image/png;base64,' || repeat('iVBORw0K', 50), sha256(n::text::bytea), 'original',
           'image/png', 28, 28
    FROM generate_series(1, {inputs}) AS n;

    INSERT INTO predictions (inputid, predictions, run_id, position, model_id, filename, contenttype,
                             likely_class, label, score, created_at)
    SELECT n % {inputs} + 1,
           format('[%s,0.00012,3.4e-7,0.0012345,0.0009876,1.2e-5,0.0034567,0.0023456,4.5e-6,0.0056789]',
                  score)::json,
           CASE WHEN n % {rare} = 0 THEN 1 ELSE (n - 1) / {run_rows} + 2 END, n,
           CASE WHEN n % {rare} = 0 THEN 2 ELSE 1 END,
           format('scans/%s.png', lpad(n::text, 7, '0')), 'image/png',
           n % 10, CASE WHEN n % {rare} = 0 THEN 'rare' ELSE (n % 10)::text END, score,
           {first}::timestamptz + n * interval '1 second'
    FROM generate_series(1, {rows}) AS n,
         LATERAL (SELECT (0.2 + 0.8 * ((n::bigint * 7919) % 1000003) / 1000003.0)::real AS score) AS scored;
"""


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of one server, made when they are first asked for."""

    server: LocalServer
    _made: set[str] = field(default_factory=set)

    @property
    def own(self) -> str:
        """The one mlpredict uses when nobody names another."""
        return local_server.conninfo(self.server)

    def published(self, name: str = "rivals") -> str:
        """One with the two tables of 2020."""
        dsn, new = self._database(name)
        if new:
            run(dsn, PUBLISHED_TABLES)
        return dsn

    def current(self, name: str) -> str:
        """One with mlpredict's tables."""
        dsn, new = self._database(name)
        if new:
            with psycopg.connect(dsn, autocommit=True) as connection:
                migrate(connection)
        return dsn

    def filled(self, rows: int) -> str:
        """One with so many predictions, a thousand to a run, one second apart."""
        name = f"rows_{rows}"
        known = name in self._made
        dsn = self.current(name)
        if not known:
            numbers = {"rows": rows, "run_rows": RUN_ROWS, "inputs": INPUTS, "rare": RARE, "first": FIRST}
            run(dsn, sql.SQL(FILL).format(**{key: sql.Literal(value) for key, value in numbers.items()}))
            run(dsn, "VACUUM ANALYZE")
        return dsn

    def copied(self, rows: int, name: str) -> str:
        """One of its own with the same predictions as a filled one."""
        self.filled(rows)
        copying = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        run(self.own, copying.format(sql.Identifier(name), sql.Identifier(f"rows_{rows}")))
        return make_conninfo(self.own, dbname=name)

    def _database(self, name: str) -> tuple[str, bool]:
        new = name not in self._made
        if new:
            run(self.own, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            self._made.add(name)
        return make_conninfo(self.own, dbname=name), new


def run(dsn: str, statements: str | sql.Composed) -> None:
    """Run statements, each on its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statements.encode() if isinstance(statements, str) else statements)


def empty(dsn: str) -> None:
    """Empty the tables, and write out what the last run left to be written."""
    run(dsn, "TRUNCATE inputs, predictions RESTART IDENTITY CASCADE")
    run(dsn, "CHECKPOINT")


def stored(dsn: str) -> int:
    """How many predictions there are."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM predictions").fetchone()
        return int(row[0]) if row else 0
