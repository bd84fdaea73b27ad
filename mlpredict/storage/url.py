"""A database's address as a URL, which more programs take than libpq's own notation."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote


def as_url(parameters: Mapping[str, str]) -> str:
    """The URL of libpq's connection parameters; whoever must not see a password leaves it out.

    Hosts with a name or an address go where a URL has them, sockets' directories into its query.
    """
    rest = dict(parameters)
    user, database = rest.pop("user", ""), rest.pop("dbname", "")
    place = _place(rest.get("host", ""), rest.get("port", ""))
    if place:
        rest.pop("host")
        rest.pop("port", None)
    account = f"{quote(user, safe='')}@" if user else ""
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in rest.items())
    return f"postgresql://{account}{place}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def _place(host: str, port: str) -> str:
    """`host:port`, several with commas between; empty where a URL's authority cannot say it."""
    hosts, ports = host.split(","), port.split(",")
    if len(ports) == 1:
        ports *= len(hosts)  # one for all, as libpq has it
    if len(ports) != len(hosts) or not all(map(_is_on_the_network, hosts)):
        return ""
    return ",".join(_pair(host, port) for host, port in zip(hosts, ports, strict=True))


def _is_on_the_network(host: str) -> bool:
    return bool(host) and host[0] not in "/@"


def _pair(host: str, port: str) -> str:
    spelled = f"[{quote(host, safe=':')}]" if ":" in host else quote(host, safe="")
    return f"{spelled}:{port}" if port else spelled
