"""Servers, databases and the command itself, for every test that needs them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mlpredict.storage.migrations import migrate
from mlpredict.storage.server import lifecycle, local_server
from mlpredict.storage.server.local_server import LocalServer
from tests import forked
from tests.forked import ForkServer
from tests.notices import heard
from tests.processes import default_signals
from tests.tcp_server import TcpServer

DIGITS = Path(__file__).parent / "digits"
COMMAND = [sys.executable, "-c", "from mlpredict.cli import main; main()"]
TEMPLATE = "template_of_tests"
OF_CRASHES = ("fsync", "full_page_writes")
"""What makes rows outlive a crash of the machine, and each database of a test take three times as long."""
database_numbers = count(1)


class Command(Protocol):
    """Runs `mlpredict` as a person would, in a process of its own."""

    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[bytes]: ...


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Have long tests come first; without xdist nobody asks."""
    from tests.scheduling import scheduler

    return scheduler(config, log)


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> Iterator[None]:
    """However the tests are started, a Ctrl-C interrupts what they start."""
    with default_signals():
        yield


@pytest.fixture
def notices() -> Iterator[list[str]]:
    """What is said to the user while the test runs."""
    with heard() as texts:
        yield texts


@pytest.fixture(scope="session")
def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of one run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    directory = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session", autouse=True)
def bytecode(shared_by_workers: Path) -> Iterator[None]:
    """Compile modules once for all processes of the tests, where bytecode is not to be written.

    Importing TensorFlow takes nine seconds otherwise, each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared_by_workers / "bytecode"))
        yield


@pytest.fixture(scope="session")
def public_directory() -> Iterator[Path]:
    """A directory every account can enter: as root, the servers run under another one."""
    directory = Path(tempfile.mkdtemp(prefix="mlpredict-tests-")).resolve()
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def running_server(public_directory: Path) -> Iterator[LocalServer]:
    """The local PostgreSQL of all tests that do not look into its own life."""
    server = local_server.locate(public_directory / "home")
    conninfo = make_conninfo(lifecycle.ensure_running(server), dbname="postgres")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name in OF_CRASHES:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")
    yield server
    lifecycle.stop(server)


@pytest.fixture(scope="session")
def administrator(running_server: LocalServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that makes and drops databases."""
    conninfo = make_conninfo(local_server.conninfo(running_server), dbname="postgres")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(administrator: psycopg.Connection[tuple[object, ...]], running_server: LocalServer) -> str:
    """A database with the schema, to be copied: that is faster than migrating each."""
    administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    conninfo = make_conninfo(local_server.conninfo(running_server), dbname=TEMPLATE)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        migrate(connection)
    return TEMPLATE


@pytest.fixture
def empty_dsn(
    administrator: psycopg.Connection[tuple[object, ...]], running_server: LocalServer
) -> Iterator[str]:
    """A database with nothing in it."""
    yield from _database(administrator, running_server, "template1")


@pytest.fixture
def dsn(
    administrator: psycopg.Connection[tuple[object, ...]], running_server: LocalServer, template: str
) -> Iterator[str]:
    """A database with the schema and no rows."""
    yield from _database(administrator, running_server, template)


@pytest.fixture(scope="module")
def dsn_of_module(
    administrator: psycopg.Connection[tuple[object, ...]], running_server: LocalServer, template: str
) -> Iterator[str]:
    """A database with the schema that all the tests of a module share."""
    yield from _database(administrator, running_server, template)


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of the test's own to `dsn`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def tcp_server(public_directory: Path) -> Iterator[TcpServer]:
    """A second PostgreSQL, reached over TCP with a password."""
    with TcpServer.started(public_directory / "tcp") as server:
        yield server


@pytest.fixture(scope="session")
def cache_home(shared_by_workers: Path) -> Path:
    """Compiled models, shared by all tests: each model is compiled once."""
    return shared_by_workers / "cache"


@pytest.fixture
def environment(cache_home: Path, public_directory: Path) -> dict[str, str]:
    """What the command gets to see, with nothing of this machine's own settings."""
    return environment_of_command(cache_home, public_directory)


@pytest.fixture(scope="session")
def compiled(cache_home: Path, public_directory: Path, shared_by_workers: Path) -> None:
    """The bundled model is compiled, by one worker for all: no command says that it prepares it."""
    environment = environment_of_command(cache_home, public_directory)
    digit = next(DIGITS.glob("*.png"))
    with open(shared_by_workers / "compiling", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(
            [*COMMAND, "predict", "--no-store", digit], env=environment, check=True, capture_output=True
        )


def environment_of_command(cache_home: Path, public_directory: Path) -> dict[str, str]:
    """The environment of every command that the tests run."""
    own = ("MLPREDICT", "PG", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    places = {"MLPREDICT_HOME": str(public_directory / "home"), "MLPREDICT_CACHE": str(cache_home)}
    return {**kept, **places, "COLUMNS": "120", "TERM": "dumb"}


@pytest.fixture(scope="session")
def fork_server(compiled: None, cache_home: Path, public_directory: Path) -> Iterator[ForkServer | None]:
    """What runs the command in a process of its own, without importing everything anew for each."""
    if not forked.AVAILABLE:
        yield None
        return
    with forked.fork_server(environment_of_command(cache_home, public_directory)) as server:
        yield server


@pytest.fixture
def mlpredict(environment: dict[str, str], fork_server: ForkServer | None) -> Command:
    """The command, in a process of its own, with its output kept."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        words = [*map(str, arguments)]
        env = {**environment, **(env or {})}
        if fork_server is not None and fork_server.takes(env):
            return fork_server.run(words, stdin=stdin, environment=env, folder=cwd or Path.cwd(), seconds=120)
        return subprocess.run(
            [*COMMAND, *words], input=stdin, capture_output=True, env=env, cwd=cwd, timeout=120
        )

    return run


@pytest.fixture(scope="session")
def digits() -> list[Path]:
    """The sample digits; the first character of a name is the digit it shows."""
    found = sorted(DIGITS.glob("*.png"))
    assert len(found) >= 10
    return found


def _database(
    administrator: psycopg.Connection[tuple[object, ...]], server: LocalServer, template: str
) -> Iterator[str]:
    name = sql.Identifier(f"test_{next(database_numbers)}")
    administrator.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(name, sql.Identifier(template))
    )
    yield make_conninfo(local_server.conninfo(server), dbname=name._obj[0])
    administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
