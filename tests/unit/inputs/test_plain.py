"""Plain files without Pillow's parsers: the same pixels, refusals and words as with them, damaged or not."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import Decode, ImageSpec, Preprocessing, Source
from mlpredict.inputs import opening
from mlpredict.inputs.image import Decoded, decode_source
from mlpredict.inputs.kinds import begun_as
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.plain import MOST_BYTES, plain_image
from tests import hostile
from tests.unit.images import file_of, picture, png, refused, spec

DATA = Path(os.environ.get("MLPREDICT_TEST_DATA") or Path(__file__).parents[3] / "../shared/data")
MODELS = (spec(1, 28, 28), spec(3), spec(4, 16, 16, Preprocessing(background=None)))
GENERATED = 1_500
MANY = 10_000
SEED = 21
MODES = ("L", "LA", "RGB", "RGBA", "P", "1")
UNSEEN = (
    hostile.chunk(b"gAMA", struct.pack(">I", 45455)),
    hostile.chunk(b"sRGB", b"\0"),
    hostile.chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
    hostile.chunk(b"tIME", bytes(7)),
    hostile.chunk(b"cHRM", bytes(32)),
)
SEEN = (
    hostile.chunk(b"tRNS", bytes(6)),
    hostile.chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    hostile.chunk(b"tEXt", b"transparency\0no"),
    hostile.chunk(b"sBIT", bytes(3)),
    hostile.chunk(b"gAMA", b"\0\0"),
    hostile.chunk(b"acTL", struct.pack(">II", 1, 0)),
    hostile.chunk(b"cICP", bytes(4)),
)
AFTER_HEADER = 33


def with_chunks(content: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    return content[:AFTER_HEADER] + b"".join(chunks) + content[AFTER_HEADER:]


def in_pieces(content: bytes, piece: int) -> bytes:
    """A PNG with its data in chunks of so many bytes, an empty one behind them."""
    start = content.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", content, start)
    data, rest = content[start + 8 : start + 8 + length], content[start + 12 + length :]
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return content[:start] + b"".join(hostile.chunk(b"IDAT", one) for one in [*pieces, b""]) + rest


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The file with something wrong in it, anywhere."""
    at = int(random.integers(len(content)))
    match int(random.integers(4)):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + content[at + 1 + int(random.integers(8)) :]
        case 2:
            return content[:at] + random.bytes(1 + int(random.integers(8))) + content[at:]
        case _:
            return content[:at] + random.bytes(1) + content[at + 1 :]


def generated(count: int) -> Iterator[bytes]:
    """PNG and JPEG files of all plain kinds, some that are not plain, and every third damaged."""
    random = np.random.default_rng(SEED)
    for number in range(count):
        width, height = (int(side) for side in random.integers(1, 40, 2))
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        if random.random() < 0.5:
            pixels = np.cumsum(pixels // 32, axis=1, dtype=np.uint8)
        image = Image.fromarray(pixels)
        if number % 2:
            content = jpeg_of(image, random)
        else:
            image = image.convert(MODES[int(random.integers(len(MODES)))])
            content = file_of(image, compress_level=int(random.integers(10)))
            if random.random() < 0.3:
                content = in_pieces(content, int(random.integers(1, 200)))
            for chunk in (*UNSEEN, *SEEN):
                if random.random() < 0.05:
                    content = with_chunks(content, chunk)
        yield damaged(content, random) if number % 3 == 0 else content


def jpeg_of(image: Image.Image, random: np.random.Generator) -> bytes:
    """A JPEG file, baseline or progressive, with anything that libjpeg writes."""
    options: dict[str, object] = {
        "quality": int(random.integers(1, 101)),
        "subsampling": int(random.integers(3)),
        "progressive": random.random() < 0.1,
        "optimize": random.random() < 0.3,
        "restart_marker_rows": int(random.integers(3)),
    }
    if random.random() < 0.1:
        options["comment"] = b"a comment"
    if random.random() < 0.1:
        options["exif"] = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    mode = ("L", "RGB", "RGB", "CMYK")[int(random.integers(4))]
    return file_of(image.convert(mode), "JPEG", **options)


def by_pillow(content: bytes, wanted: ImageSpec, patch: pytest.MonkeyPatch) -> Decoded | str:
    """What Pillow makes of a file alone."""
    with patch.context() as alone:
        alone.setattr(opening, "plain_image", lambda *_arguments: None)
        return decode_source(Source("", content), wanted)


@pytest.mark.parametrize("count", [GENERATED, pytest.param(MANY, marks=pytest.mark.slow)])
def test_thousands_of_files_come_out_as_by_pillow_alone(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = refused_ones = 0
    for number, content in enumerate(generated(count)):
        wanted = MODELS[number % len(MODELS)]
        expected = by_pillow(content, wanted, monkeypatch)
        assert decode_source(Source("", content), wanted) == expected, number
        plain += plain_image(content, begun_as(content)) is not None
        refused_ones += isinstance(expected, str)
    # Else nothing would have been compared.
    assert plain > count // 3
    assert refused_ones > count // 10


@pytest.mark.parametrize("folder", ["odd", "field", "handwriting"])
def test_odd_files_come_out_as_by_pillow_alone(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"no {folder} in {DATA}")
    for path in sorted(path for path in (DATA / folder).rglob("*") if path.is_file()):
        content = path.read_bytes()
        if begun_as(content) in ("PNG", "JPEG") and len(content) <= MOST_BYTES:
            for wanted in MODELS:
                expected = by_pillow(content, wanted, monkeypatch)
                assert decode_source(Source("", content), wanted) == expected, path


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_as_programs_write_it_is_plain(mode: str) -> None:
    content = png(mode=mode)
    found = plain_image(in_pieces(with_chunks(content, *UNSEEN), 7), "PNG")
    assert found is not None
    with Image.open(io.BytesIO(content)) as image:
        assert (found.mode, found.size, found.tobytes()) == (image.mode, image.size, image.tobytes())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_as_programs_write_it_is_plain(mode: str) -> None:
    assert plain_image(file_of(picture(20, 30, mode), "JPEG"), "JPEG") is not None


@pytest.mark.parametrize("chunk", SEEN)
def test_a_chunk_that_may_be_seen_is_left_to_pillow(chunk: bytes) -> None:
    assert plain_image(with_chunks(png(), chunk), "PNG") is None


def test_what_takes_memory_is_left_to_pillow() -> None:
    assert plain_image(hostile.black_png(2000, 2000), "PNG") is None
    assert plain_image(png(50, 21), "PNG", max_pixels=1000) is None
    assert plain_image(file_of(picture(50, 21), "JPEG"), "JPEG", max_pixels=1000) is None
    assert plain_image(png().ljust(MOST_BYTES + 1), "PNG") is None


def test_the_limits_say_what_they_said() -> None:
    limits = Limits(max_pixels=1000)
    assert decode_source(Source("", png(50, 21)), spec(1, 28, 28), limits) == (
        "too large: 50×21 pixels, limit 1,000 pixels"
    )
    assert refused(png(40, 40)[:-60]) == refused(file_of(picture(20, 20), "JPEG")[:24]) == "truncated"


def test_a_photo_that_may_be_reduced_is_reduced() -> None:
    content = file_of(Image.new("RGB", (800, 800), "red").rotate(30), "JPEG")
    assert len(content) <= MOST_BYTES
    full, reduced = (
        decode_source(Source("", content), spec(3, 28, 28, Preprocessing(decode=decode)))
        for decode in (Decode.FULL, Decode.REDUCED)
    )
    assert isinstance(full, Decoded)
    assert isinstance(reduced, Decoded)
    assert full.pixels != reduced.pixels
