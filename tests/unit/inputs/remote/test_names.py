"""What names a thing that is on no disk of this machine."""

from __future__ import annotations

import pytest

from mlpredict.inputs.remote.names import (
    NotFetched,
    may_be_many,
    place_of,
    place_of_uri,
    safe_name,
    web_address,
    web_name,
)
from mlpredict.support.addresses import is_remote


@pytest.mark.parametrize(
    "key", ["a b.png", "a%20b.png", "ä/ü.png", "q?x=1#f.png", "plus+.png", "z\\w.png", "p/"]
)
def test_a_key_is_meant_as_it_is_written_and_comes_back_from_its_uri(key: str) -> None:
    place = place_of(f"s3://scans/{key}")
    assert (place.bucket, place.key) == ("scans", key)
    assert place.url == f"s3://scans/{key}"
    assert place.uri.isascii()
    assert place_of_uri(place.uri) == place


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("s3://", "not the name of a bucket"),
        ("s3:///x.png", "not the name of a bucket"),
        ("s3://me:secret@scans/x.png", "not the name of a bucket"),
        ("s3://scans/x//y.png", "empty part"),
        ("s3://scans//y.png", "empty part"),
        ("s3://scans/../y.png", "a part . or .."),
        ("s3://scans/a/./y.png", "a part . or .."),
        ("s3://scans/a\nb.png", "a control character"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(NotFetched, match=reason.replace(".", r"\.")):
        place_of(name)


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("s3://scans", True),
        ("s3://scans/2026/", True),
        ("s3://scans/2026", True),
        ("s3://scans/7.PNG", False),
        ("https://host/images/", False),
        ("scans/", False),
    ],
)
def test_a_prefix_may_be_many(name: str, many: bool) -> None:
    assert may_be_many(name) is many


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("https://me:secret@host/a.png", "password"),
        ("http://example.org/a.png", "not encrypted"),
        ("http://192.168.0.7/a.png", "not encrypted"),
        ("https:///a.png", "no host"),
        ("https://host:port/a.png", "not an address"),
        ("https://[::1/a.png", "not an address"),
        ("https://me:secret@ho\u2100st/a.png", "not an address"),
        ("https://me:secret/x@host/a.png", "not an address"),
        ("file:///etc/passwd", "no host"),
        ("ftp://host/a.png", "not fetched"),
    ],
)
def test_an_address_that_is_not_fetched(name: str, reason: str) -> None:
    with pytest.raises(NotFetched, match=reason) as raised:
        web_address(name)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    "name", ["https://10.0.0.7/a.png", "http://127.0.0.1:80/a.png", "http://[::1]/a.png"]
)
def test_addresses_of_this_machine_and_private_ones_are_fetched(name: str) -> None:
    assert web_name(web_address(name)) == name


def test_a_name_has_nothing_of_an_address_that_may_be_a_key() -> None:
    assert web_name(web_address("https://host/a.png?X-Amz-Signature=1f#x")) == "https://host/a.png?…"
    assert safe_name("https://me:secret@host/a.png?sig=1") == "https://host/a.png?…"
    assert safe_name("https://[bad?sig=1") == "https://…"
    assert safe_name("https://me:secret/x@host/a.png") == "https://…"
    assert safe_name("s3://scans/a?b.png") == "s3://scans/a?b.png"
    assert is_remote("s3://scans/a?b.png")
    assert not is_remote("scans/s3:/a.png")
