"""`mlpredict db sweep`: images in a bucket that no row refers to."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.buckets import Answer, Bucket, Request, refusal
from tests.conftest import COMMAND, Command
from tests.processes import SECONDS, started

STORE = """
    INSERT INTO inputs (sha256, kept, contenttype, width, height, image)
    VALUES (%s, %s, 'image/png', 1, 1, %s)
"""
NOTHING = {"removed": 0, "bytes": 0, "referred": 0, "young": 0, "others": 0, "refused": 0}
DELETED_NOT = """<?xml version="1.0" encoding="UTF-8"?><DeleteResult><Error><Key>{}</Key>
<Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>"""


def image(number: int) -> tuple[str, bytes]:
    """The name of an image below a prefix, and its bytes."""
    content = f"image {number}".encode()
    return hashlib.sha256(content).hexdigest(), content


def store(connection: psycopg.Connection[Any], name: str, kept: str, uri: str) -> None:
    connection.execute(STORE, (bytes.fromhex(name), kept, uri))


@pytest.fixture
def mlpredict(mlpredict: Command, bucket: Bucket) -> Command:
    """The command, with what it needs to reach the bucket."""
    return partial(mlpredict, env=bucket.environment)


@pytest.fixture
def prefix(bucket: Bucket, connection: psycopg.Connection[Any]) -> str:
    """Where two images have no row, one has one, one is young, and four objects are no images of ours."""
    prefix = f"{bucket.url}images/"
    for number in range(3):
        name, content = image(number)
        bucket.put_old(f"images/{name}", content)
    bucket.put_old(f"images/{image(3)[0]}", b"young", timedelta(hours=23))
    name, content = image(4)
    for other in (f"{name}.png", name.upper(), f"old/{name}", f"{name}/", name[:-1]):
        bucket.put_old(f"images/{other}", b"" if other.endswith("/") else content)
    bucket.put_old(f"images2/{name}", content)
    bucket.put_old(name, content)
    store(connection, image(0)[0], prefix, prefix + image(0)[0])
    return prefix


def left_of(bucket: Bucket) -> set[int]:
    return {number for number in range(4) if f"images/{image(number)[0]}" in bucket.stored}


def test_images_without_a_row_go_and_everything_else_stays(
    mlpredict: Command, bucket: Bucket, dsn: str, prefix: str
) -> None:
    before = bucket.stored
    done = mlpredict("db", "sweep", prefix, "--yes", "--json", "--dsn", dsn)
    assert done.returncode == 0, done.stderr
    expected = {**NOTHING, "removed": 2, "bytes": 14, "referred": 1, "young": 1, "others": 5}
    assert json.loads(done.stdout) == expected
    assert done.stderr.decode() == (
        f"mlpredict: removed 2 images (14 bytes) below {prefix};"
        " left 1 with rows, 1 too young, 5 of other names\n"
    )
    assert before - bucket.stored == {f"images/{image(number)[0]}" for number in (1, 2)}
    again = mlpredict("db", "sweep", prefix, "--json", "--dsn", dsn)
    assert (again.returncode, json.loads(again.stdout)) == (0, {**expected, "removed": 0, "bytes": 0})


def test_a_dry_run_removes_nothing(mlpredict: Command, bucket: Bucket, dsn: str, prefix: str) -> None:
    done = mlpredict("db", "sweep", prefix, "--dry-run", "--json", "--dsn", dsn)
    assert (done.returncode, json.loads(done.stdout)["removed"]) == (0, 2)
    assert done.stderr.startswith(b"mlpredict: would remove 2 images (14 bytes) below ")
    assert left_of(bucket) == {0, 1, 2, 3}
    assert {one.method for one in bucket.network.requests} == {"GET"}


def test_it_asks_with_the_database_and_the_numbers(
    mlpredict: Command, bucket: Bucket, dsn: str, prefix: str, connection: psycopg.Connection[Any]
) -> None:
    done = mlpredict("db", "sweep", prefix, "--dsn", dsn)
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode()
    assert f"Remove 2 images (14 bytes) below {prefix} to which no row of " in said
    assert f"dbname={connection.info.dbname}" in said
    assert "and leave 1 with rows? Nobody can be asked" in said
    assert left_of(bucket) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("kept", "uri"),
    [
        ("{bucket}images", "{bucket}images/{name}"),
        ("reference", "{bucket}images/{name}"),
        ("{bucket}elsewhere/", "{bucket}images/{name}"),
        ("{bucket}images/", "{bucket}elsewhere/{name}"),
        ("gs://{name_of_bucket}/images/", "gs://{name_of_bucket}/images/{name}"),
    ],
)
def test_a_row_refers_to_an_image_however_it_says_so(
    mlpredict: Command,
    bucket: Bucket,
    dsn: str,
    connection: psycopg.Connection[Any],
    prefix: str,
    kept: str,
    uri: str,
) -> None:
    name = image(1)[0]
    words = {"bucket": bucket.url, "name": name, "name_of_bucket": bucket.name}
    store(connection, name, kept.format(**words), uri.format(**words))
    done = mlpredict("db", "sweep", prefix.rstrip("/"), "--yes", "--dsn", dsn)
    assert done.returncode == 0, done.stderr
    assert left_of(bucket) == {0, 1, 3}


def test_a_row_of_the_same_image_elsewhere_does_not_refer_to_it(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], prefix: str
) -> None:
    name = image(1)[0]
    store(connection, name, "original", "data:image/png;base64,AAAA")
    store(connection, name, f"{bucket.url}images2/", f"{bucket.url}images2/{name}")
    assert mlpredict("db", "sweep", prefix, "--yes", "--dsn", dsn).returncode == 0
    assert left_of(bucket) == {0, 3}


def test_a_prefix_that_no_row_refers_to_is_swept_only_when_that_is_said(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], prefix: str
) -> None:
    connection.execute("DELETE FROM inputs")
    for more in ((), ("--dry-run",)):
        done = mlpredict("db", "sweep", prefix, "--yes", "--dsn", dsn, *more)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert b"refers to any of 3 images" in done.stderr
        assert b"--abandoned" in done.stderr
        assert left_of(bucket) == {0, 1, 2, 3}
    done = mlpredict("db", "sweep", prefix, "--yes", "--abandoned", "--dsn", dsn)
    assert done.returncode == 0, done.stderr
    assert left_of(bucket) == {3}


def test_how_old_an_image_must_be(mlpredict: Command, bucket: Bucket, dsn: str, prefix: str) -> None:
    too_short = mlpredict("db", "sweep", prefix, "--yes", "--older-than", "59m", "--dsn", dsn)
    assert (too_short.returncode, len(too_short.stderr.splitlines())) == (2, 1)
    assert b"--older-than 59m: expected 60 minutes or more" in too_short.stderr
    assert mlpredict("db", "sweep", prefix, "--yes", "--older-than", "3d", "--dsn", dsn).returncode == 0
    assert left_of(bucket) == {0, 1, 2, 3}
    assert mlpredict("db", "sweep", prefix, "--yes", "--older-than", "1h", "--dsn", dsn).returncode == 0
    assert left_of(bucket) == {0}


@pytest.mark.parametrize(
    ("named", "told", "status"),
    [
        ("images/", "images are kept in buckets, as s3://BUCKET/PREFIX/", 2),
        ("https://me:secret@host/images/", "images are kept in buckets", 2),
        ("s3:///x", "not the name of a bucket", 2),
        ("s3://no-bucket-of-tests/x/", "cannot be listed: there is no such bucket", 1),
    ],
)
def test_what_is_no_prefix(mlpredict: Command, dsn: str, named: str, told: str, status: int) -> None:
    done = mlpredict("db", "sweep", named, "--dsn", dsn)
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1)
    assert told in done.stderr.decode()
    assert b"secret" not in done.stderr


def test_what_a_bucket_keeps_is_counted_and_the_rest_goes(
    mlpredict: Command, bucket: Bucket, dsn: str, prefix: str
) -> None:
    name = image(1)[0]
    bucket.network.fault = lambda request: (
        Answer(200, DELETED_NOT.format(f"images/{name}").encode())
        if request.method == "POST" and name.encode() in request.sent
        else None
    )
    done = mlpredict("db", "sweep", prefix, "--yes", "--json", "--dsn", dsn)
    assert done.returncode == 1
    counted = json.loads(done.stdout)
    assert (counted["removed"], counted["bytes"], counted["refused"]) == (1, 7, 1)
    first, second = done.stderr.decode().splitlines()
    assert first == (
        "mlpredict: 1 image stays where it is:"
        f" {prefix}: the credentials lack the right to it (AccessDenied: Access Denied)"
    )
    assert second.endswith(", 1 that the bucket keeps")
    assert left_of(bucket) == {0, 1, 3}


def test_a_bucket_that_lets_nothing_go_is_not_asked_for_all(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], prefix: str
) -> None:
    for number in range(10, 2100):
        name, content = image(number)
        bucket.put_old(f"images/{name}", content)
    bucket.network.fault = lambda request: (
        Answer(403, refusal("AccessDenied", "Access Denied")) if request.method == "POST" else None
    )
    done = mlpredict("db", "sweep", prefix, "--yes", "--json", "--dsn", dsn)
    assert (done.returncode, json.loads(done.stdout)["refused"]) == (1, 2092)
    assert b"2,092 images stay where they are" in done.stderr
    assert sum(one.method == "POST" for one in bucket.network.requests) == 1001


def test_a_listing_that_ends_early_is_told_and_what_it_had_goes(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], prefix: str
) -> None:
    for number in range(10, 1100):
        name, content = image(number)
        bucket.put_old(f"images/{name}", content)
        store(connection, name, prefix, prefix + name)
    bucket.network.fault = lambda request: (
        Answer(403, refusal("AccessDenied", "Access Denied"))
        if "continuation-token" in request.path
        else None
    )
    done = mlpredict("db", "sweep", prefix, "--yes", "--json", "--dsn", dsn)
    assert done.returncode == 1
    assert b"not all of it was listed: the credentials lack the right to it" in done.stderr
    counted = json.loads(done.stdout)
    assert counted["referred"] + counted["removed"] + counted["young"] + counted["others"] == 1000
    assert len({1, 2} - left_of(bucket)) == counted["removed"]


def test_killed_in_the_middle_it_goes_on_when_it_is_run_again(
    environment: dict[str, str], mlpredict: Command, bucket: Bucket, dsn: str, prefix: str
) -> None:
    for number in range(10, 2510):
        name, content = image(number)
        bucket.put_old(f"images/{name}", content)
    reached, ended = threading.Event(), threading.Event()
    numbers = iter(range(3))

    def fault(request: Request) -> Answer | None:
        if request.method == "POST" and next(numbers, None) == 1:
            reached.set()
            ended.wait(SECONDS)
            return Answer(500, refusal("InternalError", "too late"))
        return None

    bucket.network.fault = fault
    command = [*COMMAND, "db", "sweep", prefix, "--yes", "--dsn", dsn]
    with started(command, env={**environment, **bucket.environment}, stderr=subprocess.PIPE) as process:
        assert reached.wait(SECONDS)
        process.kill()
        process.wait(SECONDS)
        ended.set()
    removed = 2502 - 1000
    done = mlpredict("db", "sweep", prefix, "--yes", "--json", "--dsn", dsn)
    assert (done.returncode, json.loads(done.stdout)["removed"]) == (0, removed)
    assert left_of(bucket) == {0, 3}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_a_thousand(
    environment: dict[str, str], bucket: Bucket, dsn: str, prefix: str, number: signal.Signals
) -> None:
    for one in range(10, 1510):
        name, content = image(one)
        bucket.put_old(f"images/{name}", content)
    reached, sent = threading.Event(), threading.Event()

    def fault(request: Request) -> None:
        if request.method == "POST":
            reached.set()
            sent.wait(SECONDS)

    bucket.network.fault = fault
    command = [*COMMAND, "db", "sweep", prefix, "--yes", "--json", "--dsn", dsn]
    pipe, reaching = subprocess.PIPE, {**environment, **bucket.environment}
    with started(command, env=reaching, stdout=pipe, stderr=pipe) as process:
        assert reached.wait(SECONDS)
        process.send_signal(number)
        sent.set()
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert json.loads(printed)["removed"] == 1000
    assert said.splitlines()[-1].endswith(b": 1,000 images removed; the same command goes on")
    assert sum(request.method == "POST" for request in bucket.network.requests) == 1


def test_another_database_of_the_same_server_is_another(
    mlpredict: Command, bucket: Bucket, dsn: str, dsn_of_module: str, prefix: str
) -> None:
    done = mlpredict("db", "sweep", prefix, "--yes", "--dsn", dsn_of_module)
    assert done.returncode == 2
    assert b"is it the database that they belong to?" in done.stderr
    assert left_of(bucket) == {0, 1, 2, 3}


def test_rows_that_a_policy_hides_are_not_taken_for_none(
    mlpredict: Command, bucket: Bucket, dsn: str, connection: psycopg.Connection[Any], prefix: str
) -> None:
    connection.execute("CREATE ROLE sweeper_of_tests LOGIN")
    try:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO sweeper_of_tests")
        connection.execute("ALTER TABLE inputs ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY hiding ON inputs USING (id < 0)")
        with_role = f"{dsn} options='-c role=sweeper_of_tests'"
        done = mlpredict("db", "sweep", prefix, "--yes", "--abandoned", "--dsn", with_role)
    finally:
        connection.execute("DROP OWNED BY sweeper_of_tests")
        connection.execute("DROP ROLE sweeper_of_tests")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert b"row-level security" in done.stderr
    assert left_of(bucket) == {0, 1, 2, 3}


def test_it_is_told_what_delete_left_behind(
    mlpredict: Command, bucket: Bucket, dsn: str, digits: list[Path], compiled: None
) -> None:
    keep = ("--keep", f"{bucket.url}images", "--dsn", dsn)
    assert mlpredict("predict", *digits[:2], *keep).returncode == 0
    bucket.network.fault = lambda request: (
        Answer(403, refusal("AccessDenied", "Access Denied")) if request.method == "POST" else None
    )
    assert mlpredict("delete", "1", "--yes", "--dsn", dsn).returncode == 0
    bucket.network.fault = lambda _request: None
    names = {one: hashlib.sha256(one.read_bytes()).hexdigest() for one in digits[:2]}
    for one, name in names.items():
        bucket.put_old(f"images/{name}", one.read_bytes())
    done = mlpredict("db", "sweep", f"{bucket.url}images", "--yes", "--dsn", dsn)
    assert (done.returncode, bucket.stored) == (0, {f"images/{names[digits[1]]}"})
