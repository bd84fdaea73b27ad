"""A disk that fills up under the local server, and has room again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mlpredict.storage.server import lifecycle, local_server
from tests.conftest import Command
from tests.full_disk import FILL, fill, small_file_system

MEGABYTES = 120


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, in memory."""
    with small_file_system(kibibytes=MEGABYTES << 10) as directory:
        yield directory
        lifecycle.stop(local_server.locate(directory / "home"))


@pytest.fixture
def on_it(small_disk: Path, mlpredict: Command) -> Callable[..., tuple[int, list[str], str]]:
    """Runs the command with its database there: the status, the lines of stdout, and stderr."""

    def run(*arguments: str | Path) -> tuple[int, list[str], str]:
        done = mlpredict(*arguments, env={"MLPREDICT_HOME": str(small_disk / "home")})
        return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()

    return run


def ids_stored(directory: Path) -> set[str]:
    """What is in the database, which must be whole."""
    server = local_server.locate(directory / "home")
    with psycopg.connect(lifecycle.ensure_running(server)) as connection:
        lonely = connection.execute(
            "SELECT count(*) FROM inputs WHERE NOT EXISTS"
            " (SELECT FROM predictions WHERE predictions.inputid = inputs.id)"
        ).fetchone()
        assert lonely == (0,)
        return {str(row[0]) for row in connection.execute("SELECT id FROM predictions")}


def test_a_disk_that_is_full_and_has_room_again(
    small_disk: Path, on_it: Callable[..., tuple[int, list[str], str]], digits: list[Path]
) -> None:
    status, first, talk = on_it("predict", *digits)
    assert status == 0, talk
    assert "storing up to" in talk  # so small a disk always has less than 1 GiB
    assert "free in" in talk

    fill(small_disk)
    status, printed, talk = on_it("predict", digits[0])
    assert (status, printed) == (3, [])
    last = talk.splitlines()[-1]
    assert last.startswith("mlpredict: no space left for the database: 0 bytes free in")
    assert "--skip-existing" in last
    assert on_it("list")[0] == 0  # reading needs no space

    (small_disk / FILL).unlink()
    status, printed, talk = on_it("predict", digits[0])
    assert (status, len(printed)) == (0, 1), talk
    assert ids_stored(small_disk) == {line.split("\t")[0] for line in first + printed}


def test_a_server_that_stopped_for_want_of_space_starts_when_there_is_some(
    small_disk: Path, on_it: Callable[..., tuple[int, list[str], str]], digits: list[Path]
) -> None:
    assert on_it("predict", *digits)[0] == 0
    server = local_server.locate(small_disk / "home")
    with psycopg.connect(local_server.conninfo(server)) as connection:
        fill(small_disk, leaving=1_000_000)  # somebody else, while we store
        with pytest.raises(psycopg.Error):
            connection.execute(
                "CREATE TABLE large AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 200000) AS i"
            )
        connection.close()
    on_it("db", "stop")

    fill(small_disk)
    status, _, talk = on_it("list")
    assert status in (0, 3)
    if status:  # its log of changes was full, too
        assert "no space left for the database: 0 bytes free" in talk
    (small_disk / FILL).unlink()
    status, listed, talk = on_it("list", "--all")
    assert (status, len(listed)) == (0, len(digits)), talk


def test_a_disk_without_space_for_a_first_database(
    small_disk: Path, on_it: Callable[..., tuple[int, list[str], str]], digits: list[Path]
) -> None:
    fill(small_disk, leaving=20_000_000)
    status, _, talk = on_it("list")
    assert status == 3
    assert talk.count("\n") == 1
    assert "no space left for the database" in talk
    assert not list((small_disk / "home").glob("pg*/data"))
    (small_disk / FILL).unlink()
    assert on_it("predict", digits[0])[0] == 0


def test_a_read_only_disk_is_named(
    small_disk: Path, on_it: Callable[..., tuple[int, list[str], str]]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status, _, talk = on_it("list")
    assert status == 3
    assert talk.count("\n") == 1
    assert "Read-only file system" in talk
    assert "--dsn" in talk
