"""The schema: made, upgraded, and put around the 2020 program's tables."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from mlpredict.errors import DatabaseError, SchemaOutdated
from mlpredict.storage import migrations
from mlpredict.storage.migrations import SchemaReport, applied_version, migrate, require_current
from tests.conftest import Command
from tests.published import PUBLISHED_TABLES

PUBLISHED_ROWS = """
    INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,/9j/'), ('data:image/jpeg;base64,/9k/');
    INSERT INTO predictions (inputId, predictions) VALUES
        (1, '[0.1, 0.7, 0.2]'), (2, '[[0.25, 0.25, 0.5]]'), (2, '[17.5]'), (1, '{"a": 1}'), (1, NULL);
"""
Rows = list[tuple[object, ...]]


def rows(connection: psycopg.Connection[tuple[object, ...]], query: bytes) -> Rows:
    return connection.execute(query).fetchall()


def published(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(PUBLISHED_TABLES)
        connection.execute(PUBLISHED_ROWS)


def migrated(dsn: str) -> SchemaReport:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return migrate(connection)


def test_an_empty_database_gets_every_migration_once(empty_dsn: str) -> None:
    first, second = migrated(empty_dsn), migrated(empty_dsn)
    assert [m.version for m in first.applied] == list(range(1, len(first.applied) + 1))
    assert (second.applied, second.present) == ((), first.applied)


def test_the_published_columns_keep_names_types_and_places(empty_dsn: str) -> None:
    migrated(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        columns = rows(
            connection,
            b"SELECT table_name, column_name, data_type FROM information_schema.columns"
            b" WHERE (table_name, ordinal_position) IN"
            b" (('inputs', 1), ('inputs', 2), ('predictions', 1), ('predictions', 2), ('predictions', 3))"
            b" ORDER BY table_name, ordinal_position",
        )
    assert columns == [
        ("inputs", "id", "bigint"),
        ("inputs", "image", "text"),
        ("predictions", "id", "bigint"),
        ("predictions", "inputid", "bigint"),
        ("predictions", "predictions", "json"),
    ]


def test_a_published_database_is_adopted_with_its_rows(empty_dsn: str) -> None:
    published(empty_dsn)
    report = migrated(empty_dsn)
    assert (report.adopted_inputs, report.adopted_predictions) == (2, 5)
    with psycopg.connect(empty_dsn) as connection:
        assert rows(connection, b"SELECT id, image FROM inputs ORDER BY id") == [
            (1, "data:image/jpeg;base64,/9j/"),
            (2, "data:image/jpeg;base64,/9k/"),
        ]
        assert rows(
            connection,
            b"SELECT id, inputid, predictions::text, likely_class, label, score, created_at"
            b" FROM predictions ORDER BY id",
        ) == [
            (1, 1, "[0.1, 0.7, 0.2]", 1, "1", 0.7, None),
            (2, 2, "[[0.25, 0.25, 0.5]]", 2, "2", 0.5, None),
            (3, 2, "[17.5]", None, None, None, None),
            (4, 1, '{"a": 1}', None, None, None, None),
            (5, 1, None, None, None, None, None),
        ]


def test_ids_of_an_adopted_database_pass_32_bits(empty_dsn: str) -> None:
    published(empty_dsn)
    migrated(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("SELECT setval('inputs_id_seq', 3000000000)")
        connection.execute("SELECT setval('predictions_id_seq', 3000000000)")
        connection.execute("INSERT INTO inputs (image) VALUES ('x')")
        connection.execute("INSERT INTO predictions (inputid) SELECT max(id) FROM inputs")
        assert rows(connection, b"SELECT max(id), max(inputid) FROM predictions") == [
            (3000000001, 3000000001)
        ]


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ("[0.1, 0.9]", (1, "1", pytest.approx(0.9))),
        ("[0.5, 0.5]", (0, "0", 0.5)),
        ("[0.1, 0.1]", (None, None, None)),
        ("[2, -1]", (None, None, None)),
        ("[]", (None, None, None)),
        ("[[0.5, 0.5], [0.5, 0.5]]", (None, None, None)),
        ('["1", 0]', (None, None, None)),
        ("3", (None, None, None)),
        ("[1e999999, 0]", (None, None, None)),
        ("null", (None, None, None)),
    ],
)
def test_rows_the_2020_program_goes_on_writing_get_their_likely_class(
    connection: psycopg.Connection[tuple[object, ...]], vector: str, expected: tuple[object, ...]
) -> None:
    connection.execute("INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,')")
    connection.execute("INSERT INTO predictions (inputId, predictions) VALUES (1, %s)", (vector,))
    assert rows(connection, b"SELECT likely_class, label, score FROM predictions") == [expected]


@pytest.mark.parametrize(
    "vector",
    [
        '["\\u0000", 1]',
        '[["\\u0000", 0.5]]',
        '[["a\\u0000b"], [1]]',
        '{"a": "\\u0000"}',
        "[1e999999, 0]",
        '[0.5, "\\udc00"]',
    ],
)
def test_a_published_database_is_adopted_whatever_its_json_holds(
    empty_dsn: str, vector: str, mlpredict: Command
) -> None:
    published(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("INSERT INTO predictions (inputId, predictions) VALUES (1, %s)", (vector,))
    adopted = mlpredict("init-db", "--dsn", empty_dsn)
    assert (adopted.returncode, b"adopted 2 inputs and 6 predictions" in adopted.stderr) == (0, True)
    listed = mlpredict("list", "--dsn", empty_dsn, "--format", "jsonl")
    assert listed.returncode == 0
    first, *others = listed.stdout.decode().splitlines()
    assert f'"prediction":{vector},"likely_class":null,"label":null' in first
    assert [json.loads(line)["likely_class"] for line in others] == [None, None, None, 2, 1]
    assert mlpredict("show", "6", "--dsn", empty_dsn, "--json").returncode == 0


def test_a_failing_migration_changes_nothing(
    empty_dsn: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(empty_dsn)
    *good, last = migrations.migrations()
    broken = good[0].path.parent / "no-such-file.sql"
    monkeypatch.setattr(migrations, "migrations", lambda: (*good, last._replace(path=broken)))
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        with pytest.raises(OSError, match="no-such-file"):
            migrate(connection)
        assert rows(connection, b"SELECT to_regclass('schema_migrations'), to_regclass('runs')") == [
            (None, None)
        ]
        assert rows(connection, b"SELECT count(*) FROM predictions") == [(5,)]


def test_many_may_migrate_at_once(empty_dsn: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(migrated, [empty_dsn] * 6))
    assert sorted(bool(report.applied) for report in reports) == [False] * 5 + [True]


def test_who_waited_for_another_migration_sees_what_it_made(empty_dsn: str) -> None:
    with (
        psycopg.connect(empty_dsn, autocommit=True) as first,
        psycopg.connect(empty_dsn, autocommit=True) as second,
    ):
        assert applied_version(second) == 0
        with ThreadPoolExecutor() as pool:
            with first.transaction():
                done = migrate(first)
                waiting = pool.submit(migrate, second)
                while not rows(first, b"SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                    assert not waiting.done()
            report = waiting.result()
    assert (report.applied, report.present) == ((), done.applied)


def test_a_database_without_the_tables_asks_for_init_db(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection, pytest.raises(SchemaOutdated) as raised:
        require_current(connection)
    assert raised.value.hint is not None
    assert "init-db" in raised.value.hint


def test_an_older_schema_asks_for_init_db_and_a_newer_one_for_an_upgrade(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    connection.execute("DELETE FROM schema_migrations WHERE version > 1")
    with pytest.raises(SchemaOutdated, match="schema 1"):
        require_current(connection)
    connection.execute("INSERT INTO schema_migrations (version, name) VALUES (9999, 'from_the_future')")
    with pytest.raises(DatabaseError, match="newer"):
        require_current(connection)
    with pytest.raises(DatabaseError, match="newer"):
        migrate(connection)
