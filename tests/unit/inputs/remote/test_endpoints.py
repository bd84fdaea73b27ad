"""Who is asked in the place of Google and Azure, by the environment."""

from __future__ import annotations

import os

import pytest

from mlpredict.inputs.remote.endpoints import Endpoint, azure_endpoint, google_endpoint
from mlpredict.inputs.remote.names import NotFetched
from mlpredict.inputs.remote.stores import store_of
from tests.clouds import OWN


@pytest.fixture(autouse=True)
def _nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith(OWN) or one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_the_clouds_themselves_are_asked_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", "http://example.org")
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "false")
    assert google_endpoint() == azure_endpoint() == Endpoint()


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1:4443", Endpoint("http://127.0.0.1:4443", True, True)),
        ("http://localhost:4443/", Endpoint("http://localhost:4443", True, True)),
        ("https://gcs.example.org", Endpoint("https://gcs.example.org", False, True)),
    ],
)
def test_an_emulator_of_google_is_named_as_its_libraries_name_it(
    monkeypatch: pytest.MonkeyPatch, address: str, endpoint: Endpoint
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    monkeypatch.setenv("GOOGLE_BASE_URL", "https://example.org")
    assert google_endpoint() == endpoint


def test_azures_library_finds_its_emulator_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "True")
    assert azure_endpoint() == Endpoint(is_emulator=True)
    monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", "http://[::1]:10000")
    assert azure_endpoint() == Endpoint(is_emulator=True)


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        ("gs", ["STORAGE_EMULATOR_HOST"]),
        ("gs", ["GOOGLE_BASE_URL"]),
        ("az", ["AZURE_STORAGE_ENDPOINT"]),
        ("az", ["AZURE_ENDPOINT"]),
        ("az", ["AZURITE_BLOB_STORAGE_URL", "AZURE_STORAGE_USE_EMULATOR"]),
    ],
)
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://example.org/?sig=5ec3e7", "http:// is not encrypted"),
        ("http://10.0.0.7:9000", "http:// is not encrypted"),
        ("http://127.0.0.1.example.org", "http:// is not encrypted"),
        ("file:///5ec3e7", "is not an address"),
        ("http://[5ec3e7", "is not an address"),
    ],
)
def test_only_this_machine_is_asked_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, scheme: str, names: list[str], address: str, told: str
) -> None:
    for name in names[1:]:
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv(names[0], address)
    with pytest.raises(NotFetched, match=told) as raised:
        store_of(scheme, "no-bucket-of-tests")
    assert names[0] in str(raised.value)
    assert "5ec3e7" not in str(raised.value)


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_gets_to_see_what_is_asked_in_the_clear(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv(proxy, "http://me:5ec3e7@proxy.example.org:3128")
    monkeypatch.setenv("GOOGLE_BASE_URL", "http://localhost:4443")
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "1")
    with pytest.raises(NotFetched, match=r"GOOGLE_BASE_URL: HTTP_PROXY .* NO_PROXY=localhost$"):
        google_endpoint()
    with pytest.raises(NotFetched, match=r"AZURITE_BLOB_STORAGE_URL: HTTP_PROXY .* NO_PROXY=127\.0\.0\.1$"):
        azure_endpoint()
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    assert google_endpoint().in_the_clear
    assert azure_endpoint().is_emulator
