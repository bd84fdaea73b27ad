"""Sessions of the local server have from their start on what transactions elsewhere say as they begin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.domain import EngineName, Keep, PredictionRecord, Run
from mlpredict.errors import DatabaseError
from mlpredict.storage import migrations, storing_batches, transactions
from mlpredict.storage.connection import Connection
from mlpredict.storage.pool import open_reads
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.server import lifecycle
from mlpredict.storage.server.local_server import LocalServer, connect
from mlpredict.storage.session_settings import OF_STATEMENTS_ALONE, plain, settings_of
from tests.rows import insert_input, model, new

FOREIGN = {
    "DateStyle": "German",
    "TimeZone": "Asia/Tokyo",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "-3",
    "bytea_output": "escape",
    "statement_timeout": "1234",
    "lock_timeout": "10",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
}


@pytest.fixture
def at_home(shared: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """The server, as the one that commands without a DSN use."""
    monkeypatch.setenv("MLPREDICT_HOME", str(shared.wanted))
    return shared


@pytest.fixture
def local(at_home: LocalServer) -> Iterator[Repository]:
    """The local repository, with tables that are empty."""
    with lifecycle.open_connection(at_home, autocommit=True) as connection:
        migrations.migrate(connection)
        connection.execute("TRUNCATE predictions, inputs, runs, models CASCADE")
    with open_repository(None) as repository:
        yield repository


@pytest.fixture
def local_run(local: Repository) -> Run:
    return local.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)


@pytest.fixture
def foreign_settings(at_home: LocalServer) -> Iterator[None]:
    """What somebody has set for the server, the database and the role."""
    with connect(at_home, autocommit=True) as administrator:
        owners = [SQL("SYSTEM"), SQL("DATABASE mlpredict"), SQL("ROLE mlpredict")]
        for number, (name, value) in enumerate(FOREIGN.items()):
            administrator.execute(
                SQL("ALTER {} SET {} = {}").format(owners[number % 3], Identifier(name), Literal(value))
            )
        administrator.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for owner in owners:
                administrator.execute(SQL("ALTER {} RESET ALL").format(owner))
            administrator.execute("SELECT pg_reload_conf()")


def shown(connection: Connection, name: str) -> str:
    (value,) = connection.execute(SQL("SELECT current_setting({})").format(Literal(name))).fetchone() or ("",)
    return str(value)


@pytest.mark.usefixtures("foreign_settings")
def test_nobodys_settings_are_those_of_a_session(
    local: Repository, at_home: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {
        name: plain(value) for name, value in (*settings_of(at_home.binaries.major), *OF_STATEMENTS_ALONE)
    }
    environment = {
        "PGOPTIONS": "-c statement_timeout=1 -c DateStyle=SQL",
        "PGTZ": "Asia/Tokyo",
        "PGDATESTYLE": "German",
    }
    for changed in ({}, environment):
        for name, value in changed.items():
            monkeypatch.setenv(name, value)
        with open_repository(None) as repository, open_reads(None) as pool, pool.repository() as reading:
            for name, value in wanted.items():
                assert (name, shown(repository.connection, name)) == (name, value)
                if name not in ("statement_timeout", "default_transaction_read_only"):
                    assert (name, shown(reading.connection, name)) == (name, value)
            assert shown(reading.connection, "statement_timeout") == "30s"
            assert shown(reading.connection, "transaction_read_only") == "on"


def without_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(*_: object) -> None:
        raise AssertionError("a transaction")

    monkeypatch.setattr(transactions, "writing", begun)


@pytest.mark.usefixtures("foreign_settings")
def test_a_small_batch_needs_no_transaction(
    local: Repository, local_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_transactions(monkeypatch)
    stored = local.add(local_run, [new(0), new(1), new(2, image=b"0")], [])
    assert [one.filename for one in stored] == [f"pictures/{n}.png" for n in range(3)]
    assert stored[0].input_id == stored[2].input_id != stored[1].input_id
    assert stored[0].created_at is not None
    assert stored[0].created_at.tzinfo is not None
    assert stored[0].created_at.utcoffset() == UTC.utcoffset(None)
    assert local.stored(local_run, [new(0), new(1), new(2)], []) == [
        one._replace(filename=f"pictures/{n}.png") for n, one in enumerate(stored)
    ]


def test_it_is_stored_whole_or_not_at_all(
    local: Repository, local_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.add(local_run, [new(7)], [])
    without_transactions(monkeypatch)
    with pytest.raises(DatabaseError):
        local.add(local_run, [new(6), new(7)], [])
    counted = "SELECT (SELECT count(*) FROM inputs), (SELECT count(*) FROM predictions)"
    assert local.connection.execute(counted).fetchone() == (1, 1)


def test_an_image_that_another_is_storing_takes_a_transaction(
    at_home: LocalServer, local: Repository, local_run: Run
) -> None:
    with connect(at_home) as other, ThreadPoolExecutor() as pool:
        known = insert_input(other, new(1).input)
        adding = pool.submit(local.add, local_run, [new(0), new(1), new(2)], [])
        time.sleep(0.3)
        assert not adding.done()
        other.commit()
        records: list[PredictionRecord] = adding.result(60)
    assert records[1].input_id == known
    stored = local.connection.execute("SELECT position, inputid FROM predictions ORDER BY position")
    assert stored.fetchall() == [(n, one.input_id) for n, one in enumerate(records)]
    assert local.connection.execute("SELECT count(*) FROM inputs").fetchone() == (3,)


def test_no_image_is_left_without_its_prediction_when_the_rest_is_never_stored(
    at_home: LocalServer, local: Repository, local_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_transactions(monkeypatch)
    with connect(at_home) as other, ThreadPoolExecutor() as pool:
        insert_input(other, new(1).input)
        adding = pool.submit(local.add, local_run, [new(0), new(1), new(2)], [])
        time.sleep(0.3)
        other.commit()
        with pytest.raises(AssertionError, match="a transaction"):
            adding.result(60)
    counted = "SELECT (SELECT count(*) FROM inputs), (SELECT count(*) FROM predictions)"
    assert local.connection.execute(counted).fetchone() == (1, 0)


def test_within_a_transaction_and_on_other_servers_it_is_not_alone(
    local: Repository, local_run: Run, repository: Repository, run: Run
) -> None:
    with transactions.writing(local.connection):
        assert storing_batches.add_alone(local.connection, local_run, [new(0)]) is None
    assert storing_batches.add_alone(local.connection, local_run, [new(0)]) is not None
    assert storing_batches.add_alone(repository.connection, run, [new(0)]) is None
