"""A role that may create objects in our schema has none of them called with another role's rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from mlpredict.domain import EngineName, Keep, KeyedRequest, PredictionFilter, Rejected, Reply, Source
from mlpredict.errors import DatabaseError
from mlpredict.storage import migrations, names
from mlpredict.storage.connection import open_connection
from mlpredict.storage.migrations import migrate
from mlpredict.storage.repository import Repository, open_repository
from tests.conftest import DIGITS, Command
from tests.rows import model, new

PLANT = """
DO $$
DECLARE
    types text[] := ARRAY['smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric', 'text',
        'name', 'bytea', 'json', 'timestamptz', 'timestamp', 'oid',
        'text[]', 'bytea[]', 'bigint[]', 'name[]'];
    operators text[] := ARRAY['=', '<>', '<', '>', '<=', '>=', '~', '||', '-', '+', '@>', '&&', '->>', '->'];
    one text; two text; called text;
BEGIN
    CREATE FUNCTION public.alarm() RETURNS void LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''a planted object was called''; END';
    FOREACH one IN ARRAY types LOOP
        FOREACH two IN ARRAY types LOOP
            EXECUTE format('CREATE FUNCTION public.planted(%s, %s) RETURNS boolean LANGUAGE plpgsql '
                           'AS ''BEGIN PERFORM public.alarm(); RETURN true; END''', one, two);
            FOREACH called IN ARRAY operators LOOP
                IF to_regoperator(format('pg_catalog.%s(%s,%s)', called, one, two)) IS NULL THEN
                    EXECUTE format('CREATE OPERATOR public.%s (leftarg = %s, rightarg = %s, '
                                   'function = public.planted)', called, one, two);
                END IF;
            END LOOP;
            EXECUTE format('CREATE FUNCTION public.json_build_array(%s, %s) RETURNS json LANGUAGE plpgsql '
                           'AS ''BEGIN PERFORM public.alarm(); RETURN NULL; END''', one, two);
            FOREACH called IN ARRAY ARRAY['generate_series', 'array_position', 'left', 'encode'] LOOP
                EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS integer LANGUAGE plpgsql '
                               'AS ''BEGIN PERFORM public.alarm(); RETURN 1; END''', called, one, two);
            END LOOP;
        END LOOP;
        FOREACH called IN ARRAY ARRAY['to_json', 'nextval', 'length', 'max', 'chr', 'lower', 'unnest',
                                      'pg_advisory_xact_lock', 'json_array_elements_text', 'count'] LOOP
            EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS bigint LANGUAGE plpgsql '
                           'AS ''BEGIN PERFORM public.alarm(); RETURN 1; END''', called, one);
        END LOOP;
    END LOOP;
END
$$
"""
"""Every operator of mixed types, and functions whose parameters fit better than PostgreSQL's own."""

TAKE_OVER = """
CREATE FUNCTION public.same(real, integer) RETURNS boolean LANGUAGE plpgsql SECURITY INVOKER
AS $$ BEGIN EXECUTE 'ALTER ROLE {role} SUPERUSER'; RETURN true; END $$;
CREATE OPERATOR public.= (leftarg = real, rightarg = integer, function = public.same)
"""

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def role(administrator: Connection) -> Iterator[str]:
    """A role of no rights; ask for it before a database, and what it has made is gone before it is."""
    name = f"low_{os.getpid()}"
    administrator.execute(SQL("CREATE ROLE {}").format(Identifier(name)))
    yield name
    administrator.execute(SQL("DROP ROLE {}").format(Identifier(name)))


@pytest.fixture
def low(role: str, dsn: str) -> str:
    """A role that may create objects in our schema, and nothing else."""
    allow(dsn, role)
    return role


def allow(dsn: str, role: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SQL("GRANT CREATE ON SCHEMA public TO {}").format(Identifier(role)))


def plant(dsn: str, role: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SQL("SET ROLE {}").format(Identifier(role)))
        connection.execute(script.encode())


def test_the_list_makes_nobody_superuser(low: str, dsn: str, mlpredict: Command) -> None:
    with open_repository(dsn) as repository:
        store(repository)
    plant(dsn, low, TAKE_OVER.format(role=low))
    for arguments in ((), ("--json",), ("--min-score", "0.5")):
        assert mlpredict("list", "--dsn", dsn, *arguments).returncode == 0
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (low,))
        assert found.fetchall() == [(False,)]


def store(repository: Repository) -> tuple[int, int]:
    """Store as `predict` does; the ids of a prediction and its input."""
    run = repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    batch = [new(0), new(1)]
    lost = [Rejected(2, Source("lost.png"), "it is no image")]
    asked = KeyedRequest(os.urandom(32), bytes(32), lambda _outcomes: Reply(200, b"{}"))
    (first, _) = repository.add(run, batch, lost, [asked])
    assert repository.replies([asked.key])
    assert repository.stored(run, batch, []) is not None
    assert repository.stored(run, [], lost) == []
    assert repository.predicted(model().fingerprint, [batch[0].input.sha256])
    version = os.urandom(16)
    repository.remember_objects({version: batch[0].input.sha256})
    assert repository.predicted_objects(model().fingerprint, [version])
    repository.finish_run(run)
    assert first.prediction_id is not None
    assert first.input_id is not None
    return first.prediction_id, first.input_id


def test_no_statement_calls_what_another_role_has_made(
    low: str, dsn: str, mlpredict: Command, tmp_path: Path
) -> None:
    plant(dsn, low, PLANT)
    with open_repository(dsn) as repository:
        prediction_id, input_id = store(repository)
        now = datetime.now(UTC)
        for wanted in (
            PredictionFilter(),
            PredictionFilter(labels=("1",), model=model().name, run_id=1),
            PredictionFilter(labels=("1", "2"), min_score=0.1, max_score=1.0, since=now, until=now),
            PredictionFilter(filename="*.png"),
            PredictionFilter(model=model().fingerprint[:8]),
        ):
            for limit in (None, 5):
                list(repository.predictions(wanted, limit=limit))
                list(repository.predictions_as_json(wanted, limit=limit, before=1000))
        assert repository.detail(prediction_id).record.prediction_id == prediction_id
        assert repository.image(input_id).input_id == input_id
        assert repository.known_models()
        assert repository.published_rows(1000, 10)
        repository.next_before(1000, 1)
    images = tmp_path / "images"
    for command in (
        ["init-db"],
        ["predict", str(DIGITS), "--run-key", "k", "--part", "0/2"],
        ["predict", str(DIGITS), "--run-key", "k", "--part", "auto"],
        ["predict", str(DIGITS), "--run-key", "k", "--part", "1/2"],
        ["list"],
        ["list", "--failures"],
        ["db", "status"],
        ["show", str(prediction_id)],
        ["runs"],
        ["runs", "last"],
        ["models"],
        ["models", model().name],
        ["failures", "--run", "last", "--filename", "*.png"],
        ["export", str(tmp_path / "all.csv"), "--probabilities"],
        ["delete", str(prediction_id), "--yes"],
        ["delete", "--image", str(DIGITS / "7-marker.png"), "--yes"],
        ["delete", "--run", "1", "--yes"],
        ["export", str(images), "--by", "predicted"],
    ):
        done = mlpredict(*command, "--dsn", dsn)
        assert done.returncode == 0, done.stderr


def test_what_the_2020_program_inserts_calls_nothing_that_another_role_has_made(low: str, dsn: str) -> None:
    plant(dsn, low, PLANT)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for vector in ("[0.1, 0.9]", "[[0.1, 0.9]]", "[1, 1]", "[]", '{"a": 1}', None):
            connection.execute("INSERT INTO predictions (predictions) VALUES (%s)", (vector,))
        with pytest.raises(psycopg.errors.RaiseException, match="planted"):  # that there is something to call
            connection.execute("SELECT 1::numeric - 1::integer")
        found = connection.execute("SELECT label, score::text FROM predictions ORDER BY id").fetchall()
    assert found == [("1", "0.9"), ("1", "0.9"), (None, None), (None, None), (None, None), (None, None)]


def test_every_function_of_ours_looks_nowhere_else(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        ).fetchall()
    assert found
    assert {name: None for name, settings in found if settings != ["search_path=pg_catalog, pg_temp"]} == {}


def test_a_function_that_somebody_uses_stays_and_looks_nowhere_else(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrations.migrations()
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        monkeypatch.setattr(migrations, "migrations", lambda: every[:10])
        migrate(connection)
        connection.execute("CREATE VIEW theirs AS SELECT (published_likely_class('[0.1, 0.9]')).score")
        monkeypatch.setattr(migrations, "migrations", lambda: every)
        migrate(connection)
        assert connection.execute("SELECT score::text FROM theirs").fetchone() == ("0.9",)
        found = connection.execute(
            "SELECT proconfig FROM pg_proc WHERE proname = 'published_likely_class'"
        ).fetchone()
    assert found == (["search_path=pg_catalog, pg_temp"],)


def test_the_search_path_is_as_it_was_after_every_transaction(dsn: str) -> None:
    with open_repository(dsn) as repository:
        store(repository)
    with open_connection(dsn) as connection:
        before = connection.execute("SHOW search_path").fetchone()
        repository = Repository(connection)
        list(repository.predictions(PredictionFilter(), limit=1))
        store(repository)
        assert connection.execute("SHOW search_path").fetchone() == before


def test_tables_are_found_in_the_schema_that_has_them(dsn: str) -> None:
    """Ours are in `ml`; `public`, behind it on the path, has others of the same names."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "m-l"')
        migrate(connection)
    path = f"{dsn} options='-c search_path=\"m-l\",public'"
    with open_connection(path) as connection:
        assert names.home_of(connection) == "public"
        connection.execute(
            'CREATE TABLE "m-l".predictions (id serial PRIMARY KEY, inputId integer, predictions json)'
        )
        connection.execute('CREATE TABLE "m-l".inputs (id serial PRIMARY KEY, image text)')
        migrate(connection)
        repository = Repository(connection)
        store(repository)
        assert len(list(repository.predictions(PredictionFilter(), limit=None))) == 2
        assert connection.execute('SELECT count(*) FROM "m-l".predictions').fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM public.predictions").fetchone() == (0,)


def test_a_trigger_of_the_tables_owner_finds_its_tables(dsn: str) -> None:
    with open_repository(dsn) as repository:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("""
                CREATE TABLE noted (id bigint);
                CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN INSERT INTO noted VALUES (NEW.id); RETURN NEW; END';
                CREATE TRIGGER note AFTER INSERT ON predictions FOR EACH ROW EXECUTE FUNCTION note()
            """)
        store(repository)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM noted").fetchone() == (2,)


def test_a_schema_open_to_all_is_told(empty_dsn: str, mlpredict: Command) -> None:
    said = "every role may create objects in the schema public"
    assert said not in mlpredict("init-db", "--dsn", empty_dsn).stderr.decode()
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert said in mlpredict("init-db", "--dsn", empty_dsn).stderr.decode()


def test_nothing_is_made_where_another_role_has_planted_something(role: str, empty_dsn: str) -> None:
    allow(empty_dsn, role)
    plant(empty_dsn, role, TAKE_OVER.format(role=role))
    with open_connection(empty_dsn) as connection:
        with pytest.raises(DatabaseError, match=rf"the operator =\(real,integer\) of {role}"):
            migrate(connection)
        assert names.home_of(connection) is None
