"""What a session must have set for our statements to mean the same everywhere."""

from __future__ import annotations

Settings = tuple[tuple[str, str], ...]

SETTINGS: Settings = (
    # What times, numbers, bytes and arrays look like on their way.
    ("DateStyle", "'ISO, MDY'"),
    ("TimeZone", "'UTC'"),
    ("IntervalStyle", "'postgres'"),
    ("extra_float_digits", "1"),
    ("bytea_output", "'hex'"),
    ("array_nulls", "on"),
    ("standard_conforming_strings", "on"),
    # A list is as long as its reader takes, and a batch waits for another run that stores the same image.
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
)
"""The values as SQL has them; pg_dump sets much the same for itself."""

TIMEOUT_OF_TRANSACTIONS = ("transaction_timeout", "0")
SINCE = 17
"""PostgreSQL's first version that knows it."""

OF_STATEMENTS_ALONE: Settings = (
    ("default_transaction_isolation", "'read committed'"),
    ("default_transaction_read_only", "off"),
)
"""What a transaction says in its BEGIN, for statements that are one by themselves."""


def settings_of(version: int) -> Settings:
    """What every transaction needs on a server of a major version."""
    return (*SETTINGS, TIMEOUT_OF_TRANSACTIONS) if version >= SINCE else SETTINGS


def startup_options(version: int) -> str:
    """The same from a session's start on, as libpq's `options`: nobody's settings overrule those.

    Example:
        >>> startup_options(18)
        '-c DateStyle=ISO,\\\\ MDY -c TimeZone=UTC …'
    """
    values = (*settings_of(version), *OF_STATEMENTS_ALONE)
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in values)


def plain(value: str) -> str:
    """A value without SQL's quotes."""
    return value.strip("'")


def _escaped(value: str) -> str:
    """A value as `options` have it."""
    return plain(value).replace("\\", "\\\\").replace(" ", "\\ ")
