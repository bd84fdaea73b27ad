"""Sources that give no sample: each is told in words, and nothing hangs or fails."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import Rejected, Source
from mlpredict.inputs.limits import USUAL_LIMITS
from tests.unit.images import decode, file_of, png, refused, spec

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
NOISE_PNG = file_of(NOISE)
NOISE_JPEG = file_of(NOISE, "JPEG")


def reason_of(name: str) -> str:
    rejected = decode(5, Source(name), spec())
    assert isinstance(rejected, Rejected), rejected
    assert (rejected.position, rejected.source) == (5, Source(name))
    return rejected.reason


def header_alone(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = b"IDAT"
    chunks = [header, pixels, b"IEND"]
    body = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"Dear Sir,\n\tno image here.\n", "not an image", id="text"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)), "not an image, or of an unknown format", id="PDF"),
        pytest.param(bytes(1000), "not an image, or of an unknown format", id="zeros"),
        pytest.param(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
            "EPS files hold drawings, not pixels",
            id="EPS",
        ),
    ],
)
def test_what_is_no_image_is_called_so(content: bytes, reason: str) -> None:
    assert refused(content) == reason


@pytest.mark.parametrize("cut", [8, 12, 20, 33, 37, 41, 60, len(NOISE_PNG) // 2, len(NOISE_PNG) - 30])
def test_a_png_that_ends_early_is_damaged(cut: int) -> None:
    reason = refused(NOISE_PNG[:cut])
    assert reason.startswith(("truncated", "damaged: "))
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("cut", [3, 20, 200, len(NOISE_JPEG) // 2])
def test_a_jpeg_that_ends_early_is_damaged(cut: int) -> None:
    assert refused(NOISE_JPEG[:cut]).startswith(("truncated", "damaged: "))


@pytest.mark.parametrize("place", [30, 50, len(NOISE_PNG) // 2])
def test_a_png_with_other_bytes_in_it_is_damaged(place: int) -> None:
    content = NOISE_PNG[:place] + bytes(8) + NOISE_PNG[place + 8 :]
    assert refused(content).startswith(("truncated", "damaged: "))


@pytest.mark.parametrize(
    ("width", "height"),
    [(10_001, 10_000), (65_000, 65_000), (USUAL_LIMITS.max_pixels + 1, 1), (2**31 - 1, 2**31 - 1)],
)
def test_too_many_pixels_are_refused_by_the_header(width: int, height: int) -> None:
    assert refused(header_alone(width, height)).startswith(f"too large: {width}×{height} pixels")


def test_as_many_pixels_as_may_be_are_not_too_many() -> None:
    assert not refused(header_alone(10_000, 10_000)).startswith("too large")


def test_a_missing_file_is_called_so() -> None:
    assert reason_of("/nowhere/a.png") == "no such file or folder"


def test_a_dangling_link_is_a_missing_file(working_directory: Path) -> None:
    os.symlink("nowhere", "link.png")
    assert reason_of("link.png") == "no such file or folder"


def test_a_folder_is_no_image(working_directory: Path) -> None:
    os.mkdir("folder.png")
    assert reason_of("folder.png") == "is a directory"


def test_a_folder_leaves_no_descriptor_open(working_directory: Path) -> None:
    before = os.dup(0)
    os.close(before)
    reason_of(".")
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_a_named_pipe_that_nobody_writes_to_does_not_stop_the_run(working_directory: Path) -> None:
    os.mkfifo("pipe.png")
    assert reason_of("pipe.png").startswith("not a regular file")


@pytest.mark.parametrize("device", [os.devnull, "/dev/zero"])
def test_a_device_is_no_image(device: str) -> None:
    assert reason_of(device).startswith("not a regular file")


def test_a_socket_is_no_image(working_directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        assert reason_of("socket.png").startswith("not a regular file")


def test_a_link_that_leads_to_itself_is_no_image(working_directory: Path) -> None:
    os.symlink("loop.png", "loop.png")
    assert reason_of("loop.png") == "too many levels of symbolic links"


def test_a_file_that_may_not_be_read_is_called_so(
    working_directory: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    Path("secret.png").write_bytes(png())
    os.chmod("secret.png", 0)
    with unprivileged():
        assert reason_of("secret.png") == "no permission to read it"
