"""`predict s3://… --skip-existing`: what is known is not fetched again."""

from __future__ import annotations

import json
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

import mlpredict as api
from mlpredict.pipeline.batch import Skipped
from tests.buckets import Bucket
from tests.conftest import Command

Connection = psycopg.Connection[Any]


@pytest.fixture
def mlpredict(mlpredict: Command, bucket: Bucket, dsn: str) -> Command:
    """The command, with what it needs to reach the bucket and the database."""
    return partial(mlpredict, env={**bucket.environment, "MLPREDICT_DSN": dsn})


@pytest.fixture
def filled(bucket: Bucket, digits: list[Path]) -> Bucket:
    """A bucket with four of the sample digits in `in/`."""
    for name, digit in zip("abcd", digits[:4], strict=True):
        bucket.put(f"in/{name}.png", digit.read_bytes())
    return bucket


def fetched(mlpredict: Command, bucket: Bucket, *arguments: str, name: str = "in/", status: int = 0) -> str:
    """The keys that a command which skips asks for, and how many predictions it makes."""
    before = len(bucket.asked)
    done = mlpredict("predict", f"{bucket.url}{name}", "--skip-existing", "--json", *arguments)
    assert done.returncode == status, done.stderr
    keys = [key.removeprefix("in/").removesuffix(".png") for key in sorted(bucket.asked[before:])]
    return f"{' '.join(keys) or 'nothing'}: {len(json.loads(done.stdout))}"


def known(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM remote_objects").fetchall()[0][0])


def test_only_what_is_new_or_has_changed_is_fetched(
    mlpredict: Command, filled: Bucket, digits: list[Path], connection: Connection
) -> None:
    assert fetched(mlpredict, filled) == "a b c d: 4"
    assert fetched(mlpredict, filled) == "nothing: 0"
    filled.put("in/b.png", digits[5].read_bytes())
    filled.put("in/e.png", digits[6].read_bytes())
    assert fetched(mlpredict, filled) == "b e: 2"
    # As it was before: the model has predicted that, too.
    filled.put("in/b.png", digits[1].read_bytes())
    assert fetched(mlpredict, filled) == "nothing: 0"
    names = connection.execute("SELECT filename FROM predictions ORDER BY id").fetchall()
    assert [name[-5] for (name,) in names] == [*"abcdbe"]
    # They were those of another model.
    connection.execute("UPDATE models SET fingerprint = repeat('0', 64)")
    assert fetched(mlpredict, filled) == "a b c d e: 5"


def test_what_was_stored_without_its_etag_is_fetched_once_more(
    mlpredict: Command, filled: Bucket, connection: Connection, digits: list[Path]
) -> None:
    """As by a version of before, or from a folder."""
    assert mlpredict("predict", *digits[:4]).returncode == 0
    assert known(connection) == 0
    assert fetched(mlpredict, filled) == "a b c d: 0"
    assert fetched(mlpredict, filled) == "nothing: 0"
    assert known(connection) == 4


def test_what_failed_is_tried_again(mlpredict: Command, filled: Bucket) -> None:
    filled.put("in/e.png", b"\x89PNG\r\n\x1a\n")
    assert fetched(mlpredict, filled, status=1) == "a b c d e: 4"
    assert fetched(mlpredict, filled, status=1) == "e: 0"


def test_files_with_pages_are_fetched_as_a_page_may_be_new(mlpredict: Command, filled: Bucket) -> None:
    pages = [Image.new("L", (28, 28), 40 * number) for number in range(3)]
    pages[0].save(scan := BytesIO(), "TIFF", save_all=True, append_images=pages[1:])
    filled.put("in/scan.tif", scan.getvalue())
    assert fetched(mlpredict, filled) == "a b c d scan.tif: 5"
    assert fetched(mlpredict, filled) == "scan.tif: 0"
    assert fetched(mlpredict, filled, "--pages", "all") == "scan.tif: 2"
    assert fetched(mlpredict, filled, "--pages", "all") == "scan.tif: 0"


def test_folders_label_what_is_not_fetched(
    mlpredict: Command, bucket: Bucket, connection: Connection, digits: list[Path]
) -> None:
    bucket.put("in/3/a.png", digits[5].read_bytes())
    bucket.put("in/7/b.png", digits[12].read_bytes())
    assert fetched(mlpredict, bucket) == "3/a 7/b: 2"
    assert fetched(mlpredict, bucket, "--label-from", "folders") == "nothing: 0"
    assert connection.execute("SELECT label FROM labels ORDER BY label").fetchall() == [("3",), ("7",)]


def test_a_run_in_parts_fetches_what_is_its_own_and_makes_it_known(
    mlpredict: Command, filled: Bucket, connection: Connection
) -> None:
    assert fetched(mlpredict, filled, "--run-key", "k", "--part", "0/2") == "a b: 2"
    assert fetched(mlpredict, filled) == "c d: 2"
    assert fetched(mlpredict, filled, "--run-key", "k", "--part", "1/2") == "c d: 0"
    assert known(connection) == 4


def test_nothing_made_of_a_name_stays_when_it_is_deleted(
    mlpredict: Command, filled: Bucket, connection: Connection, digits: list[Path], tmp_path: Path
) -> None:
    # One image under three names, one of which has a row of its own by another way of keeping it.
    filled.put("in/john.png", digits[0].read_bytes())
    assert mlpredict("predict", f"{filled.url}in/").returncode == 0
    named = ("predict", f"{filled.url}in/john.png", "--keep", "reference")
    assert mlpredict(*named).returncode == 0
    assert known(connection) == 5
    done = mlpredict("delete", "--filename", "*john*", "--yes")
    assert done.returncode == 0, done.stderr
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (4,)
    # The image is still there as a.png, and that it is has to be found out again.
    assert known(connection) == 3
    assert fetched(mlpredict, filled) == "a john: 0"
    image = tmp_path / "erase.png"
    image.write_bytes(digits[0].read_bytes())
    assert mlpredict("delete", "--image", image, "--yes").returncode == 0
    assert known(connection) == 3
    gone = "SELECT count(*) FROM inputs JOIN remote_objects ON input_id = id WHERE sha256 = sha256(%s)"
    assert connection.execute(gone, (image.read_bytes(),)).fetchone() == (0,)
    connection.execute("DELETE FROM predictions")
    connection.execute("DELETE FROM inputs")
    assert known(connection) == 0


def test_a_database_that_fails_ends_the_listing_that_waits_for_it(mlpredict: Command, filled: Bucket) -> None:
    dsn = "postgresql://127.0.0.1:1/none"
    done = mlpredict("predict", f"{filled.url}in/", "--skip-existing", "--dsn", dsn)
    assert done.returncode == 3
    assert filled.asked == []


def test_python_gives_what_is_passed_over_in_its_place(
    filled: Bucket, dsn: str, digits: list[Path], compiled: None
) -> None:
    model = api.load_model()
    with api.connect(dsn) as database:
        assert len(list(database.predict(model, f"{filled.url}in/"))) == 4
        filled.put("in/b.png", digits[5].read_bytes())
        asked = len(filled.asked)
        again = list(database.predict(model, [digits[0], f"{filled.url}in/"], skip_existing=True))
        assert [isinstance(one, Skipped) for one in again] == [True, True, False, True, True]
        assert filled.asked[asked:] == ["in/b.png"]
