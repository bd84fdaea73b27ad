"""TIFF of every depth, sample format, layout and byte order: what they show, or why they show nothing."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from mlpredict.domain import Preprocessing
from tests.unit.images import decoded, refused, spec

HEIGHT, WIDTH = 17, 23
GREY = np.linspace(0.0, 1.0, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
DEPTHS = ["uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
PHOTOMETRIC, COLOUR_MAP = 262, 320
"""The numbers of tags (TIFF 6.0)."""

PACKED = [None, "zlib", "lzw"]


def tiff(values: NDArray[Any], **options: Any) -> bytes:
    """The bytes of a TIFF file."""
    target = io.BytesIO()
    tifffile.imwrite(target, values, **options)
    return target.getvalue()


def samples(picture: NDArray[np.float64], depth: str, bits: int | None = None) -> NDArray[Any]:
    """A picture of 0..1 in so many bits, or as floating-point numbers."""
    dtype = np.dtype(depth)
    if dtype.kind == "f":
        return picture.astype(dtype)
    largest = 2.0**bits - 1 if bits else float(np.iinfo(dtype).max)
    # 64 bits are more than a floating-point number has.
    most = np.nextafter(largest, 0.0) if largest >= 2.0**53 else largest
    return np.minimum(np.rint(picture * largest), most).astype(dtype)


def shown(content: bytes, channels: int = 3, **preprocessing: Any) -> NDArray[np.int64]:
    """What a model is given."""
    pixels = decoded(content, spec(channels, preprocessing=Preprocessing(**preprocessing))).pixels
    return pixels.astype(np.int64)


def assert_shows(content: bytes, picture: NDArray[np.float64]) -> None:
    """The file shows the picture, give or take one level of 255."""
    expected = picture[..., np.newaxis] if picture.ndim == 2 else picture
    assert np.abs(shown(content) - np.rint(expected * 255)).max() <= 1


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("packed", PACKED)
def test_grey_and_colours_of_every_depth(depth: str, byteorder: Any, packed: str | None) -> None:
    options: dict[str, Any] = {"byteorder": byteorder, "compression": packed}
    grey, colour = samples(GREY, depth), samples(COLOUR, depth)
    assert_shows(tiff(grey, photometric="minisblack", **options), GREY)
    assert_shows(tiff(grey, photometric="miniswhite", **options), 1 - GREY)
    assert_shows(tiff(colour, photometric="rgb", **options), COLOUR)
    planes = np.ascontiguousarray(np.moveaxis(colour, -1, 0))
    assert_shows(tiff(planes, photometric="rgb", planarconfig="separate", **options), COLOUR)


@pytest.mark.parametrize("depth", DEPTHS)
def test_tiles_and_bands_beside_the_colours(depth: str) -> None:
    colour = samples(COLOUR, depth)
    assert_shows(tiff(colour, photometric="rgb", tile=(16, 16)), COLOUR)
    more = np.concatenate([colour, colour[..., :2]], -1)
    unspecified = ["unspecified", "unspecified"]
    assert_shows(tiff(more, photometric="rgb", extrasamples=unspecified), COLOUR)


def packed_tiff(values: NDArray[Any], bits: int, photometric: int, order: str) -> bytes:
    """A TIFF whose samples have any number of bits, each row of them filled up to whole bytes (TIFF 6.0)."""
    height, width, samples_each = values.shape
    rows = ["".join(f"{value:0{bits}b}" for value in row.ravel()) for row in values]
    length = -(-width * samples_each * bits // 8)
    pixels = b"".join(int(row.ljust(8 * length, "0"), 2).to_bytes(length) for row in rows)
    short, long = 3, 4
    entries = [(256, long, width), (257, long, height), (258, short, bits), (259, short, 1)]
    entries += [(262, short, photometric), (273, long, 8), (277, short, samples_each), (278, long, height)]
    entries += [(279, long, len(pixels))]
    start = 8 + len(pixels) + len(pixels) % 2
    several = start + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        if tag == 258 and samples_each > 2:
            directory += struct.pack(f"{order}HHII", tag, kind, samples_each, several)
        else:
            packed = struct.pack(
                f"{order}HH" if kind == short else f"{order}I", value, *([0] * (kind == short))
            )
            directory += struct.pack(f"{order}HHI", tag, kind, 1) + packed
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    tail = directory + bytes(4) + struct.pack(f"{order}{samples_each}H", *[bits] * samples_each)
    return header + pixels.ljust(start - 8, b"\0") + tail


@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_depths_between_whole_bytes(bits: int, byteorder: str) -> None:
    levels = np.rint(GREY[..., np.newaxis] * (2**bits - 1))
    assert_shows(packed_tiff(levels.astype(int), bits, 1, byteorder), levels / (2**bits - 1))
    assert_shows(packed_tiff(levels.astype(int), bits, 0, byteorder), 1 - levels / (2**bits - 1))
    colours = np.rint(COLOUR * (2**bits - 1))
    assert_shows(packed_tiff(colours.astype(int), bits, 2, byteorder), colours / (2**bits - 1))


@pytest.mark.parametrize("depth", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_transparency_is_kept_and_not_taken_for_a_colour(depth: str, layout: Any) -> None:
    alpha = np.where(GREY > 0.5, 1.0, 0.0)
    values = samples(np.concatenate([COLOUR, alpha[..., np.newaxis]], -1), depth)
    if layout == "separate":
        values = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    content = tiff(values, photometric="rgb", planarconfig=layout, extrasamples=["unassalpha"])
    assert np.abs(shown(content) - np.rint(COLOUR * 255)).max() <= 1
    laid = np.where(alpha[..., np.newaxis] > 0, np.rint(COLOUR * 255), 255)
    assert np.abs(shown(content, background="white") - laid).max() <= 1


@pytest.mark.parametrize("most", [255, 65535])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_colour_map_written_with_eight_bits_is_read_as_such(most: int, byteorder: Any) -> None:
    levels = np.linspace(0, most, 256)
    table = np.stack([levels, levels[::-1], levels]).astype(np.uint16)
    content = tiff(samples(GREY, "uint8"), photometric="palette", colormap=table, byteorder=byteorder)
    assert_shows(content, np.stack([GREY, 1 - GREY, GREY], -1))


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_one_bit_a_pixel(photometric: Any) -> None:
    bits = GREY > 0.5
    content = tiff(bits, photometric=photometric)
    assert_shows(content, (bits != (photometric == "miniswhite")).astype(float))


def test_a_palette_of_one_bit() -> None:
    bits = GREY > 0.5
    # tifffile writes no such palette: the grey of one becomes a number in a colour map by hand.
    levels = (0, 65535, 0, 65535, 0, 65535)
    grey = tiff(bits, photometric="minisblack", extratags=[(COLOUR_MAP, 3, 6, levels, True)])
    interpretation = struct.pack("<HHI", PHOTOMETRIC, 3, 1)
    content = grey.replace(interpretation + struct.pack("<I", 1), interpretation + struct.pack("<I", 3))
    assert content != grey
    assert_shows(content, bits.astype(float))


def test_a_directory_that_is_followed_by_itself_has_an_end() -> None:
    content = bytearray(tiff(samples(GREY, "float64"), photometric="minisblack"))
    start = int.from_bytes(content[4:8], "little")
    end = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    content[end : end + 4] = start.to_bytes(4, "little")
    assert_shows(bytes(content), GREY)
    assert decoded(bytes(content)).notices == ()


def test_inks_of_sixteen_bits_are_those_of_eight() -> None:
    inks = np.concatenate([COLOUR, np.zeros_like(GREY)[..., np.newaxis]], -1)
    eight = shown(tiff(samples(inks, "uint8"), photometric="separated"))
    sixteen = shown(tiff(samples(inks, "uint16"), photometric="separated"))
    assert np.abs(eight - sixteen).max() <= 1


def test_signed_samples_are_told() -> None:
    signed = (samples(GREY, "uint16").astype(np.int32) - 32768).astype(np.int16)
    content = tiff(signed, photometric="minisblack")
    assert_shows(content, GREY)
    (notice,) = decoded(content).notices
    assert notice == "signed values from -32,768 to 32,767: -32,768 is taken as black, 32,767 as white"


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (12, 4095)])
def test_few_bits_in_sixteen_are_taken_for_what_they_are_and_told(bits: int, most: int) -> None:
    for values in (samples(GREY, "uint16", bits), samples(COLOUR, "uint16", bits)):
        photometric: Any = "minisblack" if values.ndim == 2 else "rgb"
        content = tiff(values, photometric=photometric)
        assert_shows(content, GREY if values.ndim == 2 else COLOUR)
        (notice,) = decoded(content).notices
        assert notice.startswith(f"its brightest pixel is {most:,} of 65,535, so it is taken as {bits} bits")
        stated = shown(content, white=65535.0)
        assert stated.max() <= most // 257 + 1


def test_full_sixteen_bits_and_black_are_not_talked_about() -> None:
    assert decoded(tiff(samples(GREY, "uint16"), photometric="minisblack")).notices == ()
    assert decoded(tiff(np.zeros((4, 4), np.uint16), photometric="minisblack")).notices == ()


def test_three_bands_without_a_word_are_told() -> None:
    content = tiff(samples(COLOUR, "float32"), photometric="minisblack", planarconfig="contig")
    assert_shows(content, COLOUR)
    assert "taken as red, green and blue" in decoded(content).notices[0]


@pytest.mark.parametrize(
    ("values", "options", "reason"),
    [
        pytest.param(
            samples(np.repeat(GREY[..., np.newaxis], 5, -1), "uint16"),
            {"photometric": "minisblack", "planarconfig": "contig"},
            "a picture of 5 bands (multispectral) that does not say which are red, green and blue",
            id="five bands",
        ),
        pytest.param(
            samples(GREY, "uint16"), {"photometric": "cfa"}, "a camera RAW file; convert it", id="RAW"
        ),
        pytest.param(
            samples(COLOUR, "uint16"),
            {"photometric": "cielab"},
            "a kind of TIFF file that cannot be decoded (CIELAB of 16 bits)",
            id="CIELAB",
        ),
        pytest.param(
            np.zeros((4, 4), np.complex64),
            {"photometric": "minisblack"},
            "a kind of TIFF file that is no picture (complex 64 bits samples)",
            id="complex",
        ),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(
    values: NDArray[Any], options: dict[str, Any], reason: str
) -> None:
    assert refused(tiff(values, **options)).startswith(reason)


@pytest.mark.parametrize("depth", ["uint16", "float64"])
def test_half_a_file_is_truncated(depth: str) -> None:
    content = tiff(samples(COLOUR, depth), photometric="rgb")
    assert refused(content[: len(content) // 2]) == "truncated"


def test_reduced_pictures_and_masks_are_no_pages() -> None:
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as writer:
        writer.write(samples(GREY[::2, ::2], "uint8"), subfiletype=1)
        writer.write(samples(GREY, "uint8"), photometric="minisblack")
        writer.write(samples(1 - GREY, "float64"), photometric="minisblack")
    assert decoded(target.getvalue()).notices == ("2 pages, the first is used",)
    assert_shows(target.getvalue(), GREY)


def test_a_turned_page_is_brought_upright() -> None:
    turned = np.ascontiguousarray(np.rot90(samples(GREY, "float64")))
    content = tiff(turned, photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    assert_shows(content, np.rot90(turned, -1))


def test_a_file_of_many_pixels_is_refused_before_it_is_decoded() -> None:
    content = bytearray(tiff(np.zeros((8, 8), np.float64), photometric="minisblack"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        for name in ("ImageWidth", "ImageLength"):
            at = page.tags[name].valueoffset
            content[at : at + 4] = (50_000).to_bytes(4, "little")
    assert refused(bytes(content)).startswith("too large: 50000×50000 pixels")
