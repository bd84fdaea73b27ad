"""Images of a bucket, fetched from an S3 server whose network fails."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from mlpredict.domain import ImageSpec, Pages, Rejected, Sample, Source
from mlpredict.inputs.decoding import decode_all
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.remote import fetching, listing, reading, stores, web
from mlpredict.inputs.sources import discover
from tests.buckets import KEY_ID, SECRET, Answer, Bucket, Request, many_objects, refusal

SMALL = b"\x89PNG\r\n\x1a\n"
"""The first bytes of an image: nothing here decodes any."""


def found(*names: str, limits: Limits | None = None, counted: PassedOver | None = None) -> list[str]:
    """The names of what was fetched; what is rejected stands as `name: reason`."""
    given = list(discover(names, limits or Limits(), counted))
    positions = [one.position for one in given if isinstance(one, Rejected)]
    assert positions == [place for place, one in enumerate(given) if isinstance(one, Rejected)]
    return [
        one.filename if isinstance(one, Source) else f"{one.source.filename}: {one.reason}" for one in given
    ]


def is_of_object(request: Request) -> bool:
    return request.method == "GET" and "list-type" not in request.path


def is_of_listing(request: Request) -> bool:
    return request.method == "GET" and "list-type" in request.path


def test_a_prefix_is_gone_through_as_a_folder(bucket: Bucket) -> None:
    for key in ("in/b.png", "in/a.png", "in/z/1.JPG", "in/c/2.png", "in/no-suffix", "inside.png", "in.png"):
        bucket.put(key, SMALL + key.encode())
    for key in ("in/notes.txt", "in/text", "in/.hidden/x.png", "in/.hidden/y.png", "in/.x.png", "in/a.part"):
        bucket.put(key, b"hello")
    for key in ("in/", "in/empty-folder/"):
        bucket.put(key, b"")
    passed_over = PassedOver()
    names = [f"{bucket.url}in/{name}" for name in ("a.png", "b.png", "c/2.png", "no-suffix", "z/1.JPG")]
    assert found(f"{bucket.url}in/", counted=passed_over) == names
    assert passed_over.counts == {"hidden": 2, ".txt": 1, "without extension": 1, ".part": 1}
    assert found(f"{bucket.url}in") == names
    (first, *_) = discover([f"{bucket.url}in/"])
    assert isinstance(first, Source)
    assert first.content == SMALL + b"in/a.png"


@pytest.mark.parametrize("key", ["a b.png", "a%20b.png", "ä/ü.png", "q?x=1#f.png", "plus+.png", "z\\w.png"])
def test_keys_of_odd_characters_are_found_and_fetched(bucket: Bucket, key: str) -> None:
    bucket.put(key, SMALL)
    assert found(f"{bucket.url}{key}") == [f"{bucket.url}{key}"]
    assert found(bucket.url) == [f"{bucket.url}{key}"]


def test_a_key_that_the_library_cannot_name_stops_the_listing_and_is_told(bucket: Bucket) -> None:
    bucket.put("in/x//y.png", SMALL)
    bucket.put("other/a.png", SMALL)
    (told,) = found(f"{bucket.url}in/")
    assert "an empty part (//)" in told
    assert "rename the object" in told
    assert found(f"{bucket.url}other/") == [f"{bucket.url}other/a.png"]


def test_a_key_that_is_also_a_prefix(bucket: Bucket, notices: list[str]) -> None:
    bucket.put("both", SMALL)
    bucket.put("both/x.png", SMALL)
    assert found(f"{bucket.url}both") == [f"{bucket.url}both"]
    assert notices == [
        f"{bucket.url}both: is an object, which is predicted; what lies below it is {bucket.url}both/"
    ]
    assert found(f"{bucket.url}both/") == [f"{bucket.url}both/x.png"]


def test_names_that_lead_nowhere(bucket: Bucket) -> None:
    (one,) = discover([f"{bucket.url}none/"])
    assert isinstance(one, Rejected)
    assert one.nowhere
    assert found(bucket.url) == [f"{bucket.url}: no images in this bucket"]
    assert "there is no such object" in found(f"{bucket.url}none.png")[0]
    assert "there is no such bucket" in found("s3://no-bucket-of-tests/x.png")[0]
    assert "cannot be listed: there is no such bucket" in found("s3://no-bucket-of-tests/x/")[0]


def test_too_large_an_object_is_not_asked_for(bucket: Bucket) -> None:
    bucket.put("in/large.png", SMALL + bytes(1000))
    bucket.put("in/small.png", SMALL)
    limits = Limits(max_bytes=900)
    too_large = f"{bucket.url}in/large.png: too large: 1,008 bytes, limit 900 bytes"
    assert found(f"{bucket.url}in/", limits=limits) == [too_large, f"{bucket.url}in/small.png"]
    assert bucket.asked == ["in/small.png"], bucket.network.requests
    assert found(f"{bucket.url}in/large.png", limits=limits) == [too_large]
    assert bucket.asked == ["in/small.png", "in/large.png"], bucket.network.requests


def test_what_a_busy_server_loses_is_asked_for_again_and_counted_once(bucket: Bucket) -> None:
    bucket.put("in/a.png", SMALL)
    lost = iter([True])

    def fault(request: Request) -> None:
        if is_of_object(request) and next(lost, False):
            raise ConnectionResetError("busy")

    bucket.network.fault = fault
    assert found(f"{bucket.url}in/") == [f"{bucket.url}in/a.png"]
    assert bucket.asked == ["in/a.png"]
    assert [one.lost for one in bucket.network.requests if one.lost] == ["ConnectionResetError('busy')"]


def test_what_fails_at_times_is_asked_for_again(bucket: Bucket) -> None:
    keys = [f"in/{number:02}.png" for number in range(40)]
    for key in keys:
        bucket.put(key, SMALL + key.encode())
    bucket.network.fault = lambda request: (
        Answer(500, refusal("InternalError", "We encountered an internal error."))
        if request.number % 10 == 0
        else None
    )
    given = list(discover([f"{bucket.url}in/"]))
    assert [one.content for one in given if isinstance(one, Source)] == [SMALL + key.encode() for key in keys]
    assert len(bucket.network.requests) > len(keys) + 2
    assert 2 < bucket.network.most_at_once <= fetching.REQUESTS


@pytest.mark.parametrize("name", ["x.png", "x"])
def test_an_answer_that_is_cut_in_the_middle_is_whole_in_the_end(bucket: Bucket, name: str) -> None:
    content = SMALL + bytes(range(256)) * 1000
    bucket.put(name, content)
    cut = iter([200_000, 10_000])
    bucket.network.fault = lambda request: (
        Answer(cut_after=next(cut, None)) if is_of_object(request) else None
    )
    (one,) = discover([bucket.url])
    assert isinstance(one, Source)
    assert one.content == content


def test_what_is_always_cut_is_given_up_by_name(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(stores, "RETRIES", 2)
    bucket.put("x.png", SMALL + bytes(1000))
    bucket.put("y.png", SMALL)
    bucket.network.fault = lambda request: Answer(cut_after=100) if "x.png" in request.path else None
    first, second = found(bucket.url)
    assert first.startswith(f"{bucket.url}x.png: ")
    assert first.endswith("tried 2 times")
    assert second == f"{bucket.url}y.png"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDenied", "the credentials lack the right to it (AccessDenied: Told by the server)"),
        ("InvalidAccessKeyId", "wrong credentials (InvalidAccessKeyId: Told by the server)"),
        ("RequestTimeTooSkewed", "clock of this machine is wrong (RequestTimeTooSkewed: Told by the server)"),
    ],
)
def test_what_is_refused_is_told_and_not_asked_for_again(bucket: Bucket, code: str, told: str) -> None:
    bucket.network.fault = lambda _request: Answer(403, refusal(code, "Told by the server"))
    names = [f"{bucket.url}in/", f"{bucket.url}x.png", f"{bucket.url}x"]
    listed, fetched, either = found(*names)
    assert listed.startswith(f"{names[0]}: cannot be listed: ")
    assert fetched.startswith(f"{names[1]}: ")
    assert either.startswith(f"{names[2]}: cannot be listed: ")
    assert all(one.endswith(told) for one in (listed, fetched, either))
    assert len(bucket.network.requests) == 4
    assert not any(secret in "".join([listed, fetched, either]) for secret in (KEY_ID, SECRET))


def test_a_listing_that_fails_in_the_middle_gives_what_came_before(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        bucket.put(f"in/{number}.png", SMALL)
    pages = 0

    def fault(request: Request) -> Answer | None:
        nonlocal pages
        pages += is_of_listing(request)
        if is_of_listing(request) and "continuation-token" in request.path:
            return Answer(403, refusal("AccessDenied", "Access Denied"))
        return None

    # A page of the server's holds a thousand.
    monkeypatch.setattr(listing, "NAMES_AT_ONCE", 2)
    import moto.settings

    monkeypatch.setattr(moto.settings, "get_s3_default_max_keys", lambda: 3)
    bucket.network.fault = fault
    *names, told = found(f"{bucket.url}in/")
    assert names == [f"{bucket.url}in/{number}.png" for number in range(len(names))]
    assert 0 < len(names) < 5
    assert f"cannot be listed, after {len(names)} names: the credentials lack the right to it" in told


def test_large_objects_are_not_there_all_at_once(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 1 << 20
    for number in range(12):
        bucket.put(f"in/{number:02}.png", SMALL + bytes(size - len(SMALL)))
    held = []
    room = fetching.Room(3 * size)
    take = room.take

    def watched(turn: int, wanted: int) -> None:
        take(turn, wanted)
        held.append(sum(room._taken.values()))

    monkeypatch.setattr(room, "take", watched)
    monkeypatch.setattr(fetching, "Room", lambda: room)
    for one in discover([f"{bucket.url}in/"]):
        assert isinstance(one, Source)
        assert len(one.content or b"") == size
        time.sleep(0.01)
    # One more is let in when it is the first of the row.
    assert max(held) in (3 * size, 4 * size)


def test_whoever_gives_up_ends_the_threads(bucket: Bucket) -> None:
    for number in range(100):
        bucket.put(f"in/{number:02}.png", SMALL)
    bucket.network.fault = lambda _request: time.sleep(0.05)
    given = discover([f"{bucket.url}in/"])
    next(given)
    given.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 60
    while any(one.name == "fetch" for one in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(one.name == "fetch" for one in threading.enumerate())
    assert sum(map(is_of_object, bucket.network.requests)) < 100


def test_an_address_of_the_web_is_one_image(bucket: Bucket) -> None:
    bucket.network.fault = lambda request: (
        Answer(404) if "none" in request.path else Answer(200, SMALL, {"Content-Type": "image/png"})
    )
    address = f"{bucket.address}/a b.png?X-Amz-Signature=5ec3e7"
    (one,) = discover([address])
    assert isinstance(one, Source)
    assert (one.content, one.filename) == (SMALL, f"{bucket.address}/a b.png?…")
    assert bucket.network.requests[0].path == "/a%20b.png?X-Amz-Signature=5ec3e7"
    (told,) = found(address, limits=Limits(max_bytes=5))
    assert told.endswith("too large: 8 bytes, limit 5 bytes")
    (told,) = found(f"{bucket.address}/none.png?token=5ec3e7")
    assert told == f"{bucket.address}/none.png?…: the server answers 404 Not Found"


def test_the_web_is_asked_again_where_it_fails_at_times(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "FIRST_WAIT_SECONDS", 0.01)
    answers = iter([Answer(503), Answer(200, SMALL, cut_after=5), Answer(200, SMALL)])
    bucket.network.fault = lambda _request: next(answers, Answer(503))
    (one,) = discover([f"{bucket.address}/a.png"])
    assert isinstance(one, Source)
    assert one.content == SMALL
    assert found(f"{bucket.address}/a.png") == [
        f"{bucket.address}/a.png: the server answers 503 Service Unavailable, tried 5 times"
    ]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("file:///etc/passwd", "Redirection to url 'file:///etc/passwd' is not allowed"),
        ("ftp://127.0.0.1/x.png", "redirected to another address: ftp:// is not fetched"),
        ("http://example.org/x.png", "redirected to another address: http:// is not encrypted"),
        ("/again.png", "infinite loop"),
    ],
)
def test_redirects_lead_to_what_could_have_been_named(bucket: Bucket, location: str, told: str) -> None:
    bucket.network.fault = lambda _request: Answer(302, headers={"Location": location})
    (one,) = found(f"{bucket.address}/x.png")
    assert told in one


def test_every_page_of_an_object_is_an_image(bucket: Bucket) -> None:
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    target = io.BytesIO()
    pages[0].save(target, "TIFF", save_all=True, append_images=pages[1:])
    bucket.put("in/scan.tif", target.getvalue())
    spec = ImageSpec(8, 8, 3)
    items = list(decode_all(discover([f"{bucket.url}in/"]), spec, pages=Pages.ALL))
    assert [one.source.filename for one in items] == [f"{bucket.url}in/scan.tif#{page}" for page in (1, 2, 3)]
    assert all(isinstance(one, Sample) and one.source.remote is not None for one in items)
    assert bucket.asked == ["in/scan.tif"]


def test_many_objects_are_decoded_by_processes(bucket: Bucket, digits: list[Path]) -> None:
    for number in range(150):
        bucket.put(f"in/{number:03}.png", digits[number % len(digits)].read_bytes())
    items = list(decode_all(discover([f"{bucket.url}in/"]), ImageSpec(28, 28, 1)))
    assert [one.position for one in items] == list(range(150))
    assert all(isinstance(one, Sample) for one in items)


KNOWN = """
import resource
from mlpredict.domain import Rejected
from mlpredict.inputs.sources import discover

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

names = discover(["s3://many/in/"], known=lambda versions: dict.fromkeys(versions, bytes(32)))
first = [next(names).position for _ in range(2000)]
before, count = peak(), len(first)
for one in names:
    assert isinstance(one, Rejected) and one.predicted == bytes(32) and one.position == count, one
    count += 1
print(count, peak() - before)
"""

LISTING = """
import resource, sys
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.remote.listing import remote_sources

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

names = remote_sources("s3://many/in/", PassedOver())
first = [next(names).filename for _ in range(2000)]
before, last, count = peak(), first[-1], len(first)
assert first == sorted(first)
for one in names:
    assert last < one.filename
    last, count = one.filename, count + 1
print(count, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [LISTING, KNOWN], ids=["listed", "known"])
def test_a_hundred_thousand_names_take_no_more_memory_than_two_thousand(bucket: Bucket, script: str) -> None:
    with many_objects("many=100000") as address:
        environment = {**os.environ, **bucket.environment, "AWS_ENDPOINT_URL": address}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr
    count, grown = map(int, done.stdout.split())
    assert count == 100_000
    assert grown <= 16
