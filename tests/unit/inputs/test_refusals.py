"""What a decoder raises → words a person understands."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from mlpredict.domain import Rejected, Sample, Source
from mlpredict.errors import UsageError
from mlpredict.inputs.decoder_pool import Decoders
from mlpredict.inputs.image_file import open_image
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.refusals import reason
from mlpredict.support.units import in_bytes, in_pixels, parse_size
from tests import hostile
from tests.unit.images import decode, refused, spec

SMALL_FILES = hostile.small_files()
PNG = SMALL_FILES["PNG"]
FEW_PIXELS = Limits(max_pixels=1_000_000)
MODEL = spec(3, 5, 5)
IN_PYTHON = ("object", "None", "unpack", "buffer", "b'", "argument", "Error", "codec", "0x", "index")
CANNOT = "damaged: its PNG data cannot be decoded"
NO_LONGER = "damaged: it begins as PNG and does not go on as such"
KIND = "a kind of PNG file that cannot be decoded"
TOO_MUCH = "too large: decoding it takes more than 320 MB of memory"


# How Pillow, Python and the libraries put it, and how it is told.
ERRORS: list[tuple[Exception, str]] = [
    (UnidentifiedImageError("cannot identify image file"), NO_LONGER),
    (OSError("image file is truncated (3 bytes not processed)"), "truncated"),
    (OSError("Truncated File Read"), "truncated"),
    (EOFError(), "truncated"),
    (struct.error("unpack requires a buffer of 4 bytes"), "truncated"),
    (ValueError("not enough image data"), "truncated"),
    (OSError("broken data stream when reading image file"), CANNOT),
    (OSError("decoder error -2"), CANNOT),
    (SyntaxError("broken PNG file (chunk b'\\x00\\x01')"), CANNOT),
    (SyntaxError("not a PNG file"), CANNOT),
    (TypeError("'NoneType' object is not subscriptable"), CANNOT),
    (IndexError("list index out of range"), CANNOT),
    (KeyError("mode"), CANNOT),
    (ValueError("invalid literal for int() with base 10: b'x'"), CANNOT),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), CANNOT),
    (zlib.error("Error -3 while decompressing data"), CANNOT),
    (ZeroDivisionError("division by zero"), CANNOT),
    (OverflowError("Python int too large to convert to C int"), CANNOT),
    (RecursionError("maximum recursion depth exceeded"), CANNOT),
    (AssertionError(), CANNOT),
    (RuntimeError("Decoding of color planes failed"), CANNOT),
    (NotImplementedError(), KIND),
    (NotImplementedError("unknown pixel mode"), f"{KIND} (its kind of pixels)"),
    (OSError("Unsupported BMP compression (17)"), f"{KIND} (its compression)"),
    (MemoryError(), TOO_MUCH),
    (OSError("out of memory when reading image file"), TOO_MUCH),
    (
        Image.DecompressionBombError("Image size (400000000 pixels) exceeds limit of 2 pixels"),
        "too large: 400 megapixels, limit 100 megapixels",
    ),
    (OSError("two lines\nof words"), CANNOT),
    (ValueError("negative seek value -8"), CANNOT),
    (ValueError("conversion from La to L not supported"), KIND),
    (ValueError("unknown raw mode for given image mode"), f"{KIND} (its kind of pixels)"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS, ids=repr)
def test_every_kind_of_error_has_its_words(error: Exception, words: str) -> None:
    assert reason(error, PNG, None, Limits()) == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            PNG.replace(b"\r\n", b"\n"),
            "damaged: it begins almost as PNG, as if it had been sent as text",
            id="PNG sent as text",
        ),
        pytest.param(PNG[:20], "truncated", id="short PNG"),
        pytest.param(PNG[:8] + PNG[9:], NO_LONGER, id="PNG of which a byte is missing"),
        pytest.param(
            b"RIFF\x10\0\0\0WEBPjunkjunk", "damaged: it begins as WebP and does not go on as such", id="WebP"
        ),
        pytest.param(
            b"\0\0\0\x18ftypheic" + bytes(80),
            "damaged: its HEIC data cannot be decoded",
            id="HEIC",
        ),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image", id="SVG"),
        pytest.param(bytes(range(256)), "not an image, or of an unknown format", id="bytes"),
    ],
)
def test_what_is_not_known_is_named_after_how_it_begins(content: bytes, words: str) -> None:
    assert refused(content) == words


def test_a_format_that_no_error_tells_is_known_by_the_first_bytes() -> None:
    assert (
        reason(TypeError(), b"nothing known", None, Limits()) == "damaged: its image data cannot be decoded"
    )
    assert reason(TypeError(), b"BM", None, Limits()) == "damaged: its BMP data cannot be decoded"
    assert reason(TypeError(), b"BM", "DIB", Limits()) == "damaged: its DIB data cannot be decoded"


def test_what_holds_no_picture_is_told_what_it_is() -> None:
    assert refused(b"\x89HDF\r\n\x1a\n" + bytes(99)) == "a file of HDF5, which holds no picture"
    assert refused(b"GRIB" + bytes(3) + b"\x01" + bytes(99)) == "a file of GRIB, which holds no picture"


def test_an_enhanced_metafile_is_called_by_its_name() -> None:
    header = b"\x01\0\0\0" + struct.pack("<I8i", 88, 0, 0, 9, 9, 0, 0, 900, 900) + b" EMF" + bytes(88)
    assert refused(header) == "EMF files hold drawings, not pixels"


def check(item: Sample | Rejected) -> None:
    """A sample of the right shape, or a reason in one line of plain words."""
    if isinstance(item, Sample):
        assert item.pixels.shape == (5, 5, 3)
    else:
        assert item.reason.isprintable()
        assert 4 < len(item.reason) < 150
        assert not any(word in item.reason for word in IN_PYTHON), item.reason


# What reaches libtiff is decoded apart in earnest: it prints to the terminal.
@pytest.mark.parametrize(
    "name", [name for name in SMALL_FILES if name not in ("ICNS", "TIFF", "compressed TIFF")]
)
def test_a_damaged_file_of_every_format_gives_pixels_or_a_reason(name: str) -> None:
    content = SMALL_FILES[name]
    assert isinstance(decode(0, Source("-", content), MODEL), Sample)
    for damaged in (*hostile.truncations(content), *hostile.flips(content, 100, seed=len(content))):
        check(decode(0, Source("-", damaged), MODEL, FEW_PIXELS))


@pytest.mark.parametrize("name", ["TIFF", "compressed TIFF"])
def test_nothing_that_a_decoder_says_reaches_the_terminal(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content = SMALL_FILES[name]
    with Decoders(1) as decoders:
        for damaged in (*hostile.truncations(content, 50), *hostile.flips(content, 100, seed=1)):
            check(decoders.decode_one(0, Source("-", damaged), MODEL, FEW_PIXELS))
    assert capfd.readouterr() == ("", "")


SIGNATURES = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"qoif",
    b"P6 ",
    b"RIFF    WEBPVP8 ",
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_any_bytes_give_pixels_or_a_reason(signature: bytes, rest: bytes) -> None:
    if signature + rest:
        check(decode(0, Source("-", signature + rest), MODEL, FEW_PIXELS))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "progressive JPEG", "GIF", "BMP", "WebP", "PPM"]), st.data())
def test_any_piece_put_anywhere_gives_pixels_or_a_reason(name: str, data: st.DataObject) -> None:
    content = SMALL_FILES[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    piece = data.draw(st.binary(min_size=1, max_size=20))
    check(decode(0, Source("-", content[:start] + piece + content[end:]), MODEL, FEW_PIXELS))


def test_drawings_are_not_run() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(Exception, match="EPS files hold drawings"):
        open_image(eps)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("1", 1),
        (" 7 ", 7),
        ("100000000", 10**8),
        ("1,000,000", 10**6),
        ("100M", 10**8),
        ("100 mb", 10**8),
        ("0.1G", 10**8),
        ("1.5k", 1500),
        ("12MP", 12_000_000),
        ("640px", 640),
    ],
)
def test_sizes_are_read_as_they_are_written(given: str, size: int) -> None:
    assert parse_size(given, "--max-bytes") == size


@pytest.mark.parametrize(
    "given",
    [
        "",
        "0",
        "0.0001",
        "-1",
        "1e9",
        "inf",
        "nan",
        "M",
        "100Q",
        "10MiB",
        "0x10",
        "1.",
        ".5",
        "٣",
        "1M1",
        "9999999G",
    ],
)
def test_what_is_no_size_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"--max-bytes: .* is no size"):
        parse_size(given, "--max-bytes")


@given(st.integers(1, 10**12))
def test_a_size_can_be_given_as_it_is_told(size: int) -> None:
    assert abs(parse_size(in_bytes(size).replace(" bytes", ""), "") - size) <= max(0, size // 19)
    assert in_pixels(100_000_000) == "100 megapixels"
