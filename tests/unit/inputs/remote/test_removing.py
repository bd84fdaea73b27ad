"""Images that are taken out of buckets, as many as those let go."""

from __future__ import annotations

import hashlib

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from mlpredict.domain.predictions import KeepIn
from mlpredict.inputs.remote import stores
from mlpredict.inputs.remote.removing import REQUESTS, Left, remove_images

DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(40)]
KEYS = [f"kept/{one.hex()}" for one in DIGESTS]
HELD = KEYS[7]


class FakeBucket:
    """Some images, one of which is not let go; how that is told differs between providers."""

    def __init__(self, refusal: Exception) -> None:
        self.there = set(KEYS)
        self.refusal = refusal
        self.asked: list[int] = []

    def delete(self, _store: object, keys: list[str]) -> None:
        self.asked.append(len(keys))
        for key in keys:
            if key not in self.there:
                raise FileNotFoundError(key)
            if key == HELD:
                raise self.refusal
            self.there.remove(key)


@pytest.fixture
def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeBucket:
    bucket = FakeBucket(request.param)
    monkeypatch.setattr(obstore, "delete", bucket.delete)
    monkeypatch.setattr(stores, "store_of", lambda *_place: None)
    return bucket


@pytest.mark.parametrize(
    ("fake", "prefix", "reason"),
    [
        (PermissionDeniedError("403 Forbidden"), "gs://scans/kept/", "gs://scans/"),
        (
            GenericError("Bulk delete request failed for key kept/x: Conflict (code: 409)"),
            "az://scans/kept/",
            "409: Conflict",
        ),
        (
            GenericError("DeleteObjects request failed for key kept/x: Access Denied (code: AccessDenied)"),
            "s3://scans/kept/",
            "the credentials lack the right to it",
        ),
    ],
    indirect=["fake"],
)
def test_what_is_refused_stays_and_the_others_go(fake: FakeBucket, prefix: str, reason: str) -> None:
    left = remove_images(KeepIn(prefix), DIGESTS)
    assert left.digests == {DIGESTS[7]}
    assert reason in left.reason
    assert fake.there == {HELD}


@pytest.mark.parametrize("fake", [GenericError("HTTP: error sending request")], indirect=True)
def test_a_bucket_that_does_not_answer_is_not_asked_for_each(fake: FakeBucket) -> None:
    left = remove_images(KeepIn("gs://scans/kept/"), DIGESTS)
    assert left == Left(frozenset(DIGESTS), "gs://scans/kept/: no answer from the server")
    assert fake.asked == [len(DIGESTS)]


@pytest.mark.parametrize("fake", [PermissionDeniedError("403 Forbidden")], indirect=True)
def test_nor_is_one_that_answers_no_more(fake: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(store: object, keys: list[str]) -> None:
        if len(keys) == 1:
            fake.asked.append(1)
            raise GenericError("HTTP: error sending request")
        fake.delete(store, keys)

    monkeypatch.setattr(obstore, "delete", delete)
    left = remove_images(KeepIn("gs://scans/kept/"), DIGESTS)
    assert left.digests == frozenset(DIGESTS)
    assert len(fake.asked) <= 1 + REQUESTS
