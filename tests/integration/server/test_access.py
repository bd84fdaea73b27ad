"""Who can reach the private PostgreSQL and its files, and which accounts and places it gets along with.

As root the server runs under another account, as an ordinary user it does not: the suite runs as
either, and `ROOT` says which of two behaviours a test expects.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import lifecycle, local_server, pg_binaries, service_account
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.service_account import Account
from tests.local_servers import LONG, pid_of

ROOT = os.geteuid() == 0


def test_nothing_is_open_to_others(shared: LocalServer) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.lstat().st_mode)

    # As root it is root's, and nobody but the server has its group.
    assert mode(shared.root) == (0o710 if ROOT else 0o700)
    assert shared.root.stat().st_uid == os.geteuid()
    for private in (shared.data, shared.socket_dir, shared.socket_dir / ".s.PGSQL.5432"):
        assert mode(private) == 0o700
        assert private.stat().st_uid == shared.account.uid
    for path in shared.root.iterdir():
        assert mode(path) & 0o077 == 0, path


def test_the_socket_is_the_only_way_in(shared: LocalServer) -> None:
    with lifecycle.open_connection(shared) as connection:
        for name, value in {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "fsync": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
        }.items():
            assert connection.execute(f"SHOW {name}").fetchall() == [(value,)]
        rules = connection.execute("SELECT type, auth_method, error FROM pg_hba_file_rules")
        assert rules.fetchall() == [("local", "peer", None)]
    if Path("/proc/self").exists():  # what the server's own network has, whatever else runs here
        links = [entry.readlink() for entry in Path(f"/proc/{pid_of(shared)}/fd").iterdir()]
        inodes = {str(link)[8:-1] for link in links if str(link).startswith("socket:")}
        for table in ("tcp", "tcp6"):
            listed = Path(f"/proc/net/{table}")
            lines = listed.read_text().splitlines()[1:] if listed.exists() else []
            assert inodes.isdisjoint(line.split()[9] for line in lines)


def test_another_account_gets_nowhere(shared: LocalServer) -> None:
    allowed = (shared.data / "pg_ident.conf").read_text()
    names = {shared.account.name, service_account.current_name()}
    assert allowed == "".join(f'mlpredict "{name}" mlpredict\n' for name in sorted(names))
    if not ROOT:  # nobody else can be impersonated
        return
    psql = service_account.runnable(shared.binaries, shared.account) / "psql"

    def try_as(account: str) -> str:
        command = [psql, "-X", local_server.conninfo(shared), "-c", "SELECT 1"]
        options = {"user": account, "group": account, "extra_groups": [], "cwd": "/"}
        return subprocess.run(command, capture_output=True, text=True, **options).stderr  # type: ignore[call-overload, no-any-return]

    assert "Permission denied" in try_as("daemon")
    private = [shared.root, shared.data / "PG_VERSION", shared.log, shared.socket_dir]
    reading = ["head", "-c1", *map(str, private)]
    read = subprocess.run(reading, capture_output=True, user="daemon", group="daemon", extra_groups=[])
    assert read.stdout == b""
    assert read.stderr.count(b"Permission denied") == len(private)
    # The server asks who is there even if the directories were open.
    opened = (shared.root, shared.socket_dir, shared.socket_dir / ".s.PGSQL.5432")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in opened]
    try:
        for path in opened:
            path.chmod(0o777)
        assert "Peer authentication failed" in try_as("daemon")
    finally:
        for path, mode in zip(opened, modes, strict=True):
            path.chmod(mode)


def test_the_environment_does_not_lead_elsewhere(
    shared: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbing = {
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "1",
        "PGUSER": "x",
        "PGSERVICE": "nowhere",
        "PGREQUIREAUTH": "scram-sha-256",
        "PGTARGETSESSIONATTRS": "standby",
        "PGCHANNELBINDING": "require",
        "PGOPTIONS": "-c no_such.setting",
        "PGDATESTYLE": "German",
        "PGCLIENTENCODING": "LATIN1",
        "PGCONNECT_TIMEOUT": "soon",
        "PGSSLCERTMODE": "require",
        "PGMINPROTOCOLVERSION": "9",
    }
    for name, value in disturbing.items():
        monkeypatch.setenv(name, value)
    before = pid_of(shared)
    with lifecycle.open_connection(shared) as connection:
        assert connection.execute("SHOW DateStyle").fetchone() == ("ISO, MDY",)
        assert connection.execute("SHOW client_encoding").fetchone() == ("UTF8",)
    assert pid_of(shared) == before
    assert disturbing.items() <= os.environ.items()


def test_a_long_path_gets_a_private_socket_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = home / "runtime"
    runtime.mkdir(mode=0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    server = local_server.locate(home / LONG)
    if ROOT:  # where the environment and the account have no say
        assert server.socket_dir.parents[1] == home / "system" / "sockets"
    else:
        assert server.socket_dir.parent == runtime
        assert str(server.account.uid) in server.socket_dir.name
    lifecycle.ensure_running(server)
    status = server.socket_dir.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, server.account.uid)

    monkeypatch.delenv("XDG_RUNTIME_DIR")  # the running server is found where it put its socket
    assert local_server.locate(home / LONG) == server
    assert lifecycle.stop(server)


def test_a_foreign_or_open_socket_directory_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    server = local_server.locate(home / LONG)
    server.socket_dir.mkdir(mode=0o700, parents=True)
    server.socket_dir.chmod(0o755)
    with pytest.raises(DatabaseError, match="open to other users"):
        lifecycle.ensure_running(server)
    server.socket_dir.rmdir()
    server.socket_dir.symlink_to("/" if ROOT else "/tmp")
    with pytest.raises(DatabaseError, match="belongs to another account"):
        lifecycle.ensure_running(server)


def test_an_impostor_at_the_socket_is_not_talked_to(server: LocalServer) -> None:
    if not ROOT:  # only root can listen as someone else: here the name alone is checked
        assert f"requirepeer={server.account.name}" in local_server.conninfo(server)
        return
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(server.socket_dir / ".s.PGSQL.5432"))
        impostor.listen()
        with pytest.raises(psycopg.OperationalError, match="requirepeer"):
            psycopg.connect(local_server.conninfo(server))
        lifecycle.ensure_running(server)


def test_an_unreachable_home_as_root_moves_and_as_a_user_stays(home: Path, notices: list[str]) -> None:
    (home / "mine").mkdir(mode=0o700)
    server = local_server.locate(home / "mine")
    lifecycle.ensure_running(server)
    assert stat.S_IMODE((home / "mine").stat().st_mode) == 0o700
    if ROOT:
        readable = str(home / "mine")[1:].replace("-", "%2d").replace("/", "-")
        assert server.root == home / "system" / readable / "pg18"
        assert notices[0].endswith(f"cannot enter {home / 'mine'}")
        # Where the database is wins over where it would be now.
        (home / "mine").chmod(0o755)
        assert local_server.locate(home / "mine") == server
    else:
        assert server.root == home / "mine" / "pg18"
    assert lifecycle.stop(server)


def test_programs_out_of_reach_are_copied_once(
    home: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pg_binaries.find_binaries()
    package, libraries = found.bindir.parents[1], f"{pg_binaries.PACKAGE}.libs"
    private = home / "private"
    private.mkdir(mode=0o700)
    for tree in (Path(package.name) / found.bindir.parent.name, Path(libraries)):
        if (package.parent / tree).is_dir():
            shutil.copytree(package.parent / tree, private / tree)
    moved = private / found.bindir.relative_to(package.parent)
    binaries = pg_binaries.PgBinaries(moved, found.major, bundled=True)
    server = server._replace(binaries=binaries)
    monkeypatch.setattr(os, "sync", lambda: None)  # the machine's other disks may be busy
    lifecycle.ensure_running(server)
    copied = service_account.runnable(binaries, server.account)
    assert (home / "system" in copied.parents) == ROOT
    assert not list((home / "system").glob("copy-*"))

    named = pg_binaries.PgBinaries(moved, found.major, bundled=False)
    if ROOT:
        with pytest.raises(DatabaseError, match="cannot run the programs"):
            service_account.runnable(named, server.account)
    else:
        assert service_account.runnable(named, server.account) == moved


@pytest.mark.parametrize(
    ("mode", "owner", "group", "entered"),
    [
        (0o700, 7, 9, True),
        (0o077, 7, 9, False),  # the owner's bits alone count for the owner
        (0o010, 1, 8, True),
        (0o701, 1, 8, False),
        (0o001, 1, 1, True),
        (0o770, 1, 1, False),
    ],
)
def test_whose_bits_let_an_account_enter(mode: int, owner: int, group: int, entered: bool) -> None:
    assert service_account.may_enter(mode, owner, group, Account("x", 7, 8)) is entered
