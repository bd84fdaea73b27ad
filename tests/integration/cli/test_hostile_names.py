"""A folder of names that nobody would want, through every command: each comes back byte for byte."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict.support.printable import printable
from tests.conftest import Command
from tests.integration.cli.test_terminal import ESCAPES, on_a_terminal

NAMES = [
    *(b"with space.png", b" leading.png", b"trailing .png", b"-rf.png", b"--help.png", b"'single'.png"),
    *(b'"double", comma.png', b"new\nline.png", b"carriage\rreturn.png", b"tab\t.png", b"back\\slash\\n.png"),
    *(
        b"%s%d{}.png",
        b"[red]markup.png",
        b":smile:.png",
        b"\x1b[31m\x1b]0;owned\x07.png",
        b"\x08\x7f.png",
    ),
    *("😀👩‍👩‍👧.png".encode(), "\u202egnp.exe.png".encode(), "\u2028line\u0085end.png".encode()),
    *("\u009b2J.png".encode(), "\ufeffmark.png".encode(), "e\u0301.png".encode(), b"$(reboot)`id`.png"),
    *(b"x'); DROP TABLE predictions;--.png", b"*?[a-z].png", b"\\N.png", b"\\..png", b"n" * 251 + b".png"),
    *("數".encode() * 83 + b".png", b"~.png", b"#;&|<>.png"),
]
NOT_UTF8 = [b"caf\xe9.png", b"\xff\xfe.png", b"\xed\xa0\x80.png", b"\xc3\x28\n.png", b"\xff" * 251 + b".png"]
EVIL = ("\x1b]0;", "\x07", "\x08", "\x7f", "\u202e", "\u2028", "\u0085", "\u009b", "\ufeff")


@pytest.fixture
def names() -> list[bytes]:
    # The file system of macOS takes names in UTF-8 alone.
    return sorted(NAMES if sys.platform == "darwin" else NAMES + NOT_UTF8, key=os.fsdecode)


@pytest.fixture
def folder(tmp_path: Path, digits: list[Path], names: list[bytes]) -> Path:
    """A folder with an image by each of the names, no two alike."""
    place = tmp_path / "names"
    place.mkdir()
    content = digits[0].read_bytes()
    for number, name in enumerate(names):
        # What follows the end of a PNG is nobody's concern, and makes it another file.
        Path(os.fsdecode(os.path.join(os.fsencode(place), name))).write_bytes(content + bytes([number]))
    return place


def test_every_name_comes_back_from_every_format(
    mlpredict: Command, dsn: str, folder: Path, names: list[bytes]
) -> None:
    paths = [b"./" + name for name in names]
    predicted = mlpredict("predict", "-q", ".", "--dsn", dsn, "--format", "jsonl", cwd=folder)
    assert (predicted.returncode, predicted.stderr) == (0, b"")
    assert [os.fsencode(json.loads(line)["filename"]) for line in predicted.stdout.splitlines()] == paths

    def listed(chosen: str) -> bytes:
        done = mlpredict("list", "--all", "--dsn", dsn, "--format", chosen, "--columns", "filename,label")
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    newest_first = paths[::-1]
    assert [os.fsencode(one["filename"]) for one in json.loads(listed("json"))] == newest_first
    assert [
        os.fsencode(json.loads(line)["filename"]) for line in listed("jsonl").splitlines()
    ] == newest_first
    text = listed("csv").decode("utf-8", "surrogateescape")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [os.fsencode(row[0]) for row in rows[1:]] == newest_first
    lines = [line.split(b"\t") for line in listed("tsv").splitlines()]
    assert [len(line) for line in lines] == [2] * len(paths)
    printf = [b"bash", b"-c", b'for name; do printf "%b\\0" "$name"; done', b"bash"]
    assert subprocess.check_output([*printf, *(line[0] for line in lines)]).split(b"\0")[:-1] == newest_first
    assert len(listed("table").splitlines()) > len(paths)
    ids = [str(number) for number in range(1, len(paths) + 1)]
    shown = json.loads(mlpredict("show", *ids, "--dsn", dsn, "--json").stdout)
    assert [os.fsencode(one["filename"]) for one in shown] == paths


def test_postgresql_reads_what_it_gave(
    mlpredict: Command, dsn: str, folder: Path, connection: psycopg.Connection[Any]
) -> None:
    for name in NOT_UTF8:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).unlink(missing_ok=True)
    assert mlpredict("predict", ".", "--dsn", dsn, cwd=folder).returncode == 0
    columns = ("--columns", "prediction_id,filename")
    connection.execute("CREATE TABLE copied (id bigint, filename text)")
    for chosen, options in (("tsv", ""), ("csv", "WITH (FORMAT csv, HEADER)")):
        lines = mlpredict("list", "--all", "--dsn", dsn, "--format", chosen, *columns).stdout
        connection.execute("TRUNCATE copied")
        with connection.cursor() as cursor, cursor.copy(f"COPY copied FROM STDIN {options}") as copy:
            copy.write(lines)
        wrong = (
            "SELECT count(*) FROM predictions LEFT JOIN copied USING (id, filename) WHERE copied.id IS NULL"
        )
        assert connection.execute(wrong).fetchone() == (0,), chosen


def test_every_image_is_exported_whole_and_nowhere_else(
    mlpredict: Command, dsn: str, folder: Path, names: list[bytes], tmp_path: Path
) -> None:
    assert mlpredict("predict", ".", "--dsn", dsn, cwd=folder).returncode == 0
    target = tmp_path / "out"
    target.mkdir()
    ids = [str(number) for number in range(1, len(names) + 1)]
    done = mlpredict("show", *ids, "--dsn", dsn, "--export-image", "-o", target)
    assert (done.returncode, done.stdout) == (0, b"")
    assert [line.startswith("mlpredict: wrote ") for line in done.stderr.decode().splitlines()] == [
        True for _ in names
    ]
    exported = list(target.iterdir())
    assert {path.read_bytes() for path in exported} == {path.read_bytes() for path in folder.iterdir()}
    assert all(printable(path.name) == path.name and path.name[0] not in "-." for path in exported)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names", "out"]


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"text")]
)
def test_every_name_is_one_harmless_line_of_error(
    mlpredict: Command, folder: Path, names: list[bytes], spoil: Callable[[Path], object]
) -> None:
    for path in folder.iterdir():
        spoil(path)
    missing = [os.fsdecode(name + b"?") for name in names if len(name) < 255]
    done = mlpredict("predict", "-q", "--no-store", ".", "--", *missing, cwd=folder)
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(said.split("\n")) - 1 == len(names) + len(missing)
    assert len(said.splitlines()) == len(names) + len(missing)
    assert not any(evil in said for evil in (*EVIL, "\x1b", "\r", "\t"))


def test_a_list_of_names_may_hold_any_name(mlpredict: Command, folder: Path, names: list[bytes]) -> None:
    listing = b"".join(name + b"\0" for name in names)
    done = mlpredict("predict", "-T", "-", "-0", "--no-store", "--format", "jsonl", stdin=listing, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert [os.fsencode(json.loads(line)["filename"]) for line in done.stdout.splitlines()] == names


@pytest.mark.parametrize("chosen", ["table", "json", "jsonl", "csv", "tsv"])
def test_no_format_lets_a_name_command_the_terminal(
    environment: dict[str, str], mlpredict: Command, dsn: str, folder: Path, chosen: str
) -> None:
    assert mlpredict("predict", ".", "--dsn", dsn, cwd=folder).returncode == 0
    for command in (["list", "--all"], ["show", *map(str, range(1, 31))]):
        screen = ESCAPES.sub("", on_a_terminal(environment, *command, "--dsn", dsn, "--format", chosen))
        assert not any(evil in screen for evil in (*EVIL, "\x1b")), command
        if chosen == "json":
            assert len(json.loads(screen)) >= 30


def test_no_failure_lets_a_name_command_the_terminal(environment: dict[str, str], folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"")
    seen = on_a_terminal(environment, "predict", ".", "--no-store", cwd=folder)
    assert "predicting" in seen
    assert seen.count("the file is empty") >= 30
    assert not any(evil in ESCAPES.sub("", seen) for evil in (*EVIL, "\x1b"))


def test_a_hostile_folder_is_harmless_too(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    place = tmp_path / "a\x1b[2J\nb" / "[red]\u202e"
    (place / "empty\x07").mkdir(parents=True)
    shutil.copy(digits[0], place / "digit.png")
    names = (".", "empty\x07", "nosuch\n")
    done = mlpredict("predict", "-q", *names, "--dsn", dsn, "--columns", "label", cwd=place)
    assert (done.returncode, done.stdout) == (1, f"{digits[0].name[0]}\n".encode())
    assert done.stderr.decode().splitlines() == [
        "mlpredict: empty\\x07: no images in this folder",
        "mlpredict: nosuch\\n: no such file or folder",
    ]
    status = mlpredict("db", "status", "--json", env={"MLPREDICT_HOME": os.fsdecode(b"/nowhere/caf\xe9\x1b")})
    assert os.fsencode(json.loads(status.stdout)["where"]).startswith(b"/nowhere/caf\xe9\x1b")
