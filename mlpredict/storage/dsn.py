"""A DSN as connection parameters, and messages without a piece of its password.

A URL ends a password at the first `@`, and a host at `/`, `?` and `:`. With one of these in it that is
not percent-encoded, a part of the password is taken for a host, a port or a database, which everybody
names when they cannot be reached. So a DSN is looked at first, and refused without quoting it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import conninfo

from mlpredict.errors import DatabaseError

SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""The connection parameters that nobody is shown."""

SCHEMES = ("postgresql://", "postgres://")
HOST = r"[\w.:%-]*"
"""A name, in whatever script, or an address; `%` is before the zone of an IPv6 address."""

PORT = r"\s*\d*\s*"
TORN = r"(?i)pass\w*\s*[=:]|pwd\s*[=:]|://"
"""What has come into another parameter, as from `host=h;password=…`, or is a DSN itself."""

FORMS = "postgresql://USER@HOST:PORT/DATABASE, or host=… dbname=…"
ENCODING_HINT = (
    "in a URL, special characters of a password and of a user are percent-encoded: @ is %40, / is %2F, "
    ": is %3A, ? is %3F, # is %23, % is %25; PGPASSWORD and ~/.pgpass take a password as it is"
)
QUOTING_HINT = (
    r"a value with spaces stands in single quotes, with \' and \\ for ' and \: dbname='it\'s me'; "
    "the values are separated by spaces alone"
)


def parse(dsn: str) -> dict[str, Any]:
    """The connection parameters of a DSN, a URL's or `key=value` pairs.

    Raises:
        DatabaseError: it is neither, or a part of its password would be taken for something else; the
            message does not quote it.

    Example:
        >>> parse("postgresql://me@db.example.org/predictions")["dbname"]
        'predictions'
    """
    is_url = dsn.startswith(SCHEMES)
    if is_url and not _is_unambiguous(dsn):
        raise DatabaseError("the DSN's password or user has a character that ends it", hint=ENCODING_HINT)
    hint = ENCODING_HINT if is_url else QUOTING_HINT
    try:
        parameters = conninfo.conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):
        # The driver's message quotes the DSN, and with it the password.
        forms = f"{FORMS}; {hint}" if "@" in dsn or "%" in dsn or "pass" in dsn.lower() else FORMS
        raise DatabaseError("the DSN is not one PostgreSQL understands", hint=forms) from None
    for name, value in parameters.items():
        if name not in SECRETS and not _is_plausible(name, str(value)):
            raise DatabaseError(
                f"what the DSN has for {name} is none, and not shown, as it may be a piece of a password",
                hint=hint,
            )
    return parameters


def without_secrets(error: psycopg.Error, parameters: Mapping[str, Any]) -> str:
    """What the driver says of a connection that failed, without what nobody is shown.

    A password may come from the DSN, from the environment, and from a service file, as the rest may.
    """
    hidden = {str(value) for name, value in parameters.items() if name in SECRETS}
    hidden.add(os.environ.get("PGPASSWORD", ""))
    for option in error.pgconn.info if error.pgconn else ():
        name, value = option.keyword.decode(), (option.val or b"").decode(errors="replace")
        if name in SECRETS or not (name in parameters or _is_plausible(name, value)):
            hidden.add(value)
    text = str(error)
    for secret in sorted(hidden - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text)
    return text


def _is_unambiguous(url: str) -> bool:
    """Whether only one `@` is in a URL, which ends the user and the password."""
    rest = url.partition("://")[2]
    end = re.search(r"[@/]", rest)
    if end is not None and end[0] == "@":
        rest = rest[end.end() :]
    return "@" not in rest


def _is_plausible(name: str, value: str) -> bool:
    """Whether a parameter may be what it is called; else it may be a piece of a password."""
    if re.search(TORN, value):
        return False
    if name in ("host", "hostaddr"):
        return all(map(_is_host, value.split(",")))
    return name != "port" or all(re.fullmatch(PORT, one) for one in value.split(","))


def _is_host(text: str) -> bool:
    """Whether it is a name, an address, or the directory or name of a socket."""
    return text[:1] in ("/", "@") or text[1:2] == ":" or re.fullmatch(HOST, text) is not None
