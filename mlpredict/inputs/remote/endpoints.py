"""Servers that are asked in the place of Google's and Azure's own: mostly emulators, on this machine."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from mlpredict.inputs.remote.names import NotFetched, is_this_machine

GOOGLE_EMULATOR = "STORAGE_EMULATOR_HOST"
"""As Google's own libraries read it: who is asked gets no credentials."""
GOOGLE_SERVER = "GOOGLE_BASE_URL"
AZURE_EMULATOR = "AZURE_STORAGE_USE_EMULATOR"
AZURITE = "AZURITE_BLOB_STORAGE_URL"
AZURE_SERVERS = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
AZURITE_USUAL = "http://127.0.0.1:10000"
TRUE = frozenset(["1", "true", "on", "yes", "y"])


class Endpoint(NamedTuple):
    """Who is asked; no address stands for the cloud itself, or for where its library finds an emulator."""

    address: str | None = None
    in_the_clear: bool = False
    is_emulator: bool = False


def google_endpoint() -> Endpoint:
    """Who is asked for `gs://`, by the environment.

    Raises:
        NotFetched: it is an address in the clear that leads to another machine, or none.
    """
    if host := os.environ.get(GOOGLE_EMULATOR):
        address = host if "://" in host else f"http://{host}"
        return _endpoint(GOOGLE_EMULATOR, address)._replace(is_emulator=True)
    if server := os.environ.get(GOOGLE_SERVER):
        return _endpoint(GOOGLE_SERVER, server)
    return Endpoint()


def azure_endpoint() -> Endpoint:
    """Who is asked for `az://`, by the environment.

    Raises:
        NotFetched: it is an address in the clear that leads to another machine, or none.
    """
    if os.environ.get(AZURE_EMULATOR, "").lower() in TRUE:
        # The library reads both by itself.
        _endpoint(AZURITE, os.environ.get(AZURITE) or AZURITE_USUAL)
        return Endpoint(is_emulator=True)
    for name in AZURE_SERVERS:
        if address := os.environ.get(name):
            return _endpoint(name, address)
    return Endpoint()


def _endpoint(variable: str, address: str) -> Endpoint:
    """An address that a variable holds; it is not repeated, as there may be a key in it."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise NotFetched(f"{variable} is not an address") from None
    if not host or parts.scheme not in ("http", "https"):
        raise NotFetched(f"{variable} is not an address: expected https://HOST, or http:// of this machine")
    if parts.scheme == "http" and not is_this_machine(host):
        raise NotFetched(
            f"{variable}: http:// is not encrypted: set an https:// address, or one of this machine"
        )
    if parts.scheme == "http" and _is_proxied(host):
        raise NotFetched(f"{variable}: HTTP_PROXY would see all that is sent: set NO_PROXY={host}")
    return Endpoint(address.rstrip("/"), parts.scheme == "http")


def _is_proxied(host: str) -> bool:
    """Whether the library would ask another machine for what lies on this one."""
    proxies = getproxies_environment()
    return ("http" in proxies or "all" in proxies) and not proxy_bypass(host)
