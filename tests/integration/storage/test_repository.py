"""Rows from dataclasses and dataclasses from rows, on a real server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import pytest

from mlpredict.domain import (
    EngineName,
    Keep,
    NewInput,
    Prediction,
    PredictionFilter,
    PredictionRecord,
    Rejected,
    Run,
    Source,
    Task,
)
from mlpredict.errors import DatabaseError, NotFound
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.storing_inputs import INSERT_BYTES
from tests.notices import heard
from tests.rows import LABELS, model, new

EVERYTHING = PredictionFilter()


def test_what_is_added_is_what_is_listed(repository: Repository, run: Run) -> None:
    added = repository.add(run, [new(0), new(1, likely=2, score=0.125)], [])
    assert list(repository.predictions(EVERYTHING, limit=None)) == added[::-1]
    assert added[1] == PredictionRecord(
        prediction_id=2,
        input_id=2,
        run_id=1,
        filename="pictures/1.png",
        contenttype="image/png",
        prediction="[0.1,0.2,0.7]",
        likely_class=2,
        label="mouse",
        score=0.125,
        model="pets@3f2a91c0",
        created_at=added[1].created_at,
    )
    assert added[1].created_at is not None
    assert abs(added[1].created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_float32_comes_back_digit_for_digit(repository: Repository, run: Run) -> None:
    values = "[1.1754944e-38,0.1,0.33333334,3.4028235e38,1e-45]"
    repository.add(run, [new(0, prediction=Prediction(values, 0, "cat", 0.33333334))], [])
    [record] = repository.predictions(EVERYTHING, limit=1)
    assert (record.prediction, record.score) == (values, 0.33333334)


def test_an_image_is_one_input_however_often_it_is_predicted(repository: Repository, run: Run) -> None:
    first = repository.add(run, [new(0, image=b"a"), new(1, image=b"a"), new(2, image=b"b")], [])
    again = repository.add(run, [new(3, image=b"b")], [])
    assert [record.input_id for record in (*first, *again)] == [
        first[0].input_id,
        first[0].input_id,
        first[2].input_id,
        first[2].input_id,
    ]


def test_large_images_and_small_ones_come_back_as_they_were(repository: Repository, run: Run) -> None:
    sizes = [10, 3 * INSERT_BYTES, 20, INSERT_BYTES // 2, INSERT_BYTES // 2, 2 * INSERT_BYTES, 30, 20]
    uris = [f"data:image/png;base64,{chr(65 + n) * size}" for n, size in enumerate(sizes)]
    batch = [
        new(n, input=NewInput(uri, "original", bytes([99 - n]) * 32, "image/png", 28, 14))
        for n, uri in enumerate(uris)
    ]
    records = repository.add(run, batch, [])
    images = [repository.detail(record.prediction_id or 0).image for record in records]
    assert [image.uri for image in images] == uris
    again = repository.add(run, [one._replace(position=one.position + 100) for one in batch[::-1]], [])
    assert [record.input_id for record in again] == [record.input_id for record in records][::-1]


def test_an_image_kept_in_another_way_is_another_input(repository: Repository, run: Run) -> None:
    elsewhere = NewInput("file:///a.png", "reference", b"a".ljust(32, b"\0"), "image/png", 28, 14)
    records = repository.add(run, [new(0, image=b"a"), new(1, input=elsewhere)], [])
    assert records[0].input_id != records[1].input_id


def test_a_batch_is_stored_whole_or_not_at_all(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    with pytest.raises(DatabaseError):
        repository.add(run, [new(0), new(1, prediction=Prediction("not json", 0, "cat", 0.5))], [])
    counts = "SELECT (SELECT count(*) FROM inputs), (SELECT count(*) FROM predictions)"
    assert connection.execute(counts).fetchone() == (0, 0)


def test_a_prediction_s_model_is_its_run_s(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    other = repository.start_run(model("others", "a" * 64), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    for wrong in (Run(run.run_id, other.model_id, run.model), Run(999, run.model_id, run.model)):
        with pytest.raises(DatabaseError, match="foreign key"):
            repository.add(wrong, [new(0)], [])
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)


def test_a_position_of_a_run_is_stored_once(repository: Repository, run: Run) -> None:
    repository.add(run, [new(0)], [])
    with pytest.raises(DatabaseError):
        repository.add(run, [new(0)], [])


def test_failures_are_stored_with_their_reason(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    repository.add(run, [], [Rejected(7, Source(os.fsdecode(b"bad\xff.png")), "trun\0cated")])
    rows = connection.execute(
        "SELECT run_id, position, filename, filename_bytes, reason FROM failures"
    ).fetchall()
    assert rows == [(run.run_id, 7, "bad�.png", b"bad\xff.png", "trun␀cated")]


@pytest.mark.parametrize(
    "name",
    [
        b"x'); DROP TABLE predictions;--.png",
        b"%s %(id)s",
        b"\xff\xfe",
        "größe😀.png".encode(),
        b"a\nb\t\\",
        b"{}[red]",
    ],
)
def test_names_come_back_byte_for_byte(repository: Repository, run: Run, name: bytes) -> None:
    repository.add(run, [new(0, filename=os.fsdecode(name))], [])
    [record] = repository.predictions(EVERYTHING, limit=None)
    assert os.fsencode(record.filename or "") == name


def test_a_prediction_is_shown_with_its_image_and_model(repository: Repository, run: Run) -> None:
    repository.add(run, [new(0)], [])
    detail = repository.detail(1)
    assert detail.image.uri == "data:image/png;base64,0"
    assert (detail.image.width, detail.image.height, detail.image.sha256) == (28, 14, b"0".ljust(32, b"\0"))
    assert (detail.task, detail.activation, detail.labels) == ("classification", "softmax", list(LABELS))


def test_a_prediction_of_the_2020_program_is_shown(repository: Repository) -> None:
    connection = repository._connection
    connection.execute("INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,AAAA')")
    connection.execute("INSERT INTO predictions (inputId, predictions) VALUES (1, '[0.25, 0.75]')")
    [record] = repository.predictions(EVERYTHING, limit=None)
    assert (record.label, record.score, record.model, record.filename, record.run_id) == (
        "1",
        0.75,
        None,
        None,
        None,
    )
    assert orjson.loads(repository.detail(1).record.prediction) == [0.25, 0.75]


def test_an_unknown_prediction_is_not_found(repository: Repository) -> None:
    with pytest.raises(NotFound, match="no prediction 5"):
        repository.detail(5)


def test_a_model_predicted_what_it_predicted(repository: Repository, run: Run) -> None:
    repository.add(run, [new(0, image=b"a"), new(1, image=b"b")], [])
    digests = [letter.ljust(32, b"\0") for letter in (b"a", b"c")]
    assert repository.predicted("3f2a91c0" * 8, digests) == {digests[0]}
    assert repository.predicted("77" * 32, digests) == set()


def test_runs_that_store_the_same_images_at_once_do_not_hinder_each_other(dsn: str) -> None:
    def store(order: int) -> list[int | None]:
        with open_repository(dsn) as repository:
            run = repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
            images = [str(n).encode() for n in range(50)][:: 1 if order % 2 else -1]
            batches = [
                [new(10 * batch + n, image=image) for n, image in enumerate(images[10 * batch :][:10])]
                for batch in range(5)
            ]
            return [record.input_id for batch in batches for record in repository.add(run, batch, [])]

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(store, range(6)))
    assert {frozenset(inputs) for inputs in stored} == {frozenset(stored[0])}
    assert len(set(stored[0])) == 50


def test_a_finished_run_says_when(repository: Repository, run: Run) -> None:
    connection = repository._connection
    assert connection.execute("SELECT finished_at FROM runs").fetchone() == (None,)
    repository.finish_run(run)
    row = connection.execute("SELECT finished_at >= started_at, engine, keep, directory FROM runs").fetchone()
    assert row == (True, "litert", "original", os.getcwd())


def test_a_lost_connection_is_a_database_error(repository: Repository, run: Run) -> None:
    connection = repository._connection
    with psycopg.connect(connection.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    with pytest.raises(DatabaseError):
        repository.add(run, [new(0)], [])


def test_a_model_stays_what_its_first_run_said(
    repository: Repository, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    def start(name: str, **changes: object) -> Run:
        identity = model(name)._replace(**changes)  # type: ignore[arg-type]
        return repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)

    first = start("pets")
    with heard() as said:
        second = start("other", labels=("ape", "bee", "cow"), task=Task.RAW, description={})
    assert (first.model, second.model) == ("pets@3f2a91c0", "pets@3f2a91c0")
    assert said == ["/models/other is listed as pets@3f2a91c0: that was its name when it was first used"]
    assert connection.execute("SELECT name, path, task, labels, description FROM models").fetchall() == [
        ("pets", "/models/pets", "classification", list(LABELS), {"activation": "softmax", "height": 28})
    ]
    assert connection.execute("SELECT model_name, model_path FROM runs ORDER BY id").fetchall() == [
        ("pets", "/models/pets"),
        ("other", "/models/other"),
    ]
