"""Images without a row are swept while others store the same ones, and however many there are."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import mlpredict as api
from mlpredict.domain.sweeping import Swept
from mlpredict.errors import OutputError
from mlpredict.storage import bucket_inputs
from tests.buckets import Answer, Bucket, Request, many_objects

SECONDS = 60
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database() AND NOT granted
"""
HOLDING = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database() AND mode = 'ExclusiveLock' AND granted
"""


@pytest.fixture
def model(compiled: None, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> api.Model:
    """The bundled model."""
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    return api.load_model()


@pytest.fixture
def orphan(bucket: Bucket, digits: list[Path]) -> str:
    """The key of an image that was put into the bucket long ago, and has no row."""
    content = digits[0].read_bytes()
    key = f"images/{hashlib.sha256(content).hexdigest()}"
    bucket.put_old(key, content)
    return key


class Aside:
    """A thread that does something beside the test; `result` waits for what it gives."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self._result = error

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def result(self) -> Any:
        """What it gave, or raised."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


def sweep(dsn: str, bucket: Bucket) -> Swept:
    with api.connect(dsn) as database:
        return database.sweep(f"{bucket.url}images/", abandoned=True)


def predict(dsn: str, model: api.Model, image: Path, bucket: Bucket) -> list[Any]:
    with api.connect(dsn) as database:
        return list(database.predict(model, image, keep=f"{bucket.url}images/"))


def wait_for_a_waiter(connection: psycopg.Connection[Any]) -> None:
    """Until somebody waits for the lock of images in buckets."""
    end = time.monotonic() + SECONDS
    while connection.execute(WAITING).fetchone() == (0,):
        assert time.monotonic() < end
        time.sleep(0.01)


def once(when: Callable[[Request], bool], do: Callable[[], object]) -> Callable[[Request], Answer | None]:
    """Do something before the first request of some kind is passed on."""
    lock, done = threading.Lock(), threading.Event()

    def fault(request: Request) -> Answer | None:
        with lock:
            first = when(request) and not done.is_set()
            if first:
                done.set()
        if first:
            do()
        return None

    return fault


def is_upload(request: Request) -> bool:
    return request.method == "PUT"


def is_removal(request: Request) -> bool:
    return request.method == "POST" and b"<Delete" in request.sent


def test_an_image_that_is_just_being_stored_again_stays(
    bucket: Bucket,
    dsn: str,
    connection: psycopg.Connection[Any],
    model: api.Model,
    digits: list[Path],
    orphan: str,
) -> None:
    sweeping = Aside(lambda: sweep(dsn, bucket))

    def meanwhile() -> None:
        sweeping.start()
        wait_for_a_waiter(connection)

    # The image is there already and the upload finds it; its row is yet to be committed.
    bucket.network.fault = once(is_upload, meanwhile)
    assert len(predict(dsn, model, digits[0], bucket)) == 1
    assert sweeping.result() == Swept(referred=1)
    assert connection.execute("SELECT count(*) FROM inputs").fetchone() == (1,)
    assert bucket.get(orphan) == digits[0].read_bytes()


def test_an_image_that_is_stored_while_it_is_taken_away_is_put_there_again(
    bucket: Bucket,
    dsn: str,
    connection: psycopg.Connection[Any],
    model: api.Model,
    digits: list[Path],
    orphan: str,
) -> None:
    predicting = Aside(lambda: predict(dsn, model, digits[0], bucket))

    def meanwhile() -> None:
        predicting.start()
        wait_for_a_waiter(connection)

    bucket.network.fault = once(is_removal, meanwhile)
    assert sweep(dsn, bucket) == Swept(removed=1, bytes=len(digits[0].read_bytes()))
    assert len(predicting.result()) == 1
    assert connection.execute("SELECT count(*) FROM inputs").fetchone() == (1,)
    assert bucket.get(orphan) == digits[0].read_bytes()


def test_a_connection_that_is_lost_while_an_image_goes_is_told_where_it_was_stored_again(
    bucket: Bucket,
    dsn: str,
    connection: psycopg.Connection[Any],
    model: api.Model,
    digits: list[Path],
    orphan: str,
) -> None:
    def meanwhile() -> None:
        assert connection.execute(HOLDING).fetchall() == [(True,)]
        assert len(predict(dsn, model, digits[0], bucket)) == 1

    bucket.network.fault = once(is_removal, meanwhile)
    with pytest.raises(OutputError, match="1 of them have been stored again meanwhile: ") as told:
        sweep(dsn, bucket)
    assert "mlpredict verify" in told.value.in_full
    assert orphan.removeprefix("images/")[:8] in told.value.message


def test_a_connection_that_is_lost_while_images_go_is_made_again(
    bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], orphan: str
) -> None:
    bucket.network.fault = once(is_removal, lambda: connection.execute(HOLDING))
    assert sweep(dsn, bucket).removed == 1
    assert bucket.get(orphan) is None
    assert sum(is_removal(one) for one in bucket.network.requests) == 2


def test_a_thousand_names_are_one_question(
    bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"{bucket.url}images/"
    for number in range(2500):
        content = str(number).encode()
        digest = hashlib.sha256(content).digest()
        bucket.put_old(f"images/{digest.hex()}", content)
        if number % 2:
            connection.execute(
                "INSERT INTO inputs (sha256, kept, image, contenttype, width, height)"
                " VALUES (%s, %s, %s, 'image/png', 1, 1)",
                (digest, prefix, prefix + digest.hex()),
            )
    asked: list[int] = []
    references = bucket_inputs.references

    def counted(connection: Any, digests: Any) -> Any:
        asked.append(len(digests))
        return references(connection, digests)

    monkeypatch.setattr(bucket_inputs, "references", counted)
    executed: list[object] = []
    execute = psycopg.Connection.execute

    def executing(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        executed.append(query)
        return execute(self, query, *more, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", executing)
    with api.connect(dsn) as database:
        swept = database.sweep(prefix)
    assert (swept.removed, swept.referred) == (1250, 1250)
    # Once whether it may be asked at all, each page of the listing, and each thousand without a row.
    assert asked == [0, 1000, 1000, 500, 1000, 250]
    assert len(executed) < 60
    assert sum(is_removal(one) for one in bucket.network.requests) == 2
    assert len(bucket.stored) == 1250


MANY = """
import resource, sys
import mlpredict
from mlpredict.api.sweeping import sweep

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

peaks = []
with mlpredict.connect(sys.argv[1]) as db:
    found = sweep(db, "s3://many/images/", abandoned=True, advance=lambda _: peaks.append(peak()))
print(found.counted.removed, peak() - peaks[1])
"""


@pytest.mark.slow
def test_a_hundred_thousand_images_take_no_more_memory_than_two_thousand(bucket: Bucket, dsn: str) -> None:
    with many_objects("many=kept:100000") as address:
        environment = {**os.environ, **bucket.environment, "AWS_ENDPOINT_URL": address}
        command = [sys.executable, "-c", MANY, dsn]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    count, grown = map(int, done.stdout.split())
    assert count == 100_000
    assert grown <= 16
