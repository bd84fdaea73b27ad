"""Files that nobody else may have written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.support.private_files import NotPrivate, make_private_folder, read_private

OTHER_USER = 65534


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "cache" / "models")
    assert (mode(tmp_path / "cache"), mode(tmp_path / "cache" / "models")) == (0o700, 0o700)


def test_an_open_folder_of_ones_own_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    make_private_folder(tmp_path)
    assert mode(tmp_path) == 0o700


@pytest.mark.parametrize("permissions", [0o666, 0o660, 0o602])
def test_what_others_can_write_is_not_read(tmp_path: Path, permissions: int) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"x")
    file.chmod(permissions)
    with pytest.raises(NotPrivate):
        read_private(file)
    file.chmod(0o644)
    assert read_private(file) == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else's")
def test_what_somebody_else_wrote_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "theirs" / "model"
    make_private_folder(file.parent)
    file.write_bytes(b"x")
    file.chmod(0o600)
    os.chown(file, OTHER_USER, OTHER_USER)
    with pytest.raises(NotPrivate):
        read_private(file)
    os.chown(file.parent, OTHER_USER, OTHER_USER)
    with pytest.raises(NotPrivate):
        make_private_folder(file.parent)


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert read_private(tmp_path / "file") == b"mine"
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=name):
            read_private(tmp_path / name)
