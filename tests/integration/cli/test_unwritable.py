"""Places that cannot be written: the cache, the home of the database, the whole file system."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import COMMAND, Command
from tests.other_users import SECONDS, OtherUser, other_user, requires_root


@pytest.fixture
def user() -> Iterator[OtherUser]:
    with other_user() as made:
        yield made


@requires_root
def test_what_cannot_be_kept_in_the_cache_is_kept_elsewhere(user: OtherUser, digits: list[Path]) -> None:
    closed = user.make("cache", 0o555)
    env = {"MLPREDICT_CACHE": str(closed)}
    first = user.run("predict", "--no-store", digits[3], env=env)
    assert first.returncode == 0, first.stderr
    said = first.stderr.decode()
    assert f"{closed / 'models'} cannot be written (Permission denied)" in said
    assert "set MLPREDICT_CACHE" in said

    again = user.run("predict", "--no-store", digits[3], env=env)
    assert (again.stdout, again.stderr) == (first.stdout, b"")

    # What somebody else could have put there is not looked at.
    (kept,) = user.temporary.glob("mlpredict-cache-*")
    kept.chmod(0o777)
    assert b"preparing" in user.run("predict", "--no-store", digits[3], env=env).stderr


@requires_root
def test_where_nothing_can_be_kept_it_is_said_what_to_do(user: OtherUser, digits: list[Path]) -> None:
    closed = user.make("cache", 0o555)
    theirs = user.temporary / f"mlpredict-cache-{user.uid}"
    theirs.mkdir()  # root's
    done = user.run("predict", "--no-store", digits[3], env={"MLPREDICT_CACHE": str(closed)})
    assert done.returncode == 0
    said = done.stderr.decode()
    assert "each command prepares it again; set MLPREDICT_CACHE" in said
    assert list(theirs.iterdir()) == []


@requires_root
@pytest.mark.parametrize("command", ["predict", "serve", "list"])
def test_a_home_that_cannot_be_written_is_found_before_any_work(
    user: OtherUser, digits: list[Path], command: str
) -> None:
    closed = user.make("data", 0o555)
    began = time.monotonic()
    done = user.run(
        command, *([digits[3]] if command == "predict" else []), env={"MLPREDICT_HOME": str(closed)}
    )
    assert time.monotonic() - began < 5
    assert done.returncode == 3
    (said,) = done.stderr.decode().splitlines()
    assert str(closed) in said
    assert "set MLPREDICT_HOME to a folder that can be written, or pass --dsn" in said


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_keras_leaves_nothing_in_the_home(
    mlpredict: Command, digits: list[Path], tmp_path: Path, engine: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "MLPREDICT_CACHE": str(tmp_path / "cache")}
    done = mlpredict("predict", "--no-store", "--engine", engine, digits[3], env=env)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []


def test_a_container_that_is_read_only(digits: list[Path]) -> None:
    """Nothing but /dev/shm can be written, as with `docker run --read-only`."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make a file system read-only, in a namespace of its own")
    script = """
        mount -o remount,bind,ro / || exit 99
        for place in /tmp /var/tmp; do
            if mountpoint -q $place; then mount -o remount,bind,ro $place || exit 99; fi
        done
        exec "$@"
    """
    names = ("PATH", "PYTHONPYCACHEPREFIX")
    env = {name: os.environ[name] for name in names if name in os.environ} | {"HOME": "/nowhere"}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = ["unshare", "--mount", "sh", "-c", script, "sh", *COMMAND, *map(str, arguments)]
        return subprocess.run(command, env=env, capture_output=True, timeout=SECONDS)

    stand_in = Path("/dev/shm/mlpredict-cache-0")
    shutil.rmtree(stand_in, ignore_errors=True)
    try:
        nowhere = run("predict", digits[3])
        if nowhere.returncode == 99:
            pytest.skip(f"no file system can be made read-only here: {nowhere.stderr.decode()}")
        assert nowhere.returncode == 3
        (said,) = nowhere.stderr.decode().splitlines()
        assert "is read-only" in said
        assert "MLPREDICT_HOME" in said
        first = run("predict", "--no-store", digits[3])
        assert first.returncode == 0, first.stderr
        assert "MLPREDICT_CACHE" in first.stderr.decode()
        again = run("predict", "--no-store", digits[3])
        assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, b"")
    finally:
        shutil.rmtree(stand_in, ignore_errors=True)


def test_a_database_that_became_read_only(
    server: LocalServer, home: Path, environment: dict[str, str], digits: list[Path]
) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make a file system read-only, in a namespace of its own")
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 99; exec "$@"'
    env = {**environment, "MLPREDICT_HOME": str(home)}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = ["unshare", "--mount", "sh", "-c", script, str(home), *COMMAND, *map(str, arguments)]
        return subprocess.run(command, env=env, capture_output=True, timeout=SECONDS)

    status = run("db", "status")
    if status.returncode == 99:
        pytest.skip(f"no file system can be made read-only here: {status.stderr.decode()}")
    assert (status.returncode, b"state\tstopped" in status.stdout) == (0, True), status.stderr
    for arguments in (["predict", digits[3]], ["list"], ["db", "start"], ["db", "dump", "-"]):
        done = run(*arguments)
        assert done.returncode == 3
        (said,) = done.stderr.decode().splitlines()
        assert str(server.root) in said
        assert "set MLPREDICT_HOME to a folder that can be written" in said
