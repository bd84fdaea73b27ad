"""`mlpredict db status`: where the database is, whether it runs, and how much it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpredict import settings
from mlpredict.cli.options import Dsn, InJson, Quiet, Verbose
from mlpredict.cli.stdout import stdout_is_terminal, write_data
from mlpredict.cli.talk import talk
from mlpredict.support.units import in_bytes

UNREADY = (
    "the local PostgreSQL gives no answer now; the next command waits for it, and starts it again"
    " if it makes no progress; mlpredict db stop --force ends it at once"
)

if TYPE_CHECKING:
    from mlpredict.storage.maintenance.status import DatabaseStatus


def status(dsn: Dsn = None, as_json: InJson = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Show where the database is, and what it holds.

    That is its version, whether it runs, its size and its rows. Nothing is started.
    """
    import json

    from mlpredict.storage.maintenance.status import status_of

    found = _fields(status_of(dsn or settings.dsn()))
    if found["pid"] and not found["version"]:
        talk.notice(UNREADY)
    if as_json:
        # The place may have a name that is not UTF-8, which orjson refuses.
        write_data(json.dumps(found, indent=2).encode() + b"\n")
    elif stdout_is_terminal():
        from mlpredict.cli.tables import print_pairs

        print_pairs(_for_people(found))
    else:
        from mlpredict.records import TsvEncoder

        records = [{"name": name, "value": value} for name, value in _flat(found).items()]
        write_data(TsvEncoder(("name", "value")).encode(records))


def _fields(found: DatabaseStatus) -> dict[str, Any]:
    """The status by its public field names; what cannot be known is None."""
    contents = found.contents
    return {
        "where": found.where,
        "state": found.state.value,
        "running": found.pid is not None or contents is not None,
        "version": contents.version if contents else None,
        "major": found.major,
        "schema": contents.schema_version if contents else None,
        "pid": found.pid,
        "account": found.account,
        "in_use": found.in_use,
        "linger_seconds": found.linger,
        "idle_seconds_left": None if found.idle_left is None else round(found.idle_left, 1),
        "size_bytes": found.size,
        "free_bytes": found.free,
        "partitions": (contents.partitions or None) if contents else None,
        "rows": contents.rows if contents else None,
    }


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    rows = fields["rows"] or {}
    words = {True: "true", False: "false"}
    flat = {
        name: words[value] if isinstance(value, bool) else value
        for name, value in fields.items()
        if name != "rows"
    }
    return flat | {f"rows_{table}": count for table, count in rows.items()}


def _for_people(fields: dict[str, Any]) -> dict[str, str]:
    """What a person wants to know, in words."""
    shown = {"database": fields["where"], "state": _state(fields)}
    if fields["version"] or fields["major"]:
        shown["PostgreSQL"] = fields["version"] or str(fields["major"])
    if fields["account"]:
        shown["account"] = fields["account"]
    if fields["size_bytes"]:
        free = f", {in_bytes(fields['free_bytes'])} free" if fields["free_bytes"] is not None else ""
        shown["size"] = in_bytes(fields["size_bytes"]) + free
    for table, count in (fields["rows"] or {}).items():
        shown[table] = f"{count:,}"
    if fields["partitions"]:
        shown["predictions"] += f" in {fields['partitions']:,} partitions by run"
    return shown


def _state(fields: dict[str, Any]) -> str:
    state = str(fields["state"])
    if fields["pid"]:
        state += f" (process {fields['pid']})"
    if fields["in_use"]:
        return f"{state}, in use"
    if fields["idle_seconds_left"] is not None:
        return f"{state}, stops in {fields['idle_seconds_left']:.0f} s unless it is used"
    return state
