"""The settings of the private PostgreSQL, on a server of every major version at hand."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpredict.storage.server import lifecycle, local_server, postmaster, settings
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.pg_binaries import PACKAGE, PgBinaries

MAJORS = (15, 16, 17, 18)
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_checksums": "on",
}
NEEDED = {"autovacuum launcher", "background writer", "checkpointer", "walwriter"}


def binaries_at_hand() -> dict[int, PgBinaries]:
    """The wheel's and the system's programs, by their major version."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).resolve().parent
    wheel = {16: package / "pginstall" / "bin", 18: package / "pginstall18" / "bin"}
    system = {int(path.parent.name): path for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin")}
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run(
            [pg_config, "--version", "--bindir"], capture_output=True, text=True, check=True
        )
        version, bindir = said.stdout.splitlines()
        if number := re.match(r"PostgreSQL (\d+)", version):
            system[int(number[1])] = Path(bindir)
    named = [(system, False), (wheel, True)]
    return {
        major: PgBinaries(bindir, major, bundled)
        for places, bundled in named
        for major, bindir in places.items()
        if (bindir / "initdb").exists() and (bindir / "postgres").exists()
    }


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A running server of one major version."""
    major: int = request.param
    if (binaries := binaries_at_hand().get(major)) is None:
        pytest.skip(f"there is no PostgreSQL {major} on this machine")
    home = Path(tempfile.mkdtemp(prefix="mlpredict-test-")).resolve()
    home.chmod(0o755)
    root = home / f"pg{major}"
    server = local_server.locate(home)._replace(root=root, socket_dir=root / "run", binaries=binaries)
    lifecycle.ensure_running(server)
    yield server
    lifecycle.stop(server)
    shutil.rmtree(home)


def ask(server: LocalServer, query: str) -> list[tuple[Any, ...]]:
    with lifecycle.open_connection(server, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def test_every_line_is_valid_and_applied(server: LocalServer) -> None:
    written = re.findall(r"^(\w+) = ", settings.settings_text(server.binaries.major), re.MULTILINE)
    known = ask(
        server, "SELECT name FROM pg_file_settings WHERE applied AND sourcefile LIKE '%/mlpredict.conf'"
    )
    assert written
    assert sorted(written) == sorted(name for (name,) in known)
    assert ask(server, "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL") == []
    assert ask(server, "SELECT name FROM pg_settings WHERE pending_restart") == []


def test_what_was_committed_survives_a_power_cut(server: LocalServer) -> None:
    names = ", ".join(f"'{name}'" for name in DURABLE)
    assert dict(ask(server, f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")) == DURABLE


def test_answers_and_reasons_are_the_same_on_every_machine(server: LocalServer) -> None:
    assert ask(server, "SHOW timezone") == ask(server, "SHOW log_timezone") == [("UTC",)]
    assert ask(server, "SHOW lc_messages") == [("C",)]  # what it says while it starts is read


def test_no_process_runs_that_has_nothing_to_do(server: LocalServer) -> None:
    others = "backend_type NOT IN ('client backend', 'autovacuum worker')"
    running = ask(server, f"SELECT backend_type FROM pg_stat_activity WHERE {others}")
    assert sorted(str(kind) for (kind,) in running) == sorted(NEEDED)


def test_a_logout_takes_nothing_away(server: LocalServer) -> None:
    # systemd may remove what a user has in /dev/shm at the logout, and no connection succeeded then.
    assert ask(server, "SHOW dynamic_shared_memory_type") == [("mmap",)]
    if (maps := Path(f"/proc/{postmaster.owner_pid(server.data)}/maps")).exists():
        assert "/dev/shm" not in maps.read_text()


def test_reading_needs_no_room_on_the_disk(server: LocalServer) -> None:
    # Beside the list of segments there are none: queries and statistics have theirs in memory.
    segments = [path.stat().st_size for path in (server.data / "pg_dynshmem").iterdir()]
    assert sum(segments) < 1 << 17


def test_the_users_own_settings_win(server: LocalServer) -> None:
    try:
        ask(server, "ALTER SYSTEM SET shared_buffers = '24MB'")  # ours too, and read at starts only
        lifecycle.stop(server)
        assert ask(server, "SHOW shared_buffers") == [("24MB",)]
    finally:
        ask(server, "ALTER SYSTEM RESET shared_buffers")
        lifecycle.stop(server)


def test_a_mac_flushes_its_drives_cache() -> None:
    assert "wal_sync_method = fsync_writethrough" in settings.settings_text(18, "darwin")
    assert "wal_sync_method" not in settings.settings_text(18, "linux")
