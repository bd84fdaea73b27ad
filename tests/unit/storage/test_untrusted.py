"""Reading what another account may have put in a place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import own_files, postmaster, untrusted


def put_a_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [put_a_link, put_a_pipe, Path.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, put: object) -> None:
    path = tmp_path / "postmaster.pid"
    assert callable(put)
    put(path)
    with pytest.raises(DatabaseError, match="is a link, a pipe or a device"):
        untrusted.read(path)
    with pytest.raises(DatabaseError, match="is a link, a pipe or a device"):
        postmaster.owner_pid(tmp_path)


def test_a_long_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"1" * 3_000_000)
    assert untrusted.read(path, 10) == b"1" * 10
    path.rename(tmp_path / "postmaster.pid")
    assert postmaster.owner_pid(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"300\n", 300), (b"-1", -1), (b"", 0), (b"soon", 0), (b"nan", 0), (b"inf", 0), (b"\xff\x00", 0)],
)
def test_a_linger_time_is_a_number_whatever_is_written(tmp_path: Path, text: bytes, seconds: float) -> None:
    path = tmp_path / "use.lock"
    path.write_bytes(text)
    with path.open("rb") as file:
        assert untrusted.read_linger(file.fileno()) == seconds


@pytest.mark.parametrize("put", [put_a_link, put_a_pipe])
@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_an_own_file_is_a_file(tmp_path: Path, put: object, flags: int) -> None:
    path = tmp_path / "server.log"
    assert callable(put)
    put(path)
    with pytest.raises(DatabaseError, match="is not a file that mlpredict has made"):
        own_files.open_own(path, flags)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file is only refused as root")
def test_root_takes_no_file_of_another_user_or_name(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("root's")
    os.link(target, tmp_path / "use.lock")
    with pytest.raises(DatabaseError, match="is not a file that mlpredict has made"):
        own_files.open_own(tmp_path / "use.lock", os.O_RDWR)
    assert target.stat().st_uid == 0
    theirs = tmp_path / "server.lock"
    theirs.touch()
    os.chown(theirs, 65534, 65534)
    with pytest.raises(DatabaseError, match="is not a file that mlpredict has made"):
        own_files.open_own(theirs, os.O_RDWR)
