"""A small batch is stored by one statement, and is then as any other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from mlpredict.domain import NewPrediction, Prediction, PredictionRecord, Run
from mlpredict.storage import storing_batches, writing
from mlpredict.storage.repository import Repository
from mlpredict.storage.storing_batches import MOST_AT_ONCE
from tests.rows import insert_input, new

Connection = psycopg.Connection[tuple[object, ...]]

COLUMNS = """
    SELECT p.position, p.run_id, p.model_id, p.filename, p.filename_bytes, p.map, p.contenttype,
           p.predictions::text, p.likely_class, p.label, p.score, p.labels, p.value, p.unit, p.outputs::text,
           i.sha256, i.kept, i.image, i.contenttype, i.width, i.height, i.difference_hash
    FROM predictions AS p JOIN inputs AS i ON i.id = p.inputid
    ORDER BY p.id
"""


def every_kind() -> list[NewPrediction]:
    """Predictions that have between them a value in each column, and none."""
    tricky = ("a,b", '"', "\\", "{}", "", "NULL", "ä\N{SNOWMAN}", "\0", "\udcff", "%s %b", " a ")
    several = Prediction("[0.9,0.8]", 0, "cat", 0.9, labels=tricky)
    number = Prediction("[3.4028235e38]", value=-1.1754944e-38, unit="m\0", outputs='{"b": [1, null]}')
    picture = Prediction("[0.5]", 1, "dog", float("nan"), map=bytes(range(256)))
    looked_at = new(6).input._replace(difference_hash=-(2**63))
    return [
        new(5, prediction=several),
        new(2**40, prediction=number, filename="caf\udce9.png"),
        new(0, prediction=picture, filename=None),
        new(6, input=looked_at, prediction=Prediction("[]", labels=())),
        new(1, filename="\0\n\t\\N %s.png", contenttype=""),
    ]


def stored_by_many_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing_batches, "MOST_AT_ONCE", 0)


def without_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def copied(*_: Any) -> list[PredictionRecord]:
        raise AssertionError("several statements")

    monkeypatch.setattr(writing, "add_predictions", copied)


def test_all_columns_are_what_many_statements_make_them(
    repository: Repository, run: Run, connection: Connection
) -> None:
    def rows(prepare: Any) -> tuple[list[tuple[object, ...]], list[PredictionRecord]]:
        connection.execute("TRUNCATE predictions, inputs RESTART IDENTITY CASCADE")
        with pytest.MonkeyPatch.context() as patch:
            prepare(patch)
            records = repository.add(run, every_kind(), [])
        return connection.execute(COLUMNS).fetchall(), [one._replace(created_at=None) for one in records]

    # As text, for what is not a number is not itself.
    assert str(rows(without_copy)) == str(rows(stored_by_many_statements))


def test_the_ids_are_in_the_order_of_the_predictions(
    repository: Repository, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_copy(monkeypatch)
    batch = [new(position, image=str(-position).encode()) for position in range(MOST_AT_ONCE)]
    records = repository.add(run, batch, [])
    assert [one.prediction_id for one in records] == [*range(1, MOST_AT_ONCE + 1)]
    assert [one.filename for one in records] == [one.filename for one in batch]


def test_of_the_pages_of_a_file_the_first_one_counts(
    repository: Repository, run: Run, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_copy(monkeypatch)
    pages = [new(n, input=new(n, image=b"file").input._replace(width=100 + n)) for n in range(3)]
    first, *_ = repository.add(run, [*pages, new(9)], [])
    again = repository.add(run, [page._replace(position=page.position + 10) for page in pages[::-1]], [])
    assert {one.input_id for one in again} == {first.input_id}
    widths = connection.execute("SELECT id, width FROM inputs WHERE width >= 100").fetchall()
    assert widths == [(first.input_id, 100)]
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (7,)


def test_an_image_that_another_is_storing_is_waited_for(
    dsn: str, repository: Repository, run: Run, connection: Connection
) -> None:
    with psycopg.connect(dsn) as other, ThreadPoolExecutor() as pool:
        known = insert_input(other, new(1).input)
        adding = pool.submit(repository.add, run, [new(0), new(1), new(2)], [])
        time.sleep(0.3)
        assert not adding.done()
        other.commit()
        records = adding.result(60)
    assert records[1].input_id == known
    assert [one.filename for one in records] == [f"pictures/{n}.png" for n in range(3)]
    stored = connection.execute("SELECT position, inputid FROM predictions ORDER BY position").fetchall()
    assert stored == [(n, one.input_id) for n, one in enumerate(records)]
    assert connection.execute("SELECT count(*) FROM inputs").fetchone() == (3,)


@pytest.mark.parametrize("count", [MOST_AT_ONCE, MOST_AT_ONCE + 1])
def test_larger_batches_are_copied(
    count: int, repository: Repository, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []
    add_predictions = writing.add_predictions

    def counted(connection: Any, run: Run, predictions: Any, *others: Any) -> list[PredictionRecord]:
        copied.append(len(predictions))
        return add_predictions(connection, run, predictions, *others)

    monkeypatch.setattr(writing, "add_predictions", counted)
    repository.add(run, [new(position) for position in range(count)], [])
    assert copied == ([] if count <= MOST_AT_ONCE else [count])
