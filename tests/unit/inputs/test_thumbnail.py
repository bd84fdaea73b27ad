"""A stored image → a picture for a person to look at, or the reason why there is none."""

from __future__ import annotations

import pytest
from PIL import Image

from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.thumbnail import thumbnail
from tests import hostile
from tests.unit.images import array, file_of, picture

SIZE = (28, 28)


def test_a_small_picture_is_shown_as_it_is() -> None:
    assert (array(thumbnail(file_of(picture(9, 7)), SIZE)) == array(picture(9, 7))).all()


def test_a_large_one_keeps_its_shape() -> None:
    assert thumbnail(file_of(picture(280, 140)), SIZE).size == (28, 14)


def test_it_is_upright_and_on_white() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = thumbnail(file_of(Image.new("RGBA", (9, 7), (255, 0, 0, 0)), exif=exif), SIZE)
    assert shown.size == (7, 9)
    assert shown.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"no image", "not an image", id="text"),
        pytest.param(hostile.png(60_000, 60_000), "too large: 60000×60000 pixels", id="pixels"),
        pytest.param(
            hostile.png(9_900, 9_900, hostile.chunk(b"IDAT", b""), colours=hostile.RGB),
            "too large: 9900×9900 pixels of PNG take",
            id="memory",
        ),
        pytest.param(hostile.small_files()["PNG"][:-30], "truncated", id="truncated"),
        pytest.param(hostile.small_files()["compressed TIFF"][:-90], "truncated|damaged", id="TIFF"),
    ],
)
def test_what_cannot_be_shown_is_told(content: bytes, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unusable, match=reason):
        thumbnail(content, SIZE)
    assert capfd.readouterr() == ("", "")
