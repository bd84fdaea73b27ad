"""Any image mode → 8 bits a channel, with the channels a model takes."""

from __future__ import annotations

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import Preprocessing
from mlpredict.inputs.pixels import to_channels
from tests import hostile
from tests.hostile import chunk
from tests.unit.images import array, decoded, file_of, refused, spec

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GREY_OF = {RED: 76, GREEN: 150, BLUE: 29, WHITE: 255, BLACK: 0}
Pixel = tuple[int, ...]


def of_one(mode: str, value: float | Pixel) -> Image.Image:
    return Image.new(mode, (2, 2), value)


def palette(*, transparent: bool) -> Image.Image:
    """Red by a palette; its place in the palette is transparent, or not."""
    image = Image.new("P", (2, 2), 1)
    image.putpalette([*BLUE, *RED, *GREEN])
    if transparent:
        image.info["transparency"] = 1
    return image


def sixteen_bit(value: int) -> Image.Image:
    return Image.fromarray(np.full((2, 2), value, np.uint16))


# An image, and what becomes of it for 1, 3 and 4 channels when nothing shows through it.
MODES = {
    "1 black": (of_one("1", 0), (0,), BLACK, (*BLACK, 255)),
    "1 white": (of_one("1", 1), (255,), WHITE, (*WHITE, 255)),
    "L": (of_one("L", 100), (100,), (100, 100, 100), (100, 100, 100, 255)),
    "LA opaque": (of_one("LA", (100, 255)), (100,), (100, 100, 100), (100, 100, 100, 255)),
    "LA clear": (of_one("LA", (100, 0)), (100,), (100, 100, 100), (100, 100, 100, 0)),
    "P": (palette(transparent=False), (76,), RED, (*RED, 255)),
    "P with transparency": (palette(transparent=True), (76,), RED, (*RED, 0)),
    "RGB": (of_one("RGB", BLUE), (29,), BLUE, (*BLUE, 255)),
    "RGBA opaque": (of_one("RGBA", (*GREEN, 255)), (150,), GREEN, (*GREEN, 255)),
    "RGBA half": (of_one("RGBA", (*GREEN, 128)), (150,), GREEN, (*GREEN, 128)),
    "CMYK": (of_one("CMYK", (0, 255, 255, 0)), (76,), RED, (*RED, 255)),
    "YCbCr": (of_one("YCbCr", (100, 128, 128)), (100,), (100, 100, 100), (100, 100, 100, 255)),
    "HSV": (of_one("HSV", (0, 255, 255)), (76,), RED, (*RED, 255)),
    "I;16 middle": (sixteen_bit(32768), (128,), (128, 128, 128), (128, 128, 128, 255)),
    "I;16B middle": (
        Image.frombytes("I;16B", (2, 2), b"\x80\0" * 4),
        (128,),
        (128, 128, 128),
        (128, 128, 128, 255),
    ),
    "I;16 dark": (sixteen_bit(100), (0,), BLACK, (*BLACK, 255)),
    "I;16 white": (sixteen_bit(65535), (255,), WHITE, (*WHITE, 255)),
    "I of 8 bits": (of_one("I", 100), (100,), (100, 100, 100), (100, 100, 100, 255)),
    "I of 16 bits": (of_one("I", 32768), (128,), (128, 128, 128), (128, 128, 128, 255)),
    "I of 32 bits": (of_one("I", 1 << 30), (255,), WHITE, (*WHITE, 255)),
    "I negative": (of_one("I", -5), (0,), BLACK, (*BLACK, 255)),
    "F to one": (of_one("F", 0.5), (128,), (128, 128, 128), (128, 128, 128, 255)),
    "F to 255": (of_one("F", 100.0), (100,), (100, 100, 100), (100, 100, 100, 255)),
    "F not a number": (of_one("F", float("nan")), (0,), BLACK, (*BLACK, 255)),
    "F infinite": (of_one("F", float("inf")), (0,), BLACK, (*BLACK, 255)),
}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("image", "grey", "rgb", "rgba"), MODES.values(), ids=MODES.keys())
def test_every_mode_becomes_what_the_model_takes(
    image: Image.Image, grey: Pixel, rgb: Pixel, rgba: Pixel, channels: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted = to_channels(image, channels, None)
    assert converted.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    expected = {1: grey, 3: rgb, 4: rgba}[channels]
    assert tuple(array(converted).reshape(2, 2, channels)[0, 1]) == expected


# A transparent image, and what becomes of it on white and on blue.
TRANSPARENT = {
    "LA clear": (of_one("LA", (100, 0)), WHITE, BLUE),
    "RGBA clear": (of_one("RGBA", (*RED, 0)), WHITE, BLUE),
    "RGBA half": (of_one("RGBA", (*BLACK, 128)), (127, 127, 127), (0, 0, 127)),
    "RGBA opaque": (of_one("RGBA", (*RED, 255)), RED, RED),
    "P with transparency": (palette(transparent=True), WHITE, BLUE),
    "RGB": (of_one("RGB", RED), RED, RED),
}


@pytest.mark.parametrize(("image", "on_white", "on_blue"), TRANSPARENT.values(), ids=TRANSPARENT.keys())
def test_the_background_shows_through_transparency(
    image: Image.Image, on_white: Pixel, on_blue: Pixel
) -> None:
    assert tuple(array(to_channels(image, 3, "white"))[0, 0]) == on_white
    assert tuple(array(to_channels(image, 3, "#0000ff"))[0, 0]) == on_blue


@pytest.mark.parametrize(("background", "grey"), [("white", 255), ("black", 0), ("blue", 29)])
def test_the_background_of_grey_is_grey(background: str, grey: int) -> None:
    clear = of_one("RGBA", (*RED, 0))
    assert array(to_channels(clear, 1, background)).tolist() == [[grey] * 2] * 2


def test_a_model_that_takes_transparency_gets_it_without_background() -> None:
    half = of_one("RGBA", (*RED, 128))
    assert tuple(array(to_channels(half, 4, "white"))[0, 0]) == (*RED, 128)


def test_the_image_itself_is_not_changed() -> None:
    image = of_one("RGBA", (*RED, 128))
    to_channels(image, 1, "white")
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (*RED, 128)


def of_rows(*chunks: bytes, row: bytes, colours: int, depth: int) -> bytes:
    """A PNG of two pixels, one above the other, with these bytes a row; chunks come before them."""
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + row) * 2))
    return hostile.png(1, 2, *chunks, pixels, colours=colours, depth=depth)


def clear(*values: int) -> bytes:
    """The chunk that makes one grey or one colour of a PNG transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


GREY_PNG, RGB_PNG = 0, 2
GREY_100, CLEAR_100 = ((100, 100, 100), (100, 100, 100, 255)), ((100, 100, 100), (100, 100, 100, 0))
MIDDLE = ((128, 128, 128), (128, 128, 128, 255))
# A file; what its pixels become for 3 and for 4 channels; what is seen of it on white.
FILES = {
    "PNG of 1 bit": (file_of(of_one("1", 1)), WHITE, (*WHITE, 255), WHITE),
    "PNG of 1 bit, clear": (of_rows(clear(0), row=b"\0", colours=0, depth=1), BLACK, (*BLACK, 0), WHITE),
    "PNG of 2 bits": (
        of_rows(row=b"\x40", colours=0, depth=2),
        (85, 85, 85),
        (85, 85, 85, 255),
        (85, 85, 85),
    ),
    "PNG of 2 bits, clear": (
        of_rows(clear(1), row=b"\x40", colours=GREY_PNG, depth=2),
        (85, 85, 85),
        (85, 85, 85, 0),
        WHITE,
    ),
    "PNG of 4 bits, clear": (
        of_rows(clear(3), row=b"\x30", colours=GREY_PNG, depth=4),
        (51, 51, 51),
        (51, 51, 51, 0),
        WHITE,
    ),
    "PNG of 8 bits": (file_of(of_one("L", 100)), *GREY_100, (100, 100, 100)),
    "PNG of 8 bits, clear": (of_rows(clear(100), row=b"d", colours=0, depth=8), *CLEAR_100, WHITE),
    "PNG of 8 bits, another clear": (
        of_rows(clear(99), row=b"d", colours=GREY_PNG, depth=8),
        *GREY_100,
        (100, 100, 100),
    ),
    "PNG of 16 bits": (file_of(sixteen_bit(32768)), *MIDDLE, (128, 128, 128)),
    "PNG of 16 bits, clear": (
        of_rows(clear(0x8000), row=b"\x80\0", colours=GREY_PNG, depth=16),
        (128, 128, 128),
        (128, 128, 128, 0),
        WHITE,
    ),
    "PNG of 16 bits, another clear": (
        of_rows(clear(0x8001), row=b"\x80\0", colours=GREY_PNG, depth=16),
        *MIDDLE,
        (128, 128, 128),
    ),
    "PNG of grey and alpha": (file_of(of_one("LA", (100, 0))), *CLEAR_100, WHITE),
    "PNG of RGB": (file_of(of_one("RGB", RED)), RED, (*RED, 255), RED),
    "PNG of RGB, clear": (
        of_rows(clear(255, 0, 0), row=bytes(RED), colours=RGB_PNG, depth=8),
        RED,
        (*RED, 0),
        WHITE,
    ),
    "PNG of RGB of 16 bits": (
        of_rows(row=b"\xff\xff\x12\x34\0\0", colours=RGB_PNG, depth=16),
        (255, 18, 0),
        (255, 18, 0, 255),
        (255, 18, 0),
    ),
    "PNG of RGB of 16 bits, clear": (
        of_rows(clear(0xFFFF, 0x1234, 0), row=b"\xff\xff\x12\x34\0\0", colours=RGB_PNG, depth=16),
        (255, 18, 0),
        (255, 18, 0, 0),
        WHITE,
    ),
    "PNG of RGBA": (file_of(of_one("RGBA", (*BLACK, 128))), BLACK, (*BLACK, 128), (127, 127, 127)),
    "PNG of a palette": (file_of(palette(transparent=False)), RED, (*RED, 255), RED),
    "PNG of a palette, clear": (file_of(palette(transparent=True), transparency=1), RED, (*RED, 0), WHITE),
    "PNG of a palette, half clear": (
        file_of(palette(transparent=False), transparency=b"\xff\x80"),
        RED,
        (*RED, 128),
        (255, 127, 127),
    ),
    "GIF": (file_of(palette(transparent=False), "GIF"), RED, (*RED, 255), RED),
    "GIF, clear": (file_of(palette(transparent=True), "GIF", transparency=1), RED, (*RED, 0), WHITE),
    "WebP": (file_of(of_one("RGB", RED), "WEBP", lossless=True), RED, (*RED, 255), RED),
    "WebP of RGBA": (
        file_of(of_one("RGBA", (*BLACK, 128)), "WEBP", lossless=True),
        BLACK,
        (*BLACK, 128),
        (127, 127, 127),
    ),
    "TIFF of 1 bit": (file_of(of_one("1", 1), "TIFF"), WHITE, (*WHITE, 255), WHITE),
    "TIFF of 16 bits": (file_of(sixteen_bit(32768), "TIFF"), *MIDDLE, (128, 128, 128)),
    "TIFF of floats": (file_of(of_one("F", 0.5), "TIFF"), *MIDDLE, (128, 128, 128)),
    "TIFF of 32 bits": (file_of(of_one("I", 32768), "TIFF"), *MIDDLE, (128, 128, 128)),
    "TIFF of RGBA": (file_of(of_one("RGBA", (*RED, 0)), "TIFF"), RED, (*RED, 0), WHITE),
    "TIFF of CMYK": (file_of(of_one("CMYK", (0, 255, 255, 0)), "TIFF"), RED, (*RED, 255), RED),
    "TIFF of LAB": (
        file_of(of_one("LAB", (255, 128, 128)), "TIFF"),
        (254, 255, 254),
        (254, 255, 254, 255),
        (254, 255, 254),
    ),
    # Adobe's programs write them inverted, and Pillow writes them as Adobe's do.
    "JPEG of CMYK": (file_of(of_one("CMYK", (0, 0, 0, 155)), "JPEG"), *GREY_100, (100, 100, 100)),
    "JPEG of grey": (file_of(of_one("L", 100), "JPEG"), *GREY_100, (100, 100, 100)),
    "BMP": (file_of(of_one("RGB", GREEN), "BMP"), GREEN, (*GREEN, 255), GREEN),
    "PGM": (file_of(of_one("L", 100), "PPM"), *GREY_100, (100, 100, 100)),
    "PGM of 16 bits": (b"P5 1 2 65535\n" + b"\x80\0" * 2, *MIDDLE, (128, 128, 128)),
    "TGA of RGBA": (file_of(of_one("RGBA", (*RED, 0)), "TGA"), RED, (*RED, 0), WHITE),
}


@pytest.mark.parametrize(("content", "rgb", "rgba", "on_white"), FILES.values(), ids=FILES.keys())
def test_files_of_every_kind_come_out_right(content: bytes, rgb: Pixel, rgba: Pixel, on_white: Pixel) -> None:
    white = Preprocessing(background="white")
    assert tuple(decoded(content, spec(3)).pixels[-1, 0]) == rgb
    assert tuple(decoded(content, spec(4)).pixels[-1, 0]) == rgba
    assert tuple(decoded(content, spec(3, preprocessing=white)).pixels[-1, 0]) == on_white


@pytest.mark.parametrize(
    "key",
    ["transparency", "progressive", "exif", "Raw profile type exif", "XML:com.adobe.xmp", "gamma", "dpi"],
)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("colours", "row"), [(0, b"d"), (2, b"ddd"), (3, b"\0")])
def test_a_text_is_not_taken_for_what_it_is_called(key: str, before: bool, colours: int, row: bytes) -> None:
    text = chunk(b"tEXt", key.encode() + b"\0of a person")
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + row) * 2))
    chunks = [chunk(b"PLTE", b"ddd")] + ([text, pixels] if before else [pixels, text])
    content = hostile.png(1, 2, *chunks[colours != 3 :], colours=colours)
    for channels in (1, 3, 4):
        wanted = spec(channels, preprocessing=Preprocessing(background="white"))
        expected = [100, 100, 100, 255] if channels == 4 else [100] * channels
        assert decoded(content, wanted).pixels[0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("content", "levels"),
    [
        pytest.param(file_of(sixteen_bit(4095)), 255, id="the white itself"),
        pytest.param(file_of(sixteen_bit(2048)), 128, id="half"),
        pytest.param(file_of(sixteen_bit(5000)), 255, id="brighter than white"),
        pytest.param(file_of(sixteen_bit(2048), "TIFF"), 128, id="TIFF"),
        pytest.param(file_of(of_one("I", 2048), "TIFF"), 128, id="TIFF of 32 bits"),
        pytest.param(file_of(of_one("L", 100)), 100, id="8 bits"),
        pytest.param(file_of(of_one("RGB", (100, 100, 100))), 100, id="8 bits in colour"),
        pytest.param(b"P5 1 2 4095\n" + b"\x08\x00" * 2, 128, id="PGM that says so itself"),
        pytest.param(b"P5 1 2 65535\n" + b"\x08\x00" * 2, 128, id="PGM that says otherwise"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_white_that_is_stated_is_the_brightest_level(content: bytes, levels: int, channels: int) -> None:
    wanted = spec(channels, preprocessing=Preprocessing(white=4095.0))
    assert decoded(content, wanted).pixels.flat[0] == levels


def test_a_white_holds_for_floats_too() -> None:
    wanted = spec(1, preprocessing=Preprocessing(white=2.0))
    assert decoded(file_of(of_one("F", 0.5), "TIFF"), wanted).pixels.flat[0] == 64


def test_a_white_that_cannot_hold_is_no_reason_to_guess() -> None:
    deep = of_rows(row=b"\x0f\xff" * 3, colours=RGB_PNG, depth=16)
    assert refused(deep, spec(3, preprocessing=Preprocessing(white=4095.0))) == (
        "16 bits a channel in colour, of which only the upper 8 are read: not with white = 4095"
    )
    assert decoded(deep, spec(3)).pixels.flat[0] == 15
