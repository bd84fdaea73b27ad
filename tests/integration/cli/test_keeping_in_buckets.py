"""Images that are kept in a bucket under their hashes."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from pathlib import Path

import psycopg
import pytest

import mlpredict as api
from mlpredict.api.deletion import deletion
from mlpredict.domain import Rejected
from mlpredict.errors import NotKept
from mlpredict.inputs.kept import ImageUnavailable
from mlpredict.storage import bucket_inputs
from tests.buckets import KEY_ID, SECRET, Answer, Bucket, refusal
from tests.conftest import Command

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def mlpredict(mlpredict: Command, bucket: Bucket) -> Command:
    """The command, with what it needs to reach the bucket."""
    return partial(mlpredict, env=bucket.environment)


@pytest.fixture
def model(compiled: None, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> api.Model:
    """The bundled model."""
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    return api.load_model()


def key_of(image: Path) -> str:
    return f"images/{hashlib.sha256(image.read_bytes()).hexdigest()}"


def predict(dsn: str, model: api.Model, *images: Path, keep: str) -> list[object]:
    with api.connect(dsn) as database:
        return list(database.predict(model, images, keep=keep))


def puts(bucket: Bucket) -> int:
    return sum(one.method == "PUT" for one in bucket.network.requests)


def test_images_lie_in_the_bucket_and_rows_refer_to_them(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    keep = ("--keep", f"{bucket.url}images", "--dsn", dsn)
    done = mlpredict("predict", *digits[:3], *keep)
    assert done.returncode == 0, done.stderr
    rows = connection.execute("SELECT image, kept, contenttype FROM inputs ORDER BY id").fetchall()
    assert sorted(rows) == sorted(
        (f"{bucket.url}{key_of(one)}", f"{bucket.url}images/", "image/png") for one in digits[:3]
    )
    assert [bucket.get(key_of(one)) for one in digits[:3]] == [one.read_bytes() for one in digits[:3]]
    assert connection.execute("SELECT keep FROM runs").fetchall() == [(f"{bucket.url}images/",)]
    assert mlpredict("predict", *digits[:3], *keep).returncode == 0
    assert puts(bucket) == 3
    proven = mlpredict("verify", "--run", "last", "--dsn", dsn, "--json")
    assert (proven.returncode, b'"identical":3' in proven.stdout) == (0, True), proven.stdout
    shown = mlpredict("show", "last", "--export-image", "-o", "-", "--dsn", dsn)
    assert shown.stdout == digits[2].read_bytes()


def test_they_are_exported(
    mlpredict: Command, bucket: Bucket, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    keep = ("--keep", f"{bucket.url}images/", "--dsn", dsn)
    assert mlpredict("predict", *digits[:2], *keep).returncode == 0
    done = mlpredict("export", tmp_path / "out", "--by", "predicted", "--all", "--dsn", dsn)
    if done.returncode == 2:
        done = mlpredict("export", tmp_path / "out", "--by", "predicted", "--run", "last", "--dsn", dsn)
    assert done.returncode == 0, done.stderr
    found = sorted(one.read_bytes() for one in (tmp_path / "out").rglob("*.png"))
    assert found == sorted(one.read_bytes() for one in digits[:2])


def test_what_is_gone_or_changed_is_told(
    bucket: Bucket, dsn: str, model: api.Model, digits: list[Path]
) -> None:
    predict(dsn, model, digits[0], keep=f"{bucket.url}images/")
    with api.connect(dsn) as database:
        (stored,) = database.predictions()
        assert stored.prediction_id is not None
        detail = database.prediction(stored.prediction_id)
        assert detail.image().size
        bucket.put(key_of(digits[0]), b"another")
        with pytest.raises(ImageUnavailable, match="it has changed since it was predicted"):
            detail.image()
        bucket.network.fault = lambda _request: Answer(404, refusal("NoSuchBucket", "No such bucket."))
        with pytest.raises(ImageUnavailable, match="there is no such bucket"):
            detail.image()


def test_no_row_is_stored_whose_image_is_not(
    bucket: Bucket, dsn: str, connection: Connection, model: api.Model, digits: list[Path]
) -> None:
    last = key_of(digits[2])
    bucket.network.fault = lambda request: (
        Answer(403, refusal("AccessDenied", "Access Denied")) if request.path.endswith(last) else None
    )
    with pytest.raises(NotKept, match="cannot be written: the credentials lack the right to it"):
        predict(dsn, model, *digits[:3], keep=f"{bucket.url}images/")
    assert connection.execute("SELECT count(*) FROM inputs").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM predictions").fetchall() == [(0,)]
    bucket.network.fault = lambda request: (
        Answer(500, refusal("InternalError", "Once more")) if request.number % 3 == 0 else None
    )
    assert len(predict(dsn, model, *digits[:3], keep=f"{bucket.url}images/")) == 3
    assert bucket.get(last) == digits[2].read_bytes()


def test_a_conflict_is_no_image_that_is_there_and_tells_no_key(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    """The library says of each 409 that the object exists; --verbose prints causes."""
    answer = Answer(409, refusal("OperationAborted", "A conflicting operation is under way."))
    bucket.network.fault = lambda request: answer if request.method == "PUT" else None
    done = mlpredict("predict", "-v", digits[0], "--keep", f"{bucket.url}images/", "--dsn", dsn)
    assert done.returncode != 0
    assert b"cannot be written: OperationAborted: A conflicting operation is under way." in done.stderr
    assert not any(secret.encode() in done.stderr for secret in (KEY_ID, SECRET))
    assert connection.execute("SELECT count(*) FROM inputs").fetchall() == [(0,)]


def test_delete_takes_away_what_nobody_refers_to(
    bucket: Bucket, dsn: str, model: api.Model, digits: list[Path]
) -> None:
    predict(dsn, model, *digits[:2], keep=f"{bucket.url}images/")
    predict(dsn, model, digits[0], keep=f"{bucket.url}images/")
    with api.connect(dsn) as database:
        assert deletion(database, [1, 2]).carry_out().inputs == 1
        assert (bucket.get(key_of(digits[0])), bucket.get(key_of(digits[1]))) == (
            digits[0].read_bytes(),
            None,
        )
        assert deletion(database, [3]).carry_out().inputs == 1
    assert bucket.get(key_of(digits[0])) is None


def test_delete_leaves_what_a_row_names_as_its_reference(
    bucket: Bucket, dsn: str, connection: Connection, model: api.Model, digits: list[Path]
) -> None:
    predict(dsn, model, digits[0], keep=f"{bucket.url}images/")
    with api.connect(dsn) as database:
        (outcome,) = database.predict(model, f"{bucket.url}{key_of(digits[0])}", keep="reference")
        assert not isinstance(outcome, Rejected)
        assert deletion(database, [1]).carry_out().inputs == 1
    assert connection.execute("SELECT kept FROM inputs").fetchall() == [("reference",)]
    assert bucket.get(key_of(digits[0])) == digits[0].read_bytes()


def test_a_bucket_that_refuses_keeps_its_images_and_the_rows_are_gone(
    bucket: Bucket, dsn: str, connection: Connection, model: api.Model, digits: list[Path], notices: list[str]
) -> None:
    predict(dsn, model, digits[0], keep=f"{bucket.url}images/")
    bucket.network.fault = lambda request: (
        Answer(403, refusal("AccessDenied", "Access Denied"))
        if request.method in ("POST", "DELETE")
        else None
    )
    with api.connect(dsn) as database:
        assert deletion(database, [1]).carry_out().inputs == 1
    assert connection.execute("SELECT count(*) FROM inputs").fetchall() == [(0,)]
    assert any("1 images stay where they are" in one and "lack the right" in one for one in notices)


def test_an_image_that_is_stored_again_while_it_is_swept_stays(
    bucket: Bucket, dsn: str, connection: Connection, model: api.Model, digits: list[Path]
) -> None:
    predict(dsn, model, digits[0], keep=f"{bucket.url}images/")
    sha256 = hashlib.sha256(digits[0].read_bytes()).digest()
    prefix = f"{bucket.url}images/"
    connection.execute("DELETE FROM predictions")
    connection.execute("DELETE FROM inputs")
    # The rows are gone, and their images are yet to be swept, when the image is predicted again.
    uploading = threading.Event()
    swept: list[str] = []

    def sweep() -> None:
        uploading.wait(60)
        with psycopg.connect(dsn) as other:
            one = bucket_inputs.BucketObject(sha256, prefix, f"{prefix}{sha256.hex()}")
            bucket_inputs.sweep(other, [one], swept.extend)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    bucket.network.fault = lambda request: uploading.set() if request.method == "PUT" else None
    (outcome,) = predict(dsn, model, digits[0], keep=prefix)
    sweeper.join(60)
    assert not isinstance(outcome, Rejected)
    assert swept == []
    assert bucket.get(key_of(digits[0])) == digits[0].read_bytes()


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("https://host/images/", "images are kept in buckets"),
        ("s3:///x", "not the name of a bucket"),
        ("s3://b/a//b", "empty part"),
        ("orginal", "expected original, model-input, reference, or s3://BUCKET/PREFIX/"),
    ],
)
def test_what_is_no_place_to_keep_images(mlpredict: Command, keep: str, told: str) -> None:
    done = mlpredict("predict", "x.png", "--keep", keep)
    assert done.returncode == 2
    assert told in done.stderr.decode()
