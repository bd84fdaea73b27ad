"""Whether the machines of a cluster can reach a database by its DSN, and may be told it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mlpredict.errors import UsageError
from mlpredict.storage.dsn import SECRETS, parse

ADDRESS = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
LOCAL = re.compile(r"|[/@].*|localhost|127\..*|::1")
"""Hosts of a DSN that are this machine: none at all, a socket, or loopback."""


def cluster_address(text: str) -> tuple[str, int]:
    """The host and port of a cluster that exists.

    Raises:
        UsageError: it is none; `local` and `auto`, by which Ray may start one, among them.

    Example:
        >>> cluster_address("head.example.org:6379")
        ('head.example.org', 6379)
    """
    found = ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 1 << 16:
        raise UsageError(
            f"--ray {text}: expected HOST:PORT of a cluster that runs already; mlpredict starts none, as"
            " one of Ray's defaults runs code for whoever connects"
        )
    return found[1].strip("[]"), int(found[2])


def require_shared(dsn: str | None, given: str | None) -> str:
    """The DSN that the nodes of a cluster use; `given` is the one of the command line.

    Raises:
        UsageError: there is none, or Ray would show its password with the driver's command line.
    """
    if dsn is None:
        raise UsageError(
            "--ray needs --dsn: the nodes of a cluster cannot reach the local PostgreSQL, which listens on a"
            " socket of this machine alone"
        )
    parse(dsn)
    if given is not None and not SECRETS.isdisjoint(parse(given)):
        raise UsageError(
            "--ray and a password in --dsn exclude each other: Ray lists the command line of a driver on its"
            " dashboard",
            hint="set MLPREDICT_DSN instead",
        )
    return dsn


def require_reachable(dsn: str, machines: Sequence[str]) -> None:
    """Refuse a database of this machine alone where there are `machines` that are others.

    Raises:
        UsageError: with the reason.
    """
    parameters = parse(dsn)
    if not machines or "service" in parameters:
        return
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST", "")
    if any(LOCAL.fullmatch(one) for one in str(host).split(",")):
        raise UsageError(
            f"the DSN's host is {host or 'a socket'}, which is another machine on each node"
            f" ({', '.join(machines[:3])})",
            hint="name the database by a host that all of them reach",
        )
