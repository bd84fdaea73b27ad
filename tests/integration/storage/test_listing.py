"""Which predictions the repository lists, in what order, and what the server does for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, PredictionFilter, Run
from mlpredict.storage.repository import Repository
from tests.rows import model, new

EVERYTHING = PredictionFilter()
EARLIEST = datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)
LATEST = datetime(2026, 1, 1, 5, 33, 11, tzinfo=UTC)
# One a second, scores between 0 and 1; two of them differ from the others.
MANY = """
    INSERT INTO predictions (run_id, position, model_id, filename, label, score, created_at, predictions)
    SELECT %s, n, %s, n || '.png', CASE WHEN n %% 9999 = 1 THEN 'rare' ELSE 'common' END, n / 20000.0,
           timestamptz '2026-01-01 00:00Z' + n * interval '1 second', '[]'
    FROM generate_series(1, 20000) AS n
"""


def listed(repository: Repository, **wanted: Any) -> list[int | None]:
    found = repository.predictions(PredictionFilter(**wanted), limit=None)
    return [record.prediction_id for record in found]


def index_scans(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[str, int]:
    """How often each index of the predictions has been used."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    found = connection.execute(
        "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE relname = 'predictions'"
    )
    return dict(found.fetchall())


def test_blocks_follow_one_another(repository: Repository, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpredict.storage.listing.BLOCK_ROWS", 3)
    repository.add(run, [new(position) for position in range(10)], [])
    assert listed(repository) == list(range(10, 0, -1))
    assert [r.prediction_id for r in repository.predictions(EVERYTHING, limit=4)] == [10, 9, 8, 7]
    assert [r.prediction_id for r in repository.predictions(EVERYTHING, limit=4, before=4)] == [3, 2, 1]
    assert list(repository.predictions(EVERYTHING, limit=4, before=1)) == []
    blocks = [block.split(b"\n") for block in repository.predictions_as_json(EVERYTHING, limit=7)]
    assert [len(block) for block in blocks] == [3, 3, 1]
    found = [orjson.loads(one)["prediction_id"] for block in blocks for one in block]
    assert found == list(range(10, 3, -1))


@pytest.mark.parametrize("wanted", [{}, {"labels": ("common",)}, {"run_id": 1}], ids=str)
def test_all_of_the_list_begins_at_once_without_statistics(
    repository: Repository, run: Run, wanted: dict[str, Any]
) -> None:
    connection = repository._connection
    connection.execute("ALTER TABLE predictions SET (autovacuum_enabled = off)")
    connection.execute(MANY, (run.run_id, run.model_id))
    connection.execute("SET work_mem = '64kB'; SET temp_file_limit = 0")
    assert len(listed(repository, **wanted)) > 19000


def test_a_list_that_nobody_reads_on_is_stopped(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    connection.execute("INSERT INTO predictions (predictions) SELECT '[]' FROM generate_series(1, 100000)")
    found = repository.predictions(EVERYTHING, limit=None)
    next(found)
    found.close()
    busy = "SELECT query FROM pg_stat_activity WHERE pid = %s AND state <> 'idle'"
    assert connection.execute(busy, (repository._connection.info.backend_pid,)).fetchall() == []
    assert len(list(repository.predictions(EVERYTHING, limit=3))) == 3


def test_filters_narrow_the_list(repository: Repository, run: Run) -> None:
    repository.add(
        run, [new(0, likely=0, score=0.1), new(1, likely=1, score=0.5), new(2, likely=2, score=0.9)], []
    )
    other = repository.start_run(model("birds", "77" * 32), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    repository.add(other, [new(0, filename="birds/a.jpg", score=0.7)], [])
    assert listed(repository, labels=("dog", "mouse")) == [3, 2]
    assert listed(repository, min_score=0.5, max_score=0.7) == [4, 2]
    assert listed(repository, run_id=run.run_id) == [3, 2, 1]
    assert listed(repository, filename="*.jpg") == [4]
    assert listed(repository, filename="pictures/[01]*") == [2, 1]
    assert listed(repository, filename="1.png") == [2]
    now = datetime.now(UTC)
    assert listed(repository, since=now - timedelta(hours=1), until=now + timedelta(hours=1)) == [4, 3, 2, 1]
    assert listed(repository, since=now + timedelta(hours=1)) == []


@pytest.mark.parametrize("wanted", ["pets", "pets@3f2a91c0", "3f2a91c0", "3F2A", "3f2a91c0" * 8])
def test_a_model_is_found_by_name_and_digits(repository: Repository, run: Run, wanted: str) -> None:
    repository.add(run, [new(0)], [])
    other = repository.start_run(model("birds", "77" * 32), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    repository.add(other, [new(0)], [])
    assert listed(repository, model=wanted) == [1]


def test_a_model_nobody_knows_has_no_predictions(repository: Repository, run: Run) -> None:
    repository.add(run, [new(0)], [])
    assert listed(repository, model="nobody") == []


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"labels": ("rare",)}, "predictions_label_id"),
        ({"model": "birds"}, "predictions_model_id_id"),
        ({"run_id": 2}, "predictions_run_id_id"),
        ({"since": LATEST}, "predictions_created_at"),
        ({"until": EARLIEST}, "predictions_created_at"),
        ({"min_score": 0.9999}, "predictions_score"),
        ({"max_score": 0.0001}, "predictions_score"),
        ({"labels": ("rare",), "max_score": 0.0001}, "predictions_score"),
    ],
    ids=str,
)
def test_a_filter_that_few_pass_finds_them_in_an_index(
    repository: Repository, run: Run, wanted: dict[str, Any], index: str
) -> None:
    other = repository.start_run(model("birds", "77" * 32), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    connection = repository._connection
    connection.execute(MANY, (run.run_id, run.model_id))
    connection.execute(
        "UPDATE predictions SET model_id = %s, run_id = %s WHERE label = 'rare'",
        (other.model_id, other.run_id),
    )
    connection.execute("ANALYZE predictions")
    before = index_scans(connection)
    list(repository.predictions(PredictionFilter(**wanted), limit=20))
    after = index_scans(connection)
    assert index in {name for name in after if after[name] > before[name]}


def test_the_list_does_not_read_images(repository: Repository, run: Run) -> None:
    connection = repository._connection
    repository.add(run, [new(0)], [])
    connection.execute("ALTER TABLE inputs RENAME COLUMN image TO hidden")
    assert listed(repository) == [1]


@pytest.mark.parametrize(
    "wanted",
    [
        {"until": EARLIEST + timedelta(minutes=10)},
        {"until": EARLIEST + timedelta(minutes=10), "labels": ("rare",)},
        {"since": EARLIEST + timedelta(minutes=5), "until": EARLIEST + timedelta(minutes=10)},
        {"until": EARLIEST - timedelta(hours=1)},
        {"until": LATEST},
    ],
    ids=str,
)
def test_the_newest_of_a_time_are_the_same_whichever_way_they_are_found(
    repository: Repository, run: Run, wanted: dict[str, Any]
) -> None:
    connection = repository._connection
    connection.execute(MANY, (run.run_id, run.model_id))
    # Not all ids and times are in one order.
    connection.execute("UPDATE predictions SET created_at = %s WHERE id IN (9000, 19000)", (EARLIEST,))
    connection.execute("ANALYZE predictions")
    newest = [one.prediction_id for one in repository.predictions(PredictionFilter(**wanted), limit=5)]
    assert newest == listed(repository, **wanted)[:5]


def test_an_early_time_is_found_without_reading_what_came_later(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    connection.execute(MANY, (run.run_id, run.model_id))
    connection.execute("VACUUM ANALYZE predictions")
    early = PredictionFilter(until=EARLIEST + timedelta(minutes=30))
    assert len(list(repository.predictions(early, limit=5))) == 5
    repository.close()
    connection.execute("SELECT pg_stat_force_next_flush()")
    read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'predictions_pkey'"
    ((entries,),) = connection.execute(read.encode()).fetchall()
    assert entries < 100
