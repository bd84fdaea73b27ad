"""PostgreSQL's own programs for its users: psql, pg_dump and pg_restore.

Everybody on the machine can read a program's arguments: a password reaches it through its
environment, which nobody else can.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import require_local_platform
from mlpredict.storage.dsn import SECRETS, parse
from mlpredict.storage.server.pg_binaries import OVERRIDE, find_binaries
from mlpredict.support.signals import handled, interrupted_by_termination

if TYPE_CHECKING:
    from mlpredict.storage.server.local_server import LocalServer


@dataclass(frozen=True, slots=True)
class Target:
    """A database, as programs are told of it."""

    parameters: Mapping[str, str]
    """libpq's, without secrets."""
    environment: Mapping[str, str] = field(repr=False)
    bindir: Path | None
    """Where to look for programs before PATH."""

    def named(self, database: str) -> Target:
        """Another database of the same server."""
        return replace(self, parameters={**self.parameters, "dbname": database})

    def command(self, program: str, *arguments: str) -> list[str]:
        """What runs a program on this database.

        Raises:
            DatabaseError: it is not installed.
        """
        conninfo = make_conninfo(**self.parameters)
        return [find(program, self.bindir), f"--dbname={conninfo}", *arguments]


@contextmanager
def reached(dsn: str | None) -> Iterator[Target]:
    """How programs reach `dsn`, or the local PostgreSQL, which runs until the block ends.

    Raises:
        DatabaseError: the DSN is not one, or the local PostgreSQL does not start.
    """
    if dsn is not None:
        yield _of_dsn(dsn)
        return
    require_local_platform()
    from mlpredict.storage.server import lifecycle, local_server

    server = local_server.locate()
    with lifecycle.attached(server) as conninfo:
        yield local_target(server, conninfo)


def local_target(server: LocalServer, conninfo: str) -> Target:
    """How programs reach the local PostgreSQL: not even `psql -d NAME` leads to another server."""
    whole = conninfo_to_dict(conninfo)
    shown = {name: str(whole[name]) for name in ("host", "port", "dbname", "user")}
    own = {"PGHOST": shown["host"], "PGPORT": shown["port"], "PGUSER": shown["user"]}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if server.account.is_named:
        own["PGREQUIREPEER"] = server.account.name
    return Target(shown, {**kept, **own}, server.bindir)


def find(program: str, bindir: Path | None) -> str:
    """A program this user can run: in `bindir`, else on PATH.

    Raises:
        DatabaseError: there is none.
    """
    found = shutil.which(program, path=bindir) if bindir else None
    if found := found or shutil.which(program):
        return found
    raise DatabaseError(
        f"there is no program {program} on PATH",
        hint=f"install PostgreSQL's client programs, or set {OVERRIDE} to their directory",
    )


def run(command: list[str], environment: Mapping[str, str], **streams: Any) -> str:
    """Run a program to its end; its standard output, where `streams` has a pipe for it.

    Interrupted, it leaves no process behind.

    Raises:
        DatabaseError: it failed, with its reason.
        BrokenPipeError: nobody reads its standard output any more.
    """
    try:
        with interrupted_by_termination():
            done = subprocess.run(
                command,
                env=plain(environment),
                stderr=subprocess.PIPE,
                **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams},
            )
    except OSError as error:
        raise DatabaseError(f"{command[0]} does not run: {error.strerror}") from error
    if done.returncode < 0 and signal.Signals(-done.returncode).name == "SIGPIPE":
        raise BrokenPipeError
    if done.returncode:
        raise failure(command, done.returncode, done.stderr)
    return (done.stdout or b"").decode(errors="replace")


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """For a program whose errors are read, so in English, and whose data are nobody's to convert."""
    kept = {name: value for name, value in environment.items() if name != "PGCLIENTENCODING"}
    return {**kept, "LC_ALL": "C"}


def failure(command: list[str], status: int, stderr: bytes) -> DatabaseError:
    """Why a program has failed, on one line."""
    said = stderr.decode(errors="replace")
    if status < 0:
        reason = f"ended by {signal.Signals(-status).name}"
    elif blamed := re.search(r"\b(?:error|ERROR|FATAL|PANIC): +(.+)", said):
        reason = blamed[1]  # the first: what follows comes of it
    else:
        reason = "".join(said.strip().splitlines()[-1:]) or f"exit status {status}"
    detail = re.search(r": detail: +(.+)", said)
    return DatabaseError(f"{Path(command[0]).name}: {reason}" + (f" ({detail[1]})" if detail else ""))


def hand_over(command: list[str], environment: Mapping[str, str]) -> int:
    """Let a program have the terminal until it ends; its exit status, as a shell gives it.

    A Ctrl-C is for the program alone.
    """
    try:
        with handled([signal.SIGINT], lambda _number, _frame: None), interrupted_by_termination():
            process = subprocess.Popen(command, env=environment)
            try:
                status = process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise
    except OSError as error:
        raise DatabaseError(f"{command[0]} does not run: {error.strerror}") from error
    return status if status >= 0 else 128 - status


def _of_dsn(dsn: str) -> Target:
    parameters = parse(dsn)
    shown = {name: str(value) for name, value in parameters.items() if name not in SECRETS}
    environment = dict(os.environ)
    if "password" in parameters:
        environment["PGPASSWORD"] = str(parameters["password"])
    return Target(shown, environment, _bindir())


def _bindir() -> Path | None:
    try:
        return find_binaries().bindir
    except DatabaseError:
        return None  # a DSN needs no server of ours, and the programs may be on PATH


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
