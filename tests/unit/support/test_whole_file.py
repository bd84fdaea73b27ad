"""Files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpredict.support.whole_file import FileNotWritten, replacing, whole_file


@pytest.fixture
def target(working_directory: Path) -> Path:
    return working_directory / "file"


def no_links(*_names: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def write(target: Path, content: bytes, *, force: bool = False) -> None:
    with whole_file(target, force=force) as partial:
        partial.write_bytes(content)


def fail_half_way(target: Path, error: type[BaseException]) -> None:
    with replacing(target) as file:
        file.write(b"half")
        raise error


def write_while_another_does(target: Path) -> None:
    with whole_file(target, force=False) as partial:
        partial.write_bytes(b"mine")
        target.write_bytes(b"another's")


def test_a_file_takes_its_place_when_it_is_complete_and_is_private(target: Path) -> None:
    target.write_bytes(b"old")
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_is_replaced_and_not_followed(target: Path) -> None:
    elsewhere = target.with_name("elsewhere")
    elsewhere.write_bytes(b"mine")
    target.symlink_to(elsewhere)
    with replacing(target) as file:
        file.write(b"new")
    assert (elsewhere.read_bytes(), target.is_symlink()) == (b"mine", False)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_what_fails_leaves_the_old_file_alone(target: Path, error: type[BaseException]) -> None:
    target.write_bytes(b"old")
    with pytest.raises(error):
        fail_half_way(target, error)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("link", [os.link, no_links], ids=["links", "no links"])
def test_a_new_file_never_takes_the_place_of_one_that_came_meanwhile(
    target: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[..., None]
) -> None:
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(FileNotWritten, match="there is a file"):
        write_while_another_does(target)
    assert target.read_bytes() == b"another's"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("link", [os.link, no_links], ids=["links", "no links"])
def test_a_new_file_is_written_where_there_is_none(
    target: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[..., None]
) -> None:
    monkeypatch.setattr(os, "link", link)
    write(target, b"mine")
    assert target.read_bytes() == b"mine"
    assert list(target.parent.iterdir()) == [target]


def test_only_force_replaces(target: Path) -> None:
    write(target, b"first")
    with pytest.raises(FileNotWritten) as raised:
        write(target, b"second")
    assert raised.value.hint == "overwrite it with --force"
    write(target, b"third", force=True)
    assert target.read_bytes() == b"third"


@pytest.mark.parametrize("force", [True, False])
def test_what_is_no_file_is_not_replaced(target: Path, force: bool) -> None:
    os.mkfifo(target)
    with pytest.raises(FileNotWritten, match="it is no file"):
        write(target, b"mine", force=force)
    assert list(target.parent.iterdir()) == [target]


def test_the_umask_decides_who_may_read_it(target: Path) -> None:
    before = os.umask(0o027)
    try:
        write(target, b"mine")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_long_name_leaves_room_for_that_of_the_partial_file(working_directory: Path) -> None:
    target = working_directory / ("\N{SNOWMAN}" * 85)  # 255 bytes, as long as can be
    write(target, b"mine")
    assert target.read_bytes() == b"mine"
