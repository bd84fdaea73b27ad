"""Images of a bucket, predicted and stored by the command."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
import pytest

import mlpredict as api
from tests.buckets import KEY_ID, SECRET, Answer, Bucket, refusal
from tests.conftest import Command

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def mlpredict(mlpredict: Command, bucket: Bucket) -> Command:
    """The command, with what it needs to reach the bucket."""
    return partial(mlpredict, env=bucket.environment)


@pytest.fixture
def filled(bucket: Bucket, digits: list[Path]) -> Bucket:
    """A bucket with the sample digits in `in/`, and what is none."""
    for digit in digits:
        bucket.put(f"in/{digit.name}", digit.read_bytes())
    bucket.put("in/notes.txt", b"hello")
    bucket.put("in/torn.png", digits[0].read_bytes()[:100])
    return bucket


def test_a_prefix_is_predicted_and_stored_under_the_names_of_its_objects(
    mlpredict: Command, filled: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    done = mlpredict("predict", f"{filled.url}in/", "--dsn", dsn)
    told = done.stderr.decode()
    assert done.returncode == 1, told
    assert f"{filled.url}in/torn.png: truncated" in told
    assert "passed over: 1 .txt" in told
    rows = connection.execute("SELECT filename, label FROM predictions ORDER BY position").fetchall()
    assert rows == [(f"{filled.url}in/{digit.name}", digit.name[0]) for digit in digits]
    assert [line.split("\t")[1] for line in done.stdout.decode().splitlines()] == [row[0] for row in rows]
    shown = mlpredict("show", "last", "--export-image", "-o", "-", "--dsn", dsn)
    assert shown.stdout == digits[-1].read_bytes()
    again = mlpredict("failures", "--filename", "*torn*", "--dsn", dsn, "--format", "tsv")
    assert f"{filled.url}in/torn.png" in again.stdout.decode()


def test_a_reference_to_an_object_is_read_back_and_checked(
    mlpredict: Command, filled: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    filled.put("in/a%20 b.png", digits[3].read_bytes())
    assert (
        mlpredict("predict", f"{filled.url}in/a%20 b.png", "--keep", "reference", "--dsn", dsn).returncode
        == 0
    )
    assert connection.execute("SELECT image, kept FROM inputs").fetchall() == [
        (f"{filled.url}in/a%2520%20b.png", "reference")
    ]
    export = ("show", "last", "--export-image", "-o", "-", "--dsn", dsn)
    assert mlpredict(*export).stdout == digits[3].read_bytes()
    filled.put("in/a%20 b.png", digits[4].read_bytes())
    assert b"it has changed since it was predicted" in mlpredict(*export).stderr
    filled.network.fault = lambda _request: Answer(404, refusal("NoSuchKey", "The key does not exist."))
    assert b"there is no such object" in mlpredict(*export).stderr


def test_folders_of_a_bucket_are_labels(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    bucket.put("val/3/a.png", digits[5].read_bytes())
    bucket.put("val/7/deep/b.png", digits[12].read_bytes())
    bucket.put("val/beside.png", digits[0].read_bytes())
    assert mlpredict("predict", f"{bucket.url}val", "--label-from", "folders", "--dsn", dsn).returncode == 0
    rows = connection.execute(
        "SELECT p.filename, l.label FROM predictions p JOIN inputs i ON i.id = p.inputid"
        " LEFT JOIN labels l ON l.sha256 = i.sha256 ORDER BY p.position"
    ).fetchall()
    assert rows == [
        (f"{bucket.url}val/3/a.png", "3"),
        (f"{bucket.url}val/7/deep/b.png", "7"),
        (f"{bucket.url}val/beside.png", None),
    ]


def test_no_credential_is_stored_or_told(
    mlpredict: Command, filled: Bucket, dsn: str, connection: Connection
) -> None:
    filled.network.fault = lambda request: (
        Answer(403, refusal("InvalidAccessKeyId", "No such key.")) if "torn" in request.path else None
    )
    address = f"{filled.address}/x.png?X-Amz-Credential={KEY_ID}&X-Amz-Signature=5ec3e7"
    done = mlpredict("predict", "-v", f"{filled.url}in/", address, "https://me:5ec3e7@h/x.png", "--dsn", dsn)
    assert done.returncode == 1
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    texts = [done.stdout.decode(), done.stderr.decode()]
    for (table,) in tables:
        texts += [str(row) for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()]
    assert any("in/torn.png" in text for text in texts)
    for secret in (KEY_ID, SECRET, "5ec3e7"):
        assert not [text for text in texts if secret in text]


def test_the_same_names_work_in_python(filled: Bucket, dsn: str, digits: list[Path], compiled: None) -> None:
    model = api.load_model()
    assert model.predict(f"{filled.url}in/{digits[3].name}").label == digits[3].name[0]
    with api.connect(dsn) as database:
        run = database.predict(model, f"{filled.url}in/", keep="reference")
        assert len(list(run.records)) == len(digits)
        assert [one.source.filename for one in run.failures] == [f"{filled.url}in/torn.png"]
        (stored,) = database.predictions(limit=1)
        assert stored.prediction_id is not None
        assert database.prediction(stored.prediction_id).image().size[0] > 0


def test_parts_of_a_bucket_fetch_only_what_is_theirs(
    mlpredict: Command, filled: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    filled.put("in/no-image", b"hello")
    own = ("predict", f"{filled.url}in/", "--run-key", "k", "--dsn", dsn, "--part")
    for part in ("0/3", "1/3", "2/3"):
        before = len(filled.network.requests)
        done = mlpredict(*own, part)
        assert done.returncode in (0, 1), done.stderr
        fetched = [one for one in filled.network.requests[before:] if "list-type" not in one.path]
        assert len(fetched) <= len(digits) // 3 + 2
    assert b"run 1 of 18 images is finished" in done.stderr
    counts = "SELECT count(*), count(DISTINCT position), (SELECT count(*) FROM failures) FROM predictions"
    assert connection.execute(counts).fetchone() == (len(digits), len(digits), 2)
    assert KEY_ID not in str(connection.execute("SELECT run_plans::text FROM run_plans").fetchall())
    # Another object under the same key is another list.
    filled.put(f"in/{digits[4].name}", digits[3].read_bytes())
    done = mlpredict(*own, "0/3")
    assert done.returncode == 2
    assert f"is {filled.url}in/{digits[4].name} (ETag ".encode() in done.stderr


def test_parts_of_a_folder_keep_their_images_in_a_bucket(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: Connection, digits: list[Path]
) -> None:
    own = (
        "predict",
        digits[0].parent,
        "--keep",
        f"{bucket.url}kept/",
        "--run-key",
        "k",
        "--dsn",
        dsn,
        "--part",
    )
    assert [mlpredict(*own, part).returncode for part in ("0/2", "0/2", "1/2")] == [0, 0, 0]
    kept = (
        "SELECT count(*), bool_and(image LIKE 's3://%%') FROM inputs JOIN predictions ON inputid = inputs.id"
    )
    assert connection.execute(kept.replace("%%", "%")).fetchone() == (len(digits), True)
    done = mlpredict("predict", digits[0].parent, "--run-key", "k", "--dsn", dsn)
    assert f"--keep is {bucket.url}kept/ there and original here".encode() in done.stderr
