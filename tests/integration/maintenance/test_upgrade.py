"""`mlpredict db upgrade`, on real databases of PostgreSQL 16 (the wheel's) and of what the system has.

Nothing is initialised twice: a home with the older database is made once, and copied for each test.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlpredict.domain import (
    EngineName,
    Keep,
    ModelIdentity,
    NewInput,
    NewPrediction,
    Prediction,
    Rejected,
    Source,
    Task,
)
from mlpredict.errors import DatabaseError
from mlpredict.storage.maintenance import upgrade
from mlpredict.storage.migrations import TABLES, migrate
from mlpredict.storage.repository import Repository
from mlpredict.storage.server import lifecycle, local_server, pg_binaries, postmaster, service_account
from mlpredict.storage.server.disk import Space
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.pg_binaries import PgBinaries
from tests.conftest import Command
from tests.processes import started

ROOT = os.geteuid() == 0
PREDICTIONS = 40
# An image of this many bytes is kept outside of its row.
LARGE = 300_000
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 1_000_000_000
UNUSUAL = Path("""it's "mine", $HOME""") / ("long" * 30)
KILLED_AT = """
import os, shutil, signal, sys
from pathlib import Path
from mlpredict.storage.maintenance import upgrade

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    return lambda *arguments: (function(*arguments), die())

remove_tree = shutil.rmtree
def half_remove(path, **options):
    if Path(path).name != "pg16":
        return remove_tree(path, **options)
    (path / "upgraded" / "PG_VERSION").unlink()
    die()

home, moment = sys.argv[1:]
match moment:
    case "old server running": upgrade._survey = then_die(upgrade._survey)
    case "new one in place": upgrade._ask = die
    case "new one has answered": upgrade._remove = die
    case "old one half removed": shutil.rmtree = half_remove
upgrade.upgrade(None, Path(home))
"""


def installed_before(major: int) -> Path | None:
    """The programs of an older PostgreSQL of the system."""
    for older in range(major - 1, 12, -1):
        bindir = Path(f"/usr/lib/postgresql/{older}/bin")
        if (bindir / "pg_ctl").exists():
            return bindir
    return None


SYSTEM_BINDIR = installed_before(18)


def older_server(home: Path) -> LocalServer:
    return local_server.locate(home, pg_binaries.find_older(16, None))


def contents(server: LocalServer) -> dict[str, Any]:
    """What each of our tables holds, ids included."""
    with lifecycle.open_connection(server) as connection:
        return {
            table: connection.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} AS t".encode()
            ).fetchone()
            for table in TABLES
        }


def predicted(position: int, chance: random.Random) -> NewPrediction:
    """A prediction of an image; the first one's is large."""
    image = base64.b64encode(chance.randbytes(LARGE if position == 0 else 500)).decode()
    uri, digest = f"data:image/png;base64,{image}", chance.randbytes(32)
    stored = NewInput(uri, "original", digest, "image/png", 28, 14)
    prediction = Prediction("[0.75,0.25]", 0, "cat", 0.75)
    return NewPrediction(position, f"{position}.png", "image/png", stored, prediction)


def fill(server: LocalServer) -> None:
    """Rows in every table, made as a command makes them."""
    chance = random.Random(4)
    identity = ModelIdentity("pets", "3f2a91c0" * 8, "keras", "/pets", Task.CLASSIFICATION, ("cat",), {})
    with lifecycle.open_connection(server, autocommit=True) as connection:
        migrate(connection)
        repository = Repository(connection)
        run = repository.start_run(identity, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        new = [predicted(position, chance) for position in range(PREDICTIONS)]
        rejected = [Rejected(PREDICTIONS, Source("broken.png"), "no image")]
        repository.add(run, new, rejected)


def make_home() -> Path:
    """A directory every account can enter; in memory where there is room: each upgrade syncs it all."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    directory = Path(tempfile.mkdtemp(prefix="mlpredict-test-", dir=MEMORY if roomy else None)).resolve()
    directory.chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def template() -> Iterator[SimpleNamespace]:
    """A home whose database PostgreSQL 16 has made, and what it holds."""
    home = make_home()
    server = older_server(home)
    try:
        fill(server)
        held = contents(server)
        lifecycle.stop(server)
        yield SimpleNamespace(root=server.root, contents=held)
    finally:
        lifecycle.stop(server)
        shutil.rmtree(home)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; whatever server comes to live in it is stopped afterwards."""
    directory = make_home()
    yield directory
    for data in directory.rglob("data"):
        if pid := postmaster.owner_pid(data):
            os.kill(pid, signal.SIGINT)
            while postmaster.owner_pid(data):
                time.sleep(0.01)
    shutil.rmtree(directory)


@pytest.fixture
def place(home: Path, template: SimpleNamespace) -> Callable[[Path], LocalServer]:
    """Puts a copy of the older database into a home."""

    def copy(into: Path) -> LocalServer:
        into.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", template.root, into / "pg16"], check=True)
        return older_server(into)

    return copy


def refusal(home: Path) -> DatabaseError:
    """What the other commands say."""
    with pytest.raises(DatabaseError) as caught:
        lifecycle.ensure_running(local_server.locate(home))
    return caught.value


def rubbish(root: Path) -> list[str]:
    return [path.name for path in root.iterdir() if path.name.startswith(("upgrade-", "init-", "failed"))]


def test_an_older_database_is_carried_over_with_its_rows(
    home: Path, place: Callable[[Path], LocalServer], template: SimpleNamespace, mlpredict: Command
) -> None:
    old = place(home)
    with lifecycle.open_connection(old, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
        connection.execute("ALTER SYSTEM SET log_line_prefix = 'it''s %m'")
        connection.execute("ALTER SYSTEM SET old_snapshot_threshold = '1h'")  # gone since 17
        # Killed at work: pg_upgrade alone would refuse to take what is left.
        os.kill(int((old.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    env = {"MLPREDICT_HOME": str(home)}

    before = mlpredict("list", env=env)
    assert (before.returncode, before.stdout) == (3, b"")
    assert before.stderr.decode() == (
        f"mlpredict: {old.data} holds a database of PostgreSQL 16, not 18; run mlpredict db upgrade\n"
    )

    upgraded = mlpredict("db", "upgrade", env=env, cwd=home)
    assert (upgraded.returncode, upgraded.stdout) == (0, b""), upgraded.stderr
    first, setting, last = upgraded.stderr.decode().splitlines()
    assert "from PostgreSQL 16 to 18" in first
    assert "old_snapshot_threshold is not carried over" in setting
    assert last.endswith(f"{old.root} is removed")

    assert [path.name for path in home.iterdir()] == ["pg18"]
    new = local_server.locate(home)
    assert rubbish(new.root) == []
    assert contents(new) == template.contents
    after = mlpredict("list", "--all", env=env)
    assert (after.returncode, len(after.stdout.splitlines())) == (0, PREDICTIONS)
    with lifecycle.open_connection(new) as connection:
        assert connection.execute("SHOW work_mem").fetchall() == [("7MB",)]
        assert connection.execute("SHOW log_line_prefix").fetchall() == [("it's %m",)]
        assert connection.execute("SHOW data_checksums").fetchall() == [("on",)]
        analyzed = connection.execute("SELECT count(*) FROM pg_stats WHERE tablename = 'predictions'")
        assert analyzed.fetchall() != [(0,)]
        added = connection.execute("INSERT INTO inputs (image) VALUES ('') RETURNING id").fetchall()
        assert added == [(PREDICTIONS + 1,)]

    again = mlpredict("db", "upgrade", env=env)
    assert (again.returncode, again.stdout) == (0, b"")
    assert b"nothing to upgrade" in again.stderr


def test_an_upgrade_killed_at_any_moment_is_finished_by_the_next(
    home: Path, place: Callable[[Path], LocalServer], template: SimpleNamespace
) -> None:
    old = place(home)
    new = local_server.locate(home)

    def kill_at(moment: str) -> None:
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, home, moment], capture_output=True, text=True
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr

    kill_at("old server running")
    assert refusal(home).hint == "run mlpredict db upgrade"
    kill_in_pg_upgrade(home)
    assert rubbish(new.root)
    assert refusal(home).hint == "run mlpredict db upgrade"

    kill_at("new one in place")
    assert old.data.exists()
    assert contents(new) == template.contents
    kill_at("new one has answered")
    assert old.data.exists()
    kill_at("old one half removed")
    assert not old.data.exists()
    assert old.root.exists()
    assert contents(new) == template.contents

    upgrade.upgrade(None, home)
    assert not old.root.exists()
    assert rubbish(new.root) == []
    assert not (new.data / upgrade.ORIGIN_FILE).exists()
    assert contents(new) == template.contents


def kill_in_pg_upgrade(home: Path) -> None:
    """Kill an upgrade whose pg_upgrade is at work, and goes on."""
    code = "import sys, pathlib; from mlpredict.storage.maintenance.upgrade import upgrade; "
    code += "upgrade(None, pathlib.Path(sys.argv[1]))"
    with started([sys.executable, "-c", code, home], stdout=subprocess.DEVNULL) as process:
        while not list((home / "pg18").glob("upgrade-*/data/pg_upgrade_output.d/*/log")):
            assert process.poll() is None
            time.sleep(0.01)


def test_an_old_database_used_after_the_upgrade_is_not_removed(
    home: Path, place: Callable[[Path], LocalServer]
) -> None:
    old, new = place(home), local_server.locate(home)
    # What a killed upgrade leaves, and an old database whose pg_control is another by now.
    subprocess.run(["cp", "-a", old.root, new.root], check=True)
    (new.data / "PG_VERSION").write_text("18\n")
    upgrade._write_origin(new.data, upgrade.Origin(16, "0" * 64, {}))
    with pytest.raises(DatabaseError, match="was used after"):
        upgrade.upgrade(None, home)
    assert old.data.exists()
    assert new.data.exists()


def test_a_copy_that_lacks_rows_is_withdrawn(
    home: Path,
    place: Callable[[Path], LocalServer],
    template: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))  # for the sockets: the path is too long for them
    old = place(home / UNUSUAL)
    count = upgrade._count_rows

    def count_fewer(connection: Any) -> dict[str, int]:
        missing = 1 if connection.info.server_version >= 180000 else 0
        return {table: max(rows - missing, 0) for table, rows in count(connection).items()}

    monkeypatch.setattr(upgrade, "_count_rows", count_fewer)
    with pytest.raises(DatabaseError, match=r"18 has 0 of 1 rows of public.failures; .* is as it was"):
        upgrade.upgrade(None, home / UNUSUAL)
    assert refusal(home / UNUSUAL).hint == "run mlpredict db upgrade"
    assert rubbish(local_server.locate(home / UNUSUAL).root) == []
    assert contents(old) == template.contents


def test_what_pg_upgrade_refuses_leaves_everything_as_it_was(
    home: Path, place: Callable[[Path], LocalServer], template: SimpleNamespace
) -> None:
    old, new = place(home), local_server.locate(home)
    with lifecycle.open_connection(old, autocommit=True) as connection:
        connection.execute("CREATE TABLE unfit (of_no_other_server regproc)")
    with pytest.raises(DatabaseError, match=r"one of the reg\* data types in user tables$") as caught:
        upgrade.upgrade(None, home)
    logs = new.root / "failed-upgrade"
    assert caught.value.hint == f"{old.data} is as it was; see {logs}"
    assert list(logs.rglob("tables_using_reg.txt"))
    assert rubbish(new.root) == [logs.name]
    assert refusal(home).hint == "run mlpredict db upgrade"
    assert contents(old) == template.contents


def test_incomplete_programs_leave_everything_as_it_was(
    home: Path, place: Callable[[Path], LocalServer], template: SimpleNamespace
) -> None:
    old = place(home)
    incomplete = home / "bin"
    incomplete.mkdir()
    for name in pg_binaries.NEEDED:
        (incomplete / name).symlink_to(old.bindir / name)
    with pytest.raises(DatabaseError, match=r"pg_upgrade failed: .*/pg_\w+\" failed: No such file"):
        upgrade.upgrade(incomplete, home)
    assert refusal(home).hint == "run mlpredict db upgrade"
    assert contents(old) == template.contents


def test_too_little_space_is_said_before_anything_is_done(
    home: Path, place: Callable[[Path], LocalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = place(home)
    monkeypatch.setattr(upgrade, "space_at", lambda _place: Space(150_000_000, 150_000_000, None))
    with pytest.raises(
        DatabaseError, match=r"needs 2\d\d(\.\d)? MB, and (7|8)\d(\.\d)? MB of that are missing in"
    ):
        upgrade.upgrade(None, home)
    assert not lifecycle.is_running(old)
    assert not local_server.locate(home).data.exists()


@pytest.mark.skipif(SYSTEM_BINDIR is None, reason="the system has no older PostgreSQL to upgrade from")
def test_the_systems_older_postgresql(home: Path, mlpredict: Command) -> None:
    assert SYSTEM_BINDIR is not None
    major = int(SYSTEM_BINDIR.parent.name)
    assert pg_binaries.find_older(major, None).bindir == SYSTEM_BINDIR
    old = local_server.locate(home, PgBinaries(SYSTEM_BINDIR, major, bundled=False))
    fill(old)
    held = contents(old)  # and it still runs
    upgraded = mlpredict("db", "upgrade", "--old-bindir", SYSTEM_BINDIR, env={"MLPREDICT_HOME": str(home)})
    assert upgraded.returncode == 0, upgraded.stderr
    assert not old.root.exists()
    assert contents(local_server.locate(home)) == held


def test_which_older_programs_are_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pg_binaries.find_older(16, None)
    assert (found.major, found.bundled) == (16, True)
    assert pg_binaries.find_older(16, found.bindir) == PgBinaries(found.bindir, 16, bundled=False)
    with pytest.raises(DatabaseError, match="has PostgreSQL 16, and the database is one of 14"):
        pg_binaries.find_older(14, found.bindir)
    with pytest.raises(DatabaseError, match=r"--old-bindir=.* has no program postgres"):
        pg_binaries.find_older(14, home)
    monkeypatch.setattr(pg_binaries, "SYSTEM_BINDIRS", (f"{home}/{{}}",))
    with pytest.raises(DatabaseError, match=r"PostgreSQL 14, .* nowhere") as caught:
        pg_binaries.find_older(14, None)
    assert "--old-bindir" in str(caught.value.hint)
    (home / "14").symlink_to(found.bindir)  # what a directory is called does not count
    with pytest.raises(DatabaseError, match="nowhere"):
        pg_binaries.find_older(14, None)


def test_programs_the_account_cannot_run_are_named(home: Path, place: Callable[[Path], LocalServer]) -> None:
    old = place(home)
    private = home / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(old.bindir, private / "bin", symlinks=True)
    if ROOT:
        with pytest.raises(DatabaseError, match=f"nobody cannot run the programs in {private}"):
            upgrade.upgrade(private / "bin", home)
    else:
        assert service_account.runnable(pg_binaries.find_older(16, private / "bin"), old.account) == (
            private / "bin"
        )


def test_the_account_of_the_old_database_runs_the_new_one(
    home: Path, place: Callable[[Path], LocalServer]
) -> None:
    old = place(home)
    if ROOT:  # as with the home of an ordinary user
        subprocess.run(["chown", "-R", "daemon", old.root], check=True)
        assert local_server.locate(home).account.name == "daemon"
    else:
        assert local_server.locate(home).account == old.account


def test_an_empty_home_and_a_dsn(home: Path, mlpredict: Command) -> None:
    env = {"MLPREDICT_HOME": str(home)}
    empty = mlpredict("db", "upgrade", env=env)
    assert (empty.returncode, empty.stdout) == (0, b"")
    assert f"there is no database in {home}" in empty.stderr.decode()
    assert list(home.iterdir()) == []
    elsewhere = mlpredict("db", "upgrade", "--dsn", "postgresql://db.example.org/x", env=env)
    assert elsewhere.returncode == 2
    assert b"is for the local PostgreSQL" in elsewhere.stderr
