"""What tells one version of an object from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mlpredict.domain import Rejected, Remote, Source
from mlpredict.inputs.remote.versions import object_version, without_known

LISTED = Remote("s3://scans/7.png", 310, '"9b2cf5"')


def test_a_version_is_the_same_in_a_listing_and_in_an_answer() -> None:
    version = object_version(LISTED)
    assert version is not None
    assert len(version) == 16
    # Azure's listings have no quotation marks; what is looked for in an object changes nothing in it.
    assert version == object_version(LISTED._replace(etag="9b2cf5", unless_image=".dat"))


@pytest.mark.parametrize(
    "change", [{"etag": '"9b2cf6"'}, {"size": 311}, {"url": "s3://scans/8.png"}, {"url": "gs://scans/7.png"}]
)
def test_another_object_is_another_version(change: dict[str, Any]) -> None:
    assert object_version(LISTED._replace(**change)) not in (None, object_version(LISTED))


@pytest.mark.parametrize(
    "change",
    [
        {"etag": None},
        {"etag": '""'},
        {"etag": 'W/"9b2cf5"'},
        {"etag": '"00000000000000000000000000000000-1"'},
        {"size": None},
        {"url": "https://example.org/7.png"},
    ],
)
def test_what_tells_too_little_is_no_version(change: dict[str, Any]) -> None:
    assert object_version(LISTED._replace(**change)) is None


def test_what_is_known_stays_in_its_place_and_is_asked_for_at_once() -> None:
    sources = [Source(f"{number}.png", remote=Remote(f"s3://b/{number}.png", 1, "e")) for number in range(4)]
    sources[1] = Source("1.png", remote=Remote("s3://b/1.png", 1))
    asked: list[Sequence[bytes]] = []

    def known(versions: Sequence[bytes]) -> Mapping[bytes, bytes]:
        asked.append(versions)
        return {versions[1]: b"digest"}

    found = list(without_known(sources, known))
    assert found[:2] + found[3:] == [sources[0], sources[1], sources[3]]
    assert isinstance(found[2], Rejected)
    assert (found[2].source, found[2].predicted) == (sources[2], b"digest")
    assert [len(versions) for versions in asked] == [3]
    assert list(without_known([sources[1]], known)) == [sources[1]]
    assert len(asked) == 1
    assert list(without_known(sources, None)) == sources
