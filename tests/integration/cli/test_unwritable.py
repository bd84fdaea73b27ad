"""Places that cannot be written: the cache, the home of the database, the whole file system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.other_users import OtherUser, other_user, requires_root


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
