"""What a person sees: the command on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import COMMAND
from tests.processes import started

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDE_CURSOR = b"\x1b[?25l"
SHOW_CURSOR = b"\x1b[?25h"
COLOURS = re.compile(r"\x1b\[([0-9;]*;)?[349][0-9][0-9;]*m")

pytestmark = pytest.mark.usefixtures("compiled")


def on_a_terminal(environment: dict[str, str], *arguments: str | Path, cwd: Path | None = None) -> str:
    """Everything the command writes to a terminal of 120 columns, stdout and stderr together."""
    here, there = pty.openpty()
    command = [*COMMAND, *map(str, arguments)]
    env = {**environment, "TERM": "xterm-256color"}
    written = bytearray()
    with started(command, stdin=there, stdout=there, stderr=there, env=env, cwd=cwd):
        os.close(there)
        while True:
            try:
                written += os.read(here, 65536)
            except OSError:
                break
        os.close(here)
    return written.decode()


def test_predict_shows_a_table_and_a_progress_bar(
    environment: dict[str, str], dsn: str, digits: list[Path]
) -> None:
    screen = on_a_terminal(environment, "predict", *digits[:3], "--dsn", dsn)
    assert "predicting" in screen
    rows = [line.split() for line in ESCAPES.sub("", screen).splitlines() if ".png" in line]
    assert [row[2] for row in rows] == [path.name[0] for path in digits[:3]]
    assert "3 predicted" in screen


def test_a_long_run_ends_in_a_summary(
    environment: dict[str, str], dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    for copy in range(60):
        shutil.copy(digits[copy % 2], tmp_path / f"{copy}.png")
    (tmp_path / "broken.png").write_bytes(b"x")
    screen = ESCAPES.sub("", on_a_terminal(environment, "predict", tmp_path, "--dsn", dsn))
    assert "60 images" in screen
    assert "1 failed: not an image" in screen
    assert "mlpredict list --run 1" in screen
    assert "59.png" not in screen


def test_lines_for_a_terminal_are_not_mixed_with_a_bar(
    environment: dict[str, str], dsn: str, digits: list[Path]
) -> None:
    screen = on_a_terminal(environment, "predict", digits[0], "--dsn", dsn, "--format", "tsv")
    assert "predicting" not in screen


def test_colours_go_when_they_are_not_wanted(
    environment: dict[str, str], dsn: str, digits: list[Path]
) -> None:
    arguments = ("predict", digits[0], "--dsn", dsn)
    assert COLOURS.search(on_a_terminal(environment, *arguments))
    assert not COLOURS.search(on_a_terminal({**environment, "NO_COLOR": "1"}, *arguments))


def test_a_picture_is_there_without_colours_too(
    environment: dict[str, str], dsn: str, digits: list[Path]
) -> None:
    on_a_terminal(environment, "predict", digits[0], "--dsn", dsn)
    arguments = ("show", "1", "--dsn", dsn)
    assert "▀" in on_a_terminal(environment, *arguments)
    plain = on_a_terminal({**environment, "NO_COLOR": "1"}, *arguments)
    assert "▀" not in plain
    assert any(set(line[:28].strip()) & set(".:-=+*#%@") for line in plain.splitlines())


@pytest.mark.parametrize("command", ["predict", "list", "show"])
def test_a_name_cannot_command_the_terminal(
    environment: dict[str, str], dsn: str, digits: list[Path], tmp_path: Path, command: str
) -> None:
    name = "evil\x1b]0;title\x07\x1b[2J[red]\u202e.png"
    shutil.copy(digits[0], tmp_path / name)
    screen = on_a_terminal(environment, "predict", name, "--dsn", dsn, cwd=tmp_path)
    if command != "predict":
        screen = on_a_terminal(environment, command, *(["1"] if command == "show" else []), "--dsn", dsn)
    assert not any(evil in screen for evil in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e"))
    assert "\\x1b]0;title" in ESCAPES.sub("", screen)


def test_waiting_for_a_keyboard_is_refused(environment: dict[str, str], dsn: str) -> None:
    assert "stdin is a terminal" in on_a_terminal(environment, "predict", "-", "--dsn", dsn)


def test_an_image_is_not_written_to_a_terminal(environment: dict[str, str], dsn: str) -> None:
    screen = on_a_terminal(environment, "show", "1", "--dsn", dsn, "--export-image", "-o", "-")
    assert "stdout is a terminal: pipe it somewhere, or name a file" in screen


def test_an_interrupted_run_leaves_the_terminal_as_it_was(
    environment: dict[str, str], tmp_path: Path, digits: list[Path]
) -> None:
    named_pipe = tmp_path / "names"
    os.mkfifo(named_pipe)
    here, there = pty.openpty()
    command = [*COMMAND, "predict", "--no-store", "--files-from", str(named_pipe)]
    env = {**environment, "TERM": "xterm-256color"}
    with started(command, stdin=there, stdout=there, stderr=there, env=env) as process:
        os.close(there)
        with named_pipe.open("wb"):  # from which nothing comes
            written = b""
            while HIDE_CURSOR not in written:
                written += os.read(here, 65536)
            for _ in range(2):
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    while True:
        try:
            written += os.read(here, 65536)
        except OSError:
            break
    os.close(here)
    assert written.rfind(SHOW_CURSOR) > written.rfind(HIDE_CURSOR)
