"""What root's server lets others do: those that run under the server's account, and another user.

The hostile states are built as they would be by whoever has the account or the home.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.maintenance import destroy
from mlpredict.storage.server import lifecycle, local_server, own_files, service_account
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import Command
from tests.local_servers import LONG, pid_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's server has no other account")

USERADD = shutil.which("useradd")


@dataclass(frozen=True, slots=True)
class Status:
    """What root must find unchanged in a place of its own."""

    owner: int
    mode: int
    names: frozenset[str]
    text: str | None


def status_of(path: Path) -> Status:
    found = path.lstat()
    is_file = stat.S_ISREG(found.st_mode)
    names = frozenset() if is_file else frozenset(os.listdir(path))
    return Status(found.st_uid, found.st_mode, names, path.read_text() if is_file else None)


@pytest.fixture
def roots(home: Path) -> Path:
    """A directory of root's that is none of the server's business."""
    directory = home / "etc"
    directory.mkdir(mode=0o755)
    (directory / "pg_hba.conf").write_text("root's own\n")
    (directory / "PG_VERSION").write_text("18\n")
    return directory


@pytest.fixture(scope="module")
def alice() -> Iterator[pwd.struct_passwd]:
    """An account made for the test, and removed after it."""
    if USERADD is None:
        pytest.skip("there is no useradd to make an account with")
    name = f"mlpredict-test{os.getpid()}"
    subprocess.run([USERADD, "--no-create-home", "--shell", "/bin/false", name], check=True)
    yield pwd.getpwnam(name)
    subprocess.run(["userdel", name], check=True, capture_output=True)


def as_nobody(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program as other services run that use the server's account."""
    nobody = service_account.unprivileged()
    options = {"user": nobody.uid, "group": nobody.gid, "extra_groups": [], "cwd": "/"}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def make_old(root: Path) -> None:
    """Have a stopped server lie as it did before it had a group of its own."""
    nobody = service_account.unprivileged()
    subprocess.run(["chown", "-R", "-h", f"{nobody.uid}:{nobody.gid}", root], check=True)
    root.chmod(0o700)


def rows(server: LocalServer) -> list[tuple[object, ...]]:
    with lifecycle.open_connection(server) as connection:
        return connection.execute("SELECT id FROM kept").fetchall()


def test_other_programs_of_the_servers_account_get_nowhere(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    psql = service_account.runnable(server.binaries, server.account) / "psql"
    asked = as_nobody(psql, "-X", local_server.conninfo(server), "-c", "COPY (SELECT 1) TO PROGRAM 'id'")
    assert asked.returncode != 0
    assert "Permission denied" in asked.stderr

    files = [server.data / "PG_VERSION", server.data / "postmaster.pid", server.log, server.root / "use.lock"]
    pid = pid_of(server)
    # The same files as the server's process has them, for which only the owner counts.
    through = [Path(f"/proc/{pid}/{way}") for way in ("cwd/PG_VERSION", "environ", "maps", "fd/2", "mem")]
    for path in [*files, *(through if Path("/proc/self").exists() else [])]:
        read = as_nobody("head", "-c1", path)
        assert (read.stdout, "Permission denied" in read.stderr) == ("", True), (path, read.stderr)
    made = as_nobody("touch", server.socket_dir / "planted")
    assert "Permission denied" in made.stderr


def test_the_servers_group_is_nobody_elses(server: LocalServer) -> None:
    assert server.root.stat().st_gid == server.account.gid in service_account.PRIVATE_GROUPS
    assert subprocess.run(["getent", "group", str(server.account.gid)], capture_output=True).returncode == 2
    lifecycle.ensure_running(server)
    shown = Path(f"/proc/{pid_of(server)}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in shown if ":" in line)
    assert set(found["Gid"].split()) == {str(server.account.gid)}
    assert found["Groups"].split() == []


def test_the_server_cannot_change_what_root_reads_and_locks(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    account = server.account
    options = {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"}
    for script in (
        f"rm {server.log}",
        f"mv {server.data} {server.root}/other",
        f"ln -s /etc {server.root}/planted",
        f"echo > {server.root}/use.lock",
    ):
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, **options)  # type: ignore[call-overload]
        assert "ermission denied" in done.stderr, script


@pytest.mark.parametrize("name", [LONG, "a,b"])
def test_a_pid_file_names_no_directory_to_root(home: Path, roots: Path, prepared: Path, name: str) -> None:
    """It named the directory that root gave to the account, and that a destroy removed."""
    place = home / name
    place.mkdir(mode=0o755)
    subprocess.run(["cp", "-a", prepared, place / "pg18"], check=True)
    make_old(place / "pg18")
    pid_file = place / "pg18" / "data" / "postmaster.pid"
    pid_file.write_text(f"999999\n{place / 'pg18' / 'data'}\n1\n5432\n{roots}\n\n0 0\nready\n")
    roots.chmod(0o700)  # as what was given away had to be
    before = status_of(roots)
    try:
        server = local_server.locate(place)
        assert server.socket_dir != roots
        lifecycle.ensure_running(server)
        assert status_of(roots) == before
        assert lifecycle.stop(server)
        pid_file.write_text(f"999999\n{place / 'pg18' / 'data'}\n1\n5432\n{roots}\n\n0 0\nready\n")
        destroy.destroy(local_server.locate(place))
        assert status_of(roots) == before
    finally:
        lifecycle.stop(local_server.locate(place))


def test_data_that_are_a_link_are_left_alone(server: LocalServer, roots: Path, home: Path) -> None:
    """Root wrote its rules for access wherever the link led."""
    make_old(server.root)
    shutil.rmtree(server.data)
    server.data.symlink_to(roots)
    os.lchown(server.data, service_account.unprivileged().uid, -1)
    before = status_of(roots), status_of(roots / "pg_hba.conf")
    with pytest.raises(DatabaseError, match="is not a directory of nobody's"):
        lifecycle.ensure_running(local_server.locate(home))
    assert (status_of(roots), status_of(roots / "pg_hba.conf")) == before


def test_root_stops_no_process_of_others(server: LocalServer) -> None:
    """A pid file can name any process, and a process can call itself anything."""
    with subprocess.Popen(["postgres", "60"], executable="/bin/sleep", cwd=server.data) as process:
        try:
            (server.data / "postmaster.pid").write_text(f"{process.pid}\n{server.data}\n")
            assert not lifecycle.is_running(server)
            assert not lifecycle.stop(server)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        finally:
            process.kill()


def link_to_roots_file(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    os.link(target, path)  # as root, whatever fs.protected_hardlinks says


def symlink_to_roots_file(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def pipe(path: Path, _target: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    os.chown(path, service_account.unprivileged().uid, -1)


def device(path: Path, _target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["use.lock", "start.lock", "server.log", "server.lock", "supervisor.lock"])
@pytest.mark.parametrize("put", [link_to_roots_file, symlink_to_roots_file, pipe, device])
def test_what_the_account_had_planted_is_cleared_away(
    server: LocalServer, home: Path, roots: Path, name: str, put: Callable[[Path, Path], None]
) -> None:
    make_old(server.root)
    put(server.root / name, roots / "pg_hba.conf")
    before = status_of(roots / "pg_hba.conf")
    lifecycle.ensure_running(local_server.locate(home))
    assert status_of(roots / "pg_hba.conf") == before
    found = (server.root / name).lstat()
    assert stat.S_ISREG(found.st_mode)
    assert (found.st_uid, found.st_nlink) == (0, 1)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["list"], "postmaster.pid"),
        (["db", "status"], "postmaster.pid"),
        (["db", "stop"], "postmaster.pid"),
        (["list"], "PG_VERSION"),
        (["db", "status"], "PG_VERSION"),
    ],
)
@pytest.mark.parametrize("put", [symlink_to_roots_file, pipe, device])
def test_a_hostile_data_directory_is_one_line(
    server: LocalServer,
    home: Path,
    roots: Path,
    mlpredict: Command,
    command: list[str],
    name: str,
    put: Callable[[Path, Path], None],
) -> None:
    put(server.data / name, roots / "pg_hba.conf")
    done = mlpredict(*command, env={"MLPREDICT_HOME": str(home)})
    (server.data / name).unlink()
    said = done.stderr.decode()
    assert done.returncode == 3, said
    assert "is a link, a pipe or a device" in said.splitlines()[0]
    assert "Traceback" not in said


@pytest.fixture
def old_server(server: LocalServer) -> Iterator[subprocess.Popen[bytes]]:
    """A server of the older layout with a row, as the account of other services runs it."""
    with lifecycle.open_connection(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS id")
        connection.commit()
    lifecycle.stop(server)
    make_old(server.root)
    nobody = service_account.unprivileged()
    postgres = service_account.runnable(server.binaries, nobody) / "postgres"
    command = [postgres, "-D", server.data, "-p", "5432", "-k", server.socket_dir]
    with subprocess.Popen(
        [str(part) for part in command],
        cwd="/",
        stderr=subprocess.DEVNULL,
        user=nobody.uid,
        group=nobody.gid,
        extra_groups=[],
    ) as process:
        deadline = time.monotonic() + 60
        while not server.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
        process.kill()


def test_an_older_layout_is_taken_over_with_its_rows(
    server: LocalServer, home: Path, old_server: subprocess.Popen[bytes], notices: list[str]
) -> None:
    found = local_server.locate(home)
    assert rows(found) == [(7,)]
    assert old_server.wait(60) == 0
    assert any("private to its server" in notice for notice in notices)
    status = server.root.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, found.account.gid, 0o710)
    assert rows(local_server.locate(home)) == [(7,)]


def test_a_take_over_that_was_killed_is_finished(
    server: LocalServer, home: Path, old_server: subprocess.Popen[bytes]
) -> None:
    os.chown(server.root, 0, local_server.locate(home).account.gid)
    server.root.chmod(0o700)
    pipe(server.root / "use.lock", server.root)
    assert rows(local_server.locate(home)) == [(7,)]
    assert old_server.wait(60) is not None  # shut out, it could not end in order: its log of changes helps


def test_an_older_layout_in_use_is_not_taken_from_its_user(
    server: LocalServer, home: Path, old_server: subprocess.Popen[bytes]
) -> None:
    with (server.root / "use.lock").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(DatabaseError, match="another command is using the PostgreSQL"):
            rows(local_server.locate(home))
        assert old_server.poll() is None
    assert rows(local_server.locate(home)) == [(7,)]


def test_stop_status_and_destroy_know_an_older_layout(
    server: LocalServer, home: Path, old_server: subprocess.Popen[bytes], mlpredict: Command
) -> None:
    env = {"MLPREDICT_HOME": str(home)}
    status = mlpredict("db", "status", env=env)
    assert b"running" in status.stdout, status.stderr
    assert mlpredict("db", "stop", env=env).returncode == 0
    assert old_server.wait(60) == 0
    make_old(server.root)
    done = mlpredict("db", "destroy", "--yes", env=env)
    assert done.returncode == 0, done.stderr
    assert not server.root.exists()


def test_root_does_not_run_another_users_database(
    server: LocalServer, home: Path, alice: pwd.struct_passwd
) -> None:
    make_old(server.root)
    subprocess.run(["chown", "-R", alice.pw_name, server.root], check=True)
    with pytest.raises(DatabaseError, match=f"belongs to {alice.pw_name}"):
        local_server.locate(home)
    make_old(server.root)


def test_a_home_that_another_user_can_change_is_not_used(
    home: Path, roots: Path, alice: pwd.struct_passwd, notices: list[str]
) -> None:
    """As with `sudo` that keeps HOME: she could swap what root makes there."""
    theirs = home / "mine"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, alice.pw_uid, alice.pw_gid)
    (theirs / "a").symlink_to(roots)
    os.lchown(theirs / "a", alice.pw_uid, alice.pw_gid)
    before = status_of(roots)
    for asked in (theirs, theirs / "a"):
        server = local_server.locate(asked)
        assert server.root.parents[1] == home / "system"
        lifecycle.ensure_running(server)
        lifecycle.stop(server)
        assert notices[-1].endswith(f"as others than root can change {theirs}")
    assert status_of(roots) == before
    assert os.listdir(theirs) == ["a"]


def test_a_database_of_roots_in_such_a_home_is_refused_with_what_to_do(
    server: LocalServer, home: Path, alice: pwd.struct_passwd
) -> None:
    os.chown(home, alice.pw_uid, alice.pw_gid)
    try:
        with pytest.raises(DatabaseError, match="as others can change") as refused:
            local_server.locate(home)
        assert refused.value.hint is not None
        assert "chown root" in refused.value.hint
    finally:
        os.chown(home, 0, 0)
    lifecycle.ensure_running(local_server.locate(home))


def test_a_directory_swapped_while_it_is_taken_over(
    server: LocalServer, roots: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handle is changed that was looked at, and not what has its name by then."""
    make_old(server.root)
    make_root = own_files.make_root

    def swap(root: Path, account: service_account.Account) -> None:
        make_root(root, account)
        root.rename(home / "aside")
        root.symlink_to(roots)

    monkeypatch.setattr(own_files, "make_root", swap)
    before = status_of(roots)
    with pytest.raises(DatabaseError):
        lifecycle.ensure_running(local_server.locate(home))
    assert status_of(roots) == before
    server.root.unlink()
    (home / "aside").rename(server.root)
