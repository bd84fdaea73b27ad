"""Folders as they come: each file gives a prediction or a word, and what is not there gives no run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from tests.conftest import DIGITS, Command


def runs(connection: psycopg.Connection[Any]) -> int:
    (count,) = connection.execute("SELECT count(*) FROM runs").fetchone() or (None,)
    return int(count or 0)


def test_a_missing_path_stores_no_run(
    mlpredict: Command, dsn: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    done = mlpredict("predict", "gone.png", tmp_path, "--dsn", dsn)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "mlpredict: gone.png: no such file or folder",
        f"mlpredict: {tmp_path}: no images in this folder",
    ]
    assert runs(connection) == 0
    assert mlpredict("predict", "gone.png", DIGITS / "7-marker.png", "--dsn", dsn).returncode == 1
    assert runs(connection) == 1


def test_a_folder_is_told_of_whole(mlpredict: Command, tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    shutil.copy(DIGITS / "7-marker.png", folder / "IMG_0001")
    for name in ("a.txt", "b.mov", "c.mov", ".hidden.png", "d.png.part"):
        (folder / name).write_bytes(b"x")
    done = mlpredict("predict", folder, "--no-store", "--format", "jsonl")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    told = "mlpredict: passed over: 2 .mov, 1 hidden, 1 .txt, 1 .part"
    assert done.stderr.decode().splitlines() == [told]
    more = mlpredict("predict", folder, "--no-store", "-v").stderr.decode()
    assert f"{folder}/a.txt: passed over (.txt)" in more
    assert mlpredict("predict", folder, "--no-store", "-q").stderr == b""


def test_a_list_made_on_windows_is_read(mlpredict: Command, tmp_path: Path) -> None:
    names = "\r\n".join(str(DIGITS / name) for name in ("7-marker.png", "1-marker.png")) + "\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "list.txt").write_bytes(names.encode(encoding))
        done = mlpredict("predict", "-T", tmp_path / "list.txt", "--no-store", "--columns", "label")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"7\n1\n", b"")
