"""Images of Google's buckets and Azure's containers, fetched over a network that fails."""

from __future__ import annotations

import os

import pytest

from mlpredict.domain import Source
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.remote import listing, reading, stores
from mlpredict.inputs.remote.versions import object_version
from mlpredict.inputs.sources import discover
from tests.buckets import Answer, Request
from tests.cloud_servers.google import ServiceAccount
from tests.clouds import OWN, Cloud, azure_container

SMALL = b"\x89PNG\r\n\x1a\n"
"""The first bytes of an image: nothing here decodes any."""


def found(*names: str, limits: Limits | None = None, counted: PassedOver | None = None) -> list[str]:
    """The names of what was fetched; what is rejected stands as `name: reason`."""
    return [
        one.filename if isinstance(one, Source) else f"{one.source.filename}: {one.reason}"
        for one in discover(names, limits or Limits(), counted)
    ]


def test_a_prefix_is_gone_through_as_a_folder(cloud: Cloud) -> None:
    for key in ("in/b.png", "in/a.png", "in/z/1.JPG", "in/c/2.png", "in/no-suffix", "inside.png", "in.png"):
        cloud.put(key, SMALL + key.encode())
    for key in ("in/notes.txt", "in/text", "in/.hidden/x.png", "in/.x.png"):
        cloud.put(key, b"hello")
    passed_over = PassedOver()
    names = [f"{cloud.url}in/{name}" for name in ("a.png", "b.png", "c/2.png", "no-suffix", "z/1.JPG")]
    assert found(f"{cloud.url}in/", counted=passed_over) == names
    assert passed_over.counts == {"hidden": 2, ".txt": 1, "without extension": 1}
    assert found(f"{cloud.url}in") == names
    (first, *_) = discover([f"{cloud.url}in/"])
    assert isinstance(first, Source)
    assert first.content == SMALL + b"in/a.png"


@pytest.mark.parametrize("key", ["a b.png", "a%20b.png", "ä/ü.png", "q?x=1#f.png", "plus+.png", "z&<w>.png"])
def test_keys_of_odd_characters_are_found_and_fetched(cloud: Cloud, key: str) -> None:
    cloud.put(key, SMALL)
    assert found(f"{cloud.url}{key}") == [f"{cloud.url}{key}"]
    assert found(cloud.url) == [f"{cloud.url}{key}"]


def test_a_listing_of_many_pages_is_in_order(cloud: Cloud) -> None:
    if cloud.shelf is None:
        pytest.skip("Azurite's pages hold 5,000 names")
    cloud.shelf.page = 3
    keys = [f"in/{number:02}.png" for number in range(20)]
    for key in reversed(keys):
        cloud.put(key, SMALL)
    assert found(f"{cloud.url}in/") == [f"{cloud.url}{key}" for key in keys]
    assert len(cloud.network.requests) == 20 + 7


def test_a_listing_that_fails_in_the_middle_gives_what_came_before(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cloud.shelf is None:
        pytest.skip("Azurite's pages hold 5,000 names")
    cloud.shelf.page = 3
    monkeypatch.setattr(listing, "NAMES_AT_ONCE", 2)
    for number in range(5):
        cloud.put(f"in/{number}.png", SMALL)
    cloud.network.fault = lambda request: (
        cloud.refused() if "token=" in request.path or "marker=" in request.path else None
    )
    *names, told = found(f"{cloud.url}in/")
    assert names == [f"{cloud.url}in/{number}.png" for number in range(len(names))]
    assert 0 < len(names) < 5
    assert f"cannot be listed, after {len(names)} names: the credentials lack the right to it" in told


def test_an_object_has_one_version_wherever_it_is_told(cloud: Cloud) -> None:
    def versions() -> set[bytes | None]:
        told = [*listing.remote_sources(f"{cloud.url}in/", PassedOver()), *discover([f"{cloud.url}in/a.png"])]
        assert len(told) == 2
        return {object_version(one.remote) for one in told if isinstance(one, Source)}

    cloud.put("in/a.png", SMALL + b"1")
    (first,) = versions()
    cloud.put("in/a.png", SMALL + b"2")
    (second,) = versions()
    assert None not in (first, second)
    assert first != second


def test_names_that_lead_nowhere(cloud: Cloud) -> None:
    what = "bucket" if cloud.scheme == "gs" else "container"
    assert found(cloud.url) == [f"{cloud.url}: no images in this bucket"]
    assert found(f"{cloud.url}none/") == [f"{cloud.url}none/: no images below this prefix"]
    (told,) = found(f"{cloud.url}none.png")
    assert "none.png: there is no such object (" in told
    nowhere = f"{cloud.scheme}://no-bucket-of-tests-{cloud.name}"
    assert f"there is no such {what} (" in found(f"{nowhere}/x.png")[0]
    assert f"cannot be listed: there is no such {what} (" in found(f"{nowhere}/x/")[0]
    assert f"cannot be listed: there is no such {what} (" in found(f"{nowhere}/x")[0]


def test_too_large_an_object_is_not_asked_for(cloud: Cloud) -> None:
    cloud.put("in/large.png", SMALL + bytes(1000))
    cloud.put("in/small.png", SMALL)
    limits = Limits(max_bytes=900)
    too_large = f"{cloud.url}in/large.png: too large: 1,008 bytes, limit 900 bytes"
    assert found(f"{cloud.url}in/", limits=limits) == [too_large, f"{cloud.url}in/small.png"]
    assert cloud.asked == ["in/small.png"], cloud.network.requests
    assert found(f"{cloud.url}in/large.png", limits=limits) == [too_large]


def test_what_fails_at_times_is_asked_for_again(cloud: Cloud) -> None:
    keys = [f"in/{number:02}.png" for number in range(40)]
    for key in keys:
        cloud.put(key, SMALL + key.encode())
    cloud.network.fault = lambda request: Answer(500, b"at times") if request.number % 10 == 0 else None
    given = list(discover([f"{cloud.url}in/"]))
    assert [one.content for one in given if isinstance(one, Source)] == [SMALL + key.encode() for key in keys]
    assert len(cloud.network.requests) > len(keys) + 2


@pytest.mark.parametrize("name", ["x.png", "x"])
def test_an_answer_that_is_cut_in_the_middle_is_whole_in_the_end(cloud: Cloud, name: str) -> None:
    content = SMALL + bytes(range(256)) * 1000
    cloud.put(name, content)
    cut = iter([200_000, 10_000])
    cloud.network.fault = lambda request: (
        Answer(cut_after=next(cut, None)) if cloud.is_of_object(request) else None
    )
    (one,) = discover([cloud.url])
    assert isinstance(one, Source)
    assert one.content == content
    assert next(cut, None) is None


def test_what_is_always_cut_is_given_up_by_name(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(stores, "RETRIES", 2)
    cloud.put("x.png", SMALL + bytes(1000))
    cloud.put("y.png", SMALL)
    cloud.network.fault = lambda request: Answer(cut_after=100) if "x%2Epng" in dotted(request) else None
    first, second = found(cloud.url)
    assert first.startswith(f"{cloud.url}x.png: ")
    assert first.endswith("tried 2 times")
    assert second == f"{cloud.url}y.png"


def dotted(request: Request) -> str:
    """The path of a request, with dots as Google is asked for them."""
    return request.path.replace(".", "%2E")


def test_who_has_no_right_is_told_so_and_not_asked_again(cloud: Cloud) -> None:
    cloud.network.fault = lambda _request: cloud.refused()
    names = [f"{cloud.url}in/", f"{cloud.url}x.png", f"{cloud.url}x"]
    told = found(*names)
    assert [one.startswith(name) for one, name in zip(told, names, strict=True)] == [True] * 3
    assert all("the credentials lack the right to it" in one and "\n" not in one for one in told)
    assert len(cloud.network.requests) == 4
    assert not any(secret in "".join(told) for secret in cloud.secrets)


def test_a_wrong_key_is_told_as_one(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """By servers that check who asks."""
    wrong_key(cloud, monkeypatch)
    cloud.put("x.png", SMALL)
    told = found(f"{cloud.url}in/", f"{cloud.url}x.png", f"{cloud.url}x")
    assert len(told) == 3
    # Azurite has another code than Azure for it.
    assert all(("wrong credentials (" in one or "a wrong key, " in one) and "\n" not in one for one in told)
    assert not any(secret in "".join(told) for secret in cloud.secrets)


def wrong_key(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process ask with a key that nobody knows."""
    if cloud.scheme == "az":
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmcga2V5IG9mIHRlc3RzLCB3cm9uZyBrZXk=")
        return
    with open(cloud.environment["GOOGLE_APPLICATION_CREDENTIALS"], "w") as file:
        file.write(ServiceAccount().file())


def test_azurite_is_named_by_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith(OWN)]:
        monkeypatch.delenv(name)
    with azure_container("emulated") as cloud:
        cloud.put("in/a.png", SMALL)
        address = cloud.environment.pop("AZURE_STORAGE_ENDPOINT").rpartition("/")[0]
        emulator = {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": address}
        for name, value in {**cloud.environment, **emulator}.items():
            monkeypatch.setenv(name, value)
        assert found(cloud.url) == [f"{cloud.url}in/a.png"]


def test_a_key_that_is_none_is_told_without_it(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    if cloud.scheme == "gs":
        with open(cloud.environment["GOOGLE_APPLICATION_CREDENTIALS"], "w") as file:
            file.write('{"type": "service_account", "private_key": "5ec3e7", "private_key_id": "k", ')
            file.write('"client_email": "a@b"}')
    else:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "5ec3e7")
    (told,) = found(f"{cloud.url}x.png")
    assert told.startswith(f"{cloud.url}x.png: ")
    assert "5ec3e7" not in told
    assert cloud.network.requests == []
