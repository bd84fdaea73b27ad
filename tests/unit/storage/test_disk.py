"""What is said of the space there is, before it runs out and after."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from mlpredict.domain import Keep
from mlpredict.errors import DatabaseError
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.sources import WEIGHED_ALL, volume_of
from mlpredict.storage.server import disk
from mlpredict.storage.server.disk import Space

GIB = 1 << 30


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The file system as the test would have it."""
    told = SimpleNamespace(free=50 * GIB, total=100 * GIB, files=1000)
    monkeypatch.setattr(disk, "space_at", lambda _place: Space(told.free, told.total, told.files))
    return told


def test_the_space_is_what_an_ordinary_user_may_use(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    found = disk.space_at(tmp_path / "not" / "made" / "yet")
    assert found.total == status.f_blocks * status.f_frsize
    assert 0 < found.free <= status.f_bfree * status.f_frsize


@pytest.mark.parametrize(
    ("free", "total", "grows", "warns"),
    [
        pytest.param(50 * GIB, 100 * GIB, 39 * GIB, False, id="plenty"),
        pytest.param(50 * GIB, 100 * GIB, 41 * GIB, True, id="less than a tenth"),
        pytest.param(2 * GIB, 3 * GIB, GIB - 1, False, id="a GiB is left"),
        pytest.param(2 * GIB, 3 * GIB, GIB + 1, True, id="less than a GiB"),
        pytest.param(GIB // 2, 2 * GIB, 0, True, id="too little already"),
    ],
)
def test_a_warning_comes_before_the_space_is_short(
    free: int, total: int, grows: int, warns: bool, space: SimpleNamespace
) -> None:
    space.free, space.total = free, total
    warning = disk.warning(Path("/srv/data"), grows)
    assert (warning is not None) is warns
    if warning is not None:
        assert "/srv/data" in warning


def test_a_warning_says_how_much_and_where(space: SimpleNamespace) -> None:
    space.free, space.total = 3_000_000_000, 20_000_000_000
    assert disk.warning(Path("/d"), 2_500_000_000) == (
        "storing up to 2.5 GB leaves 500 MB of 20 GB free in /d"
    )


@pytest.mark.parametrize(
    ("keep", "at_least", "at_most"),
    [
        pytest.param(Keep.ORIGINAL, 60_000_000, 140_000_000, id="original"),
        pytest.param(Keep.MODEL_INPUT, 100_000, 600_000, id="model input"),
        pytest.param(Keep.REFERENCE, 40_000, 200_000, id="reference"),
    ],
)
def test_what_is_kept_decides_how_much_is_stored(keep: Keep, at_least: int, at_most: int) -> None:
    grows = disk.growth(60, 46_800_000, keep, pixel_bytes=28 * 28, outputs=10)
    assert at_least < grows < at_most


def test_a_model_without_a_size_stores_about_what_the_files_have() -> None:
    grown = disk.growth(1, 1_000_000, Keep.MODEL_INPUT, pixel_bytes=None, outputs=0)
    assert grown == disk.growth(1, 1_000_000, Keep.ORIGINAL, pixel_bytes=None, outputs=0)


def test_a_batch_needs_space_for_itself_and_for_the_server_to_go_on(space: SimpleNamespace) -> None:
    space.free = disk.SCRAPE_BYTES + 20_000_000
    disk.require(Path("/d"), 10_000_000)
    with pytest.raises(DatabaseError, match=r"no space left for the database: 53\.6 MB free in /d"):
        disk.require(Path("/d"), 10_000_001)
    space.files = 0
    with pytest.raises(DatabaseError, match="no space left"):
        disk.require(Path("/d"), 0)


def failed(message: str, cause: Exception) -> DatabaseError:
    error = DatabaseError(message)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said", "free", "full"),
    [
        pytest.param(
            failed('could not extend file "base/5/1": No space left on device', psycopg.errors.DiskFull()),
            "",
            GIB,
            True,
            id="data",
        ),
        pytest.param(
            failed("server closed the connection", psycopg.OperationalError()),
            'PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device',
            GIB,
            True,
            id="log of changes",
        ),
        pytest.param(
            failed("server closed the connection", psycopg.OperationalError()), "", 1000, True, id="unsaid"
        ),
        pytest.param(
            failed("server closed the connection", psycopg.OperationalError()),
            "FATAL: terminating connection due to administrator command",
            GIB,
            False,
            id="stopped",
        ),
        pytest.param(
            failed("relation missing", psycopg.errors.UndefinedTable()), "", 1000, False, id="other"
        ),
    ],
)
def test_a_full_disk_is_told_from_other_errors(
    error: DatabaseError, said: str, free: int, full: bool, space: SimpleNamespace
) -> None:
    space.free = free
    better = disk.full_error(error, Path("/d"), said)
    assert (better is not None) is full
    if better is not None:
        assert "no space left for the database" in better.message


def test_the_volume_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(b"x" * 100)
    (tmp_path / "in" / "deep" / "b.JPG").write_bytes(b"x" * 200)
    (tmp_path / "in" / "notes.txt").write_bytes(b"x" * 5000)
    (tmp_path / "named.txt").write_bytes(b"x" * 30)
    (tmp_path / "in" / "up").symlink_to(tmp_path, target_is_directory=True)
    names = [str(tmp_path / "in"), str(tmp_path / "named.txt"), str(tmp_path / "missing.png")]
    images, size = volume_of(names)
    assert images == 4
    assert size == 330 * 4 // 3  # the missing one weighs what the others do


def test_the_volume_of_many_files_is_about_right(tmp_path: Path) -> None:
    count = WEIGHED_ALL + 640
    for number in range(count):
        (tmp_path / f"{number}.png").write_bytes(b"x" * (10 + number % 7))
    images, size = volume_of([str(tmp_path)])
    assert images == count
    assert 12 * count < size < 14 * count


def test_a_file_that_is_too_large_to_be_read_weighs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x" * 100)
    (tmp_path / "b.png").write_bytes(b"x" * 101)
    assert volume_of([str(tmp_path)], Limits(max_bytes=100)) == (2, 100)


def test_nothing_has_no_volume() -> None:
    assert volume_of([]) == (0, 0)
