"""Other programs' tables under the names of ours: told from ours, and left as they are."""

from __future__ import annotations

import psycopg
import pytest

from mlpredict.errors import DatabaseError, SchemaOutdated
from mlpredict.storage import migrations, shape
from mlpredict.storage.migrations import applied_version, migrate, require_current
from mlpredict.storage.names import home_of
from mlpredict.storage.repository import open_repository
from tests.conftest import Command
from tests.integration.storage.test_migrations import PUBLISHED_ROWS
from tests.published import PUBLISHED_TABLES

GOLANG_MIGRATE = """
    CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
    INSERT INTO schema_migrations VALUES (7, false);
"""
RAILS = """
    CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
    INSERT INTO schema_migrations VALUES ('20240101000000'), ('9');
"""
ECTO = """
    CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, inserted_at timestamp(0));
    INSERT INTO schema_migrations VALUES (9, now());
"""
OUR_COLUMNS = """
    CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz);
    INSERT INTO schema_migrations SELECT n, 'users_' || n FROM generate_series(1, 9) AS n;
"""
OUR_FIRST_ROW = """
    CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL);
    INSERT INTO schema_migrations VALUES (1, 'schema_migrations'), (2, 'users');
"""
SUPABASE = "CREATE TABLE schema_migrations (version text PRIMARY KEY, statements text[], name text)"
NOTHING_ORDERED = """
    CREATE TABLE schema_migrations (version json, name json);
    INSERT INTO schema_migrations VALUES ('{}', '[]');
"""
RECORDS = [
    GOLANG_MIGRATE, RAILS, ECTO, OUR_COLUMNS, OUR_FIRST_ROW, SUPABASE, NOTHING_ORDERED,
    "CREATE VIEW schema_migrations AS SELECT 1 AS version, 'schema_migrations'::text AS name",
]  # fmt: skip

OTHERS = {
    "CREATE TABLE inputs (id uuid, image bytea)": "inputs (id uuid, image bytea)",
    "CREATE TABLE predictions (id serial, forecast json)": "predictions (id integer, forecast json)",
    "CREATE TABLE predictions (id bigserial, inputid bigint, predictions jsonb)": "predictions jsonb)",
    "CREATE TABLE runs (id integer, started date)": "runs (id integer, started date)",
    "CREATE TABLE models (name text); CREATE TABLE failures ()": "models (name text); failures ()",
    "CREATE VIEW runs AS SELECT 1 AS id": "runs (id integer), a view",
    "CREATE SEQUENCE runs": ", a sequence",
    "CREATE MATERIALIZED VIEW models AS SELECT 1 AS id": "models (id integer), a materialized view",
    "CREATE TABLE inputs (id serial, image text, width text)": "inputs.width (text)",
    "CREATE TABLE models (id bigserial PRIMARY KEY, fingerprint text, name text, format text, path text,"
    " task text, labels json, description json, created_at timestamptz)": "models (id bigint, fingerprint",
    PUBLISHED_TABLES
    + "CREATE TABLE runs (); CREATE TABLE failures (why text)": "runs (); failures (why text)",
    PUBLISHED_TABLES + GOLANG_MIGRATE: "schema_migrations (version bigint, dirty boolean)",
    "CREATE TABLE runs (" + ", ".join(f"c{n} int" for n in range(20)) + ")": "c11 integer and 8 more)",
}

RELATIONS = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""
EVERYTHING = """
    SELECT c.relname, c.relkind, a.attname, a.atttypid FROM pg_class AS c
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""


def execute(dsn: str, statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statements.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("published", ["", PUBLISHED_TABLES])
def test_another_programs_record_is_not_ours(empty_dsn: str, record: str, published: str) -> None:
    execute(empty_dsn, record + ";" + published)
    before = execute(empty_dsn, EVERYTHING)
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        assert applied_version(connection) == 0
        with pytest.raises(SchemaOutdated, match=r"no mlpredict tables yet|has schema 1"):
            require_current(connection)
        with pytest.raises(DatabaseError, match=r"schema_migrations \(version ") as raised:
            migrate(connection)
    assert raised.value.hint is not None
    assert "search_path" in raised.value.hint
    assert execute(empty_dsn, EVERYTHING) == before


@pytest.mark.parametrize(("statements", "named"), OTHERS.items())
def test_tables_of_other_shapes_are_refused_with_their_columns(
    empty_dsn: str, statements: str, named: str
) -> None:
    execute(empty_dsn, statements)
    before = execute(empty_dsn, EVERYTHING)
    with psycopg.connect(empty_dsn, autocommit=True) as connection, pytest.raises(DatabaseError) as raised:
        migrate(connection)
    assert named in raised.value.message
    assert execute(empty_dsn, EVERYTHING) == before


def test_what_is_said_makes_it_work_beside_another_program(
    empty_dsn: str, mlpredict: Command, digits: list[str]
) -> None:
    execute(empty_dsn, GOLANG_MIGRATE + "CREATE TABLE predictions (id serial, forecast json)")
    before = execute(empty_dsn, EVERYTHING)
    for command in (["predict", digits[0]], ["list"]):
        done = mlpredict(*command, "--dsn", empty_dsn)
        assert done.returncode == 3
        assert b"no mlpredict tables yet; run mlpredict init-db" in done.stderr
    done = mlpredict("init-db", "--dsn", empty_dsn)
    assert done.returncode == 3
    assert b"schema_migrations (version bigint, dirty boolean)" in done.stderr
    assert b"PGOPTIONS=-csearch_path=mlpredict" in done.stderr
    aside = {"PGOPTIONS": "-csearch_path=mlpredict"}
    done = mlpredict("init-db", "--dsn", empty_dsn, env=aside)
    assert done.returncode == 0, done.stderr
    assert b", schema mlpredict: applied" in done.stderr
    assert mlpredict("predict", digits[0], "--dsn", empty_dsn, env=aside).returncode == 0
    assert len(mlpredict("list", "--dsn", empty_dsn, env=aside).stdout.splitlines()) == 1
    assert execute(empty_dsn, EVERYTHING) == before


def test_ours_are_found_behind_others_on_the_search_path(dsn: str) -> None:
    execute(dsn, "CREATE SCHEMA mine; CREATE TABLE mine.predictions (id serial, forecast json)")
    execute(dsn, "CREATE TABLE mine.schema_migrations (version varchar)")
    with open_repository(f"{dsn} options='-c search_path=mine,public'") as repository:
        assert repository.predicted("f", [b"x"]) == set()


def test_an_upgrade_goes_where_the_tables_are(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations.migrations()
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "migrations", lambda: known[:2])
            migrate(connection)
        connection.execute("CREATE SCHEMA mine; CREATE TABLE mine.predictions (id serial, forecast json)")
        connection.execute("SET search_path = mine, public")
        assert len(migrate(connection).applied) == len(known) - 2
        assert home_of(connection) == "public"
        assert connection.execute("SHOW search_path").fetchone() == ("mine, public",)
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'mine'").fetchone()
        assert found == (1,)


def test_a_later_table_of_ours_that_another_program_has_is_refused(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.migrations()
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "migrations", lambda: known[:2])
            migrate(connection)
        connection.execute("CREATE TABLE models (name text); ALTER TABLE predictions ADD label text")
        with pytest.raises(DatabaseError, match=r"predictions\.label \(text\); models \(name text\)"):
            migrate(connection)
        assert applied_version(connection) == 2


def test_what_was_dropped_is_named_instead_of_sending_to_init_db_again(dsn: str, mlpredict: Command) -> None:
    execute(dsn, "DROP TABLE failures; ALTER TABLE runs RENAME model_name TO called")
    done = mlpredict("init-db", "--dsn", dsn)
    assert done.returncode == 3
    assert b"but no runs.model_name, failures; put back what was dropped" in done.stderr


def test_published_tables_without_a_sequence_are_not_adopted(empty_dsn: str) -> None:
    execute(empty_dsn, "CREATE TABLE inputs (id integer PRIMARY KEY, image text)")
    with (
        psycopg.connect(empty_dsn, autocommit=True) as connection,
        pytest.raises(DatabaseError, match=r"public\.inputs\.id has no sequence"),
    ):
        migrate(connection)


@pytest.mark.parametrize(
    "statements",
    [
        PUBLISHED_TABLES + PUBLISHED_ROWS,
        PUBLISHED_TABLES + "ALTER TABLE inputs ADD note text; ALTER TABLE predictions ADD reviewed boolean",
        "CREATE TABLE inputs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, image varchar)",
        "CREATE TABLE inputs (id serial PRIMARY KEY, image text)",
    ],
)
def test_published_tables_are_adopted(empty_dsn: str, statements: str) -> None:
    execute(empty_dsn, statements)
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        assert migrate(connection).applied == migrations.migrations()
        require_current(connection)


def test_the_shape_is_that_of_the_migrations(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        found = shape.relations_of(connection, "public")
        tables = connection.execute(RELATIONS).fetchall()
    assert {name for (name,) in tables} == set(shape.table_names())
    assert {name: list(relation.columns) for name, relation in found.items()} == {
        name: shape.columns_of(name, shape.ADDED) for name in shape.table_names()
    }
