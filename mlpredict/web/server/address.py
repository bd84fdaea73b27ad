"""Where the server listens, and who may reach it there."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from mlpredict.errors import UsageError, describe_os_error
from mlpredict.web.access import LOCAL_NAMES, Rules

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """A host as the user wrote it, and the address it stands for."""

    host: str
    port: int
    family: socket.AddressFamily
    ip: str

    @property
    def is_public(self) -> bool:
        """Whether other machines may get here."""
        return not ipaddress.ip_address(self.ip.partition("%")[0]).is_loopback


def resolve(host: str, port: int) -> Address:
    """The first address of a host.

    Raises:
        UsageError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no host's name"
        raise UsageError(f"--host {host}: {reason}") from error
    family, _, _, _, address = found[0]
    return Address(host, port, family, str(address[0]))


def rules_for(address: Address, token: str | None, *, insecure: bool) -> Rules:
    """Who may ask a server that listens there.

    Raises:
        UsageError: everybody might.
    """
    if token is not None:
        return Rules(token=token.encode())
    if not address.is_public:
        return Rules(hosts=LOCAL_NAMES | {_in_url(address.host).lower()})
    if not insecure:
        raise UsageError(
            f"--host {address.host} is open to other machines",
            hint="give a --token, or MLPREDICT_TOKEN, that clients must know; --insecure goes without",
        )
    return Rules()


def listen(address: Address) -> socket.socket:
    """A socket that takes connections.

    Raises:
        UsageError: there cannot be one.
    """
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.ip, address.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"--host {address.host} --port {address.port}: {describe_os_error(error)}",
            hint="--port 0 takes a port that is free",
        ) from error
    return listener


def url_of(address: Address, listener: socket.socket) -> str:
    """The URL of the server's page."""
    return f"http://{_in_url(address.host)}:{listener.getsockname()[1]}/"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
