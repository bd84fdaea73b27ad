"""`predict` of a folder with every hostile thing there is: nothing stops it, and it stays small."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import hostile
from tests.conftest import COMMAND, Command
from tests.hostile import chunk

MOST_MEMORY = 400_000_000
# Says on its standard error how much the largest process took, itself or one of its own.
MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
IDAT = chunk(b"IDAT", b"")


@cache
def bombs() -> dict[str, tuple[bytes, str]]:
    """Files, each with how the reason begins that it is refused for."""
    return {
        "many-pixels.png": (
            hostile.png(60_000, 60_000),
            "too large: 60000×60000 pixels, limit 100 megapixels",
        ),
        "colours.png": (
            hostile.png(9_900, 9_900, IDAT, colours=hostile.RGB),
            "too large: 9900×9900 pixels of PNG",
        ),
        "icon.ico": (
            hostile.icon_with_png(hostile.png(60_000, 60_000, IDAT)),
            "too large: decoding it takes more than 320 MB",
        ),
        "canvas.webp": (hostile.webp_of_size(16_000), "too large: 256 megapixels"),
        "text.png": (hostile.png_with_text(200 << 20), "too large: text or a colour profile"),
        "profile.png": (hostile.png_with_profile(200 << 20), "too large: text or a colour profile"),
        "repeating.png": (hostile.qoi_of_size(8_000, 8_000), "truncated"),
        "empty.png": (b"", "the file is empty"),
        "text.jpg": (b"no image at all", "not an image"),
        "short.png": (hostile.small_files()["PNG"][:-30], "truncated"),
        "heic.jpg": (b"\0\0\0\x18ftypheic" + bytes(99), "damaged: its HEIC data cannot be decoded"),
    }


@cache
def good_files() -> dict[str, bytes]:
    """Files that look dangerous and are not."""
    return {
        "grey.png": hostile.black_png(9_900, 9_900),
        "frames.gif": hostile.animation("GIF", 1000),
        "frames.png": hostile.animation("PNG", 2000),
        "pages.tif": hostile.animation("TIFF", 500),
        "comment.gif": hostile.gif_with_comment(5 << 20),
        "circle.tiff": hostile.tiff_that_goes_in_circles(),
        "scans.jpg": hostile.jpeg_with_many_scans(500, 500),
        "PNG.jpg": hostile.small_files()["PNG"],
        "really a WebP.bmp": hostile.small_files()["WebP"],
    }


@pytest.fixture
def folder(tmp_path: Path, digits: list[Path]) -> Path:
    """A folder with bombs, with good files between them, and with what is no file at all."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, (content, _) in bombs().items():
        (folder / name).write_bytes(content)
    for name, content in good_files().items():
        (folder / name).write_bytes(content)
    for number in range(60):
        (folder / f"{number:02}.png").write_bytes(digits[number % len(digits)].read_bytes())
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "inside.png").write_bytes(digits[0].read_bytes())
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    os.truncate(os.open(folder / "hole.png", os.O_CREAT | os.O_WRONLY), 1 << 40)
    with socket.socket(socket.AF_UNIX) as listener:
        # Its whole path would be too long for a socket.
        here = os.open(".", os.O_RDONLY)
        os.chdir(folder)
        listener.bind("socket.png")
        os.fchdir(here)
        os.close(here)
    return folder


NO_FILES = {
    "loop.png": "too many levels of symbolic links",
    "gone.png": "no such file or folder",
    "zero.png": "not a regular file",
    "pipe.png": "not a regular file",
    "socket.png": "not a regular file",
    "hole.png": "too large: 1,099.5 GB, limit 100 MB (--max-bytes)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory that only Linux limits, and names of its errors")
def test_every_file_gives_a_prediction_or_a_reason(
    folder: Path, environment: dict[str, str], mlpredict: Command, digits: list[Path], dsn: str
) -> None:
    # So that the model is compiled already.
    assert mlpredict("predict", digits[0], "--no-store").returncode == 0
    command = [sys.executable, "-c", MEASURED, *COMMAND, "predict", str(folder), "--format", "jsonl"]
    done = subprocess.run(
        [*command, "--dsn", dsn], env=environment, capture_output=True, text=True, timeout=100
    )
    *lines, kilobytes = done.stderr.splitlines()
    told = [line for line in lines if not line.endswith("the first is used")]
    reasons = dict(line.removeprefix(f"mlpredict: {folder}/").split(": ", 1) for line in told)
    expected = {name: reason for name, (_, reason) in bombs().items()} | NO_FILES
    assert done.returncode == 1
    assert len(told) == len(expected)
    assert {name: reason[: len(expected.get(name, ""))] for name, reason in reasons.items()} == expected
    predicted = [json.loads(line)["filename"] for line in done.stdout.splitlines()]
    assert len(predicted) == len(set(predicted)) == 60 + len(good_files()) + 1
    assert int(kilobytes) * 1024 < MOST_MEMORY


def test_hostile_files_one_by_one(folder: Path, environment: dict[str, str], mlpredict: Command) -> None:
    names = ["text.png", "canvas.webp", "pipe.png", "socket.png", "circle.tiff", "PNG.jpg"]
    done = mlpredict("predict", *[folder / name for name in names], "--no-store")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 4
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--max-pixels", "0.01M"), "too large: 220×240 pixels, limit 10,000 pixels (--max-pixels)"),
        (("--max-bytes", "100"), "bytes, limit 100 bytes (--max-bytes)"),
        (("--max-pixels", "1k", "--max-bytes", "1k"), "bytes, limit 1,000 bytes (--max-bytes)"),
    ],
)
@pytest.mark.parametrize("standard_input", [False, True])
def test_the_limits_are_options(
    mlpredict: Command, digits: list[Path], options: tuple[str, ...], reason: str, standard_input: bool
) -> None:
    digit = next(path for path in digits if path.name == "7-with-bar-pencil.png")
    named = "-" if standard_input else digit
    done = mlpredict("predict", named, "--no-store", *options, stdin=digit.read_bytes())
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"mlpredict: {named}: too large: ")
    assert line.endswith(reason)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="an input without end")
def test_standard_input_without_end_has_an_end(environment: dict[str, str]) -> None:
    command = [*COMMAND, "predict", "-", "--no-store"]
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run(command, stdin=endless, capture_output=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert done.stderr == b"mlpredict: -: too large: more than 100 MB, limit 100 MB (--max-bytes)\n"


@pytest.mark.parametrize("given", ["none", "-5", "0"])
def test_what_is_no_limit_is_a_mistake(mlpredict: Command, given: str) -> None:
    done = mlpredict("predict", "x.png", f"--max-pixels={given}")
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"--max-pixels: '{given}' is no size" in done.stderr.decode()
