"""Any image mode → 8 bits a channel, with the channels a model takes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import Preprocessing
from mlpredict.inputs.pixels import to_channels
from tests.unit.images import array, decoded, file_of, spec

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


@pytest.mark.parametrize(
    ("kind", "image", "expected"),
    [
        pytest.param("PNG", of_one("1", 1), 255, id="PNG of 1 bit"),
        pytest.param("PNG", sixteen_bit(32768), 128, id="PNG of 16 bits"),
        pytest.param("TIFF", sixteen_bit(32768), 128, id="TIFF of 16 bits"),
        pytest.param("TIFF", of_one("F", 0.5), 128, id="TIFF of floats"),
        pytest.param("TIFF", of_one("CMYK", (0, 0, 0, 128)), 127, id="TIFF of CMYK"),
        pytest.param("PNG", palette(transparent=True), 76, id="PNG with a palette"),
        pytest.param("GIF", palette(transparent=False), 76, id="GIF"),
        pytest.param("BMP", of_one("RGB", GREEN), 150, id="BMP"),
        pytest.param("PPM", of_one("L", 100), 100, id="PGM"),
    ],
)
def test_files_of_every_depth_come_out_right(kind: str, image: Image.Image, expected: int) -> None:
    sample = decoded(file_of(image, kind), spec(1))
    assert sample.pixels[..., 0].tolist() == [[expected] * 2] * 2


def test_what_is_transparent_in_a_file_lies_on_the_background() -> None:
    content = file_of(palette(transparent=True), "PNG", transparency=1)
    on_white = decoded(content, spec(3, preprocessing=Preprocessing(background="white")))
    without = decoded(content, spec(3))
    assert tuple(on_white.pixels[0, 0]) == WHITE
    assert tuple(without.pixels[0, 0]) == RED
