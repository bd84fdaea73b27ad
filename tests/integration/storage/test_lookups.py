"""Batches of a growing run look images up by indexes, whatever the server knows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from typing import Any

import psycopg
import pytest

from mlpredict.domain import Keep, Run
from mlpredict.storage import remote_objects, transactions
from mlpredict.storage.bucket_inputs import BucketObject, Reference
from mlpredict.storage.deletion import Deletion
from mlpredict.storage.repository import Repository
from tests.rows import model, new

ROWS = 5000
ASKED = 50
FINGERPRINT = model().fingerprint

INPUTS = """
    INSERT INTO inputs (sha256, kept, contenttype, width, height, image)
    SELECT sha256(int4send(n)), 'original', 'image/png', 1, 1, 'data:image/png;base64,'
    FROM generate_series(1, %s) AS n
"""
PREDICTIONS = """
    INSERT INTO predictions (run_id, position, model_id, inputid, filename, label, score, predictions)
    SELECT %s, n, %s, inputs.id, n || '.tif#1', 'common', 0.5, '[]'
    FROM generate_series(1, %s) AS n JOIN inputs ON inputs.sha256 = sha256(int4send(n))
"""

OBJECTS = """
    INSERT INTO remote_objects (version, input_id)
    SELECT substring(sha256 FOR 16), id FROM inputs
"""

Asked = Callable[[Repository, Sequence[int], Sequence[bytes]], Sized]

LOOKUPS: dict[str, Asked] = {
    "predicted": lambda repository, _, digests: repository.predicted(FINGERPRINT, digests),
    "predicted_names": lambda repository, _, digests: repository.predicted_names(FINGERPRINT, digests),
    "predicted_objects": lambda repository, _, digests: repository.predicted_objects(
        FINGERPRINT, [digest[:16] for digest in digests]
    ),
    "measured_inputs": lambda repository, ids, _: repository.measured_inputs(ids),
    "best_inputs": lambda repository, ids, _: repository.measured_inputs(ids, "model-input/x"),
    "replayed_already": lambda repository, ids, _: repository.replayed_already(ids, FINGERPRINT),
}


def rows_read(connection: psycopg.Connection[Any]) -> int:
    """How many rows of the large tables this connection, and those before it, have looked at."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_clear_snapshot()")
    found = connection.execute("""
        SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
        WHERE relname IN ('inputs', 'predictions', 'remote_objects')
    """).fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture(params=["never analysed", "analysed while empty"])
def grown(
    repository: Repository, run: Run, request: pytest.FixtureRequest
) -> tuple[Sequence[int], Sequence[bytes]]:
    """A few predictions of many by their ids, and the images they are of."""
    connection = repository._connection
    for table in ("inputs", "predictions", "remote_objects"):
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        if request.param == "analysed while empty":
            connection.execute(f"ANALYZE {table}")
    connection.execute(INPUTS, (ROWS,))
    connection.execute(PREDICTIONS, (run.run_id, run.model_id, ROWS))
    connection.execute(OBJECTS)
    return some_of(connection)


def some_of(connection: psycopg.Connection[Any]) -> tuple[Sequence[int], Sequence[bytes]]:
    rows = connection.execute(
        "SELECT p.id, i.sha256 FROM predictions AS p JOIN inputs AS i ON i.id = p.inputid"
        " ORDER BY p.position LIMIT %s",
        (ASKED,),
    ).fetchall()
    ids, digests = zip(*rows, strict=True)
    return ids, digests


def test_a_batch_reads_its_own_rows_alone(
    repository: Repository, run: Run, grown: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    for name, lookup in LOOKUPS.items():
        before = rows_read(repository._connection)
        assert (name, len(lookup(repository, *grown))) == (name, ASKED)
        assert rows_read(repository._connection) - before < 10 * ASKED, name
    known = [
        one._replace(input=one.input._replace(sha256=digest, kept=Keep.ORIGINAL))
        for one, digest in zip((new(ROWS + n) for n in range(1, ASKED + 1)), grown[1], strict=True)
    ]
    before = rows_read(repository._connection)
    assert len(repository.add(run, known, [])) == ASKED
    assert rows_read(repository._connection) - before < 10 * ASKED


def test_objects_are_remembered_and_forgotten_by_their_own_rows_alone(
    repository: Repository, grown: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    connection = repository._connection
    before = rows_read(connection)
    repository.remember_objects({digest[::-1][:16]: digest for digest in grown[1]})
    assert rows_read(connection) - before < 10 * ASKED
    found = connection.execute("SELECT id FROM inputs WHERE sha256 = ANY(%s)", (list(grown[1]),)).fetchall()
    before = rows_read(connection)
    with transactions.writing(connection):
        remote_objects.forget(connection, [one for (one,) in found])
    assert rows_read(connection) - before < 10 * ASKED
    left = connection.execute("SELECT count(*) FROM remote_objects").fetchone()
    assert left == (ROWS - ASKED,)


def test_what_refers_to_images_in_buckets_is_found_by_their_own_rows_alone(
    repository: Repository, grown: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    connection, digests = repository._connection, grown[1]
    connection.execute("UPDATE inputs SET kept = 's3://b/i/', image = 's3://b/i/' || encode(sha256, 'hex')")
    deletion = Deletion(connection)
    known: list[Reference] = []
    objects = [BucketObject(one, "s3://b/i/", f"s3://b/i/{one.hex()}") for one in digests]
    asked: list[Callable[[], object]] = [
        lambda: known.extend(deletion.references(digests)),
        lambda: deletion.sweep_unreferred(digests, known.extend),
        lambda: deletion.sweep(objects, lambda uris: pytest.fail(str(uris))),
    ]
    for ask in asked:
        before = rows_read(connection)
        ask()
        assert rows_read(connection) - before < 10 * ASKED
    assert sorted(known) == sorted(2 * [Reference(*one) for one in objects])


@pytest.fixture
def once_of_one_image(repository: Repository, run: Run) -> tuple[Sequence[int], Sequence[bytes]]:
    """The same where one image had all predictions when the tables, small ones then, were last looked at."""
    connection = repository._connection
    for table in ("inputs", "predictions", "remote_objects"):
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    connection.execute(INPUTS, (ASKED,))
    connection.execute(PREDICTIONS, (run.run_id, run.model_id, ASKED))
    connection.execute(OBJECTS)
    connection.execute("UPDATE predictions SET inputid = (SELECT min(id) FROM inputs)")
    connection.execute("UPDATE remote_objects SET input_id = (SELECT min(id) FROM inputs)")
    connection.execute("ANALYZE inputs, predictions, remote_objects")
    ids = connection.execute("SELECT id FROM predictions").fetchall()
    Deletion(connection).delete_predictions([one for (one,) in ids])
    Deletion(connection).delete_inputs([one for (one,) in connection.execute("SELECT id FROM inputs")])
    connection.execute(INPUTS, (ROWS,))
    connection.execute(PREDICTIONS, (run.run_id, run.model_id, ROWS))
    connection.execute(OBJECTS)
    return some_of(connection)


def test_images_are_looked_up_by_indexes_where_one_had_all_predictions(
    repository: Repository, once_of_one_image: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    connection = repository._connection
    digests = [bytes(sha256) for sha256 in once_of_one_image[1]]
    for name in ("predicted", "predicted_names", "predicted_objects"):
        before = rows_read(connection)
        assert (name, len(LOOKUPS[name](repository, [], digests))) == (name, ASKED)
        assert rows_read(connection) - before < 10 * ASKED, name


def test_a_deletion_reads_its_own_rows_alone_where_one_image_had_all_predictions(
    repository: Repository, once_of_one_image: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    connection = repository._connection
    before = rows_read(connection)
    deleted = Deletion(connection).delete_predictions(once_of_one_image[0]).deleted
    assert (deleted.predictions, deleted.inputs) == (ASKED, ASKED)
    assert rows_read(connection) - before < 20 * ASKED


def test_a_deletion_reads_its_own_rows_alone(
    repository: Repository, grown: tuple[Sequence[int], Sequence[bytes]]
) -> None:
    connection = repository._connection
    before = rows_read(connection)
    deleted = Deletion(connection).delete_predictions(grown[0]).deleted
    assert (deleted.predictions, deleted.inputs) == (ASKED, ASKED)
    assert rows_read(connection) - before < 20 * ASKED
