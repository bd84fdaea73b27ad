"""Large images, which are converted in bands: not a pixel may tell."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import OTSU, Fit, ImageSpec, Preprocessing, Resize
from mlpredict.inputs import bands
from mlpredict.inputs.limits import Limits
from tests.unit.images import decoded, file_of, spec
from tests.unit.inputs.test_image import ORIENTATION_TAG

MODES = {"L": "PNG", "RGB": "PNG", "RGBA": "PNG", "P": "PNG", "CMYK": "TIFF", "I;16": "PNG", "I": "TIFF"}
MODES |= {"F": "TIFF", "LA": "PNG", "1": "PNG"}


def wide_picture(mode: str) -> Image.Image:
    """A picture of 100×90 pixels whose brightest one is at its end."""
    ramp = np.linspace(0, 60_000, 9000).reshape(90, 100)
    match mode:
        case "I;16":
            return Image.fromarray(ramp.astype(np.uint16))
        case "I" | "F":
            return Image.fromarray(ramp.astype(np.int32 if mode == "I" else np.float32))
    picture = Image.fromarray((ramp // 256).astype(np.uint8) ^ np.arange(100, dtype=np.uint8))
    if mode in ("LA", "RGBA"):
        picture = picture.convert(mode)
        picture.putalpha(picture.getchannel(0).rotate(180))
    return picture.convert(mode)


def both_ways(content: bytes, wanted: ImageSpec, patch: pytest.MonkeyPatch) -> None:
    whole = decoded(content, wanted).pixels
    patch.setattr(bands, "LARGE_PIXELS", 0)
    patch.setattr(bands, "BAND_PIXELS", 700)
    in_bands = decoded(content, wanted).pixels
    assert in_bands.dtype == whole.dtype
    np.testing.assert_array_equal(in_bands, whole)


@pytest.mark.parametrize(("mode", "kind"), MODES.items())
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_mode_is_the_same_in_bands(
    mode: str, kind: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(channels, 7, 5, Preprocessing(background="blue"))
    both_ways(file_of(wide_picture(mode), kind), wanted, monkeypatch)


@pytest.mark.parametrize("resize", Resize)
@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_filter_and_fit_is_the_same_in_bands(
    resize: Resize, fit: Fit, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(len(mode), 31, 19, Preprocessing(resize=resize, fit=fit))
    both_ways(file_of(wide_picture(mode)), wanted, monkeypatch)


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(resize=Resize.BILINEAR, antialias=False),
        Preprocessing(resize=Resize.BICUBIC, antialias=False, fit=Fit.CROP),
        Preprocessing(threshold=OTSU),
        Preprocessing(threshold=OTSU, central_crop=0.5, resize=Resize.OPENCV_AREA),
        Preprocessing(invert=True, background="white", fit=Fit.PAD),
        Preprocessing(white=4095.0),
        Preprocessing(central_crop=0.7, fit=Fit.CROP),
        Preprocessing(fit=Fit.CROP, resize_to=25),
        Preprocessing(fit=Fit.CROP, resize_to=200),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_every_word_is_the_same_in_bands(
    preprocessing: Preprocessing, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_ways(file_of(wide_picture(mode)), spec(1, 23, 17, preprocessing), monkeypatch)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("resize", [Resize.BICUBIC, Resize.OPENCV_LINEAR])
def test_every_turned_image_is_the_same_in_bands(
    orientation: int, resize: Resize, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    content = file_of(wide_picture("RGB"), exif=exif)
    wanted = spec(3, 23, 17, Preprocessing(resize=resize, fit=Fit.CROP))
    both_ways(content, wanted, monkeypatch)


def test_a_model_of_any_size_gets_a_large_image_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    both_ways(file_of(wide_picture("RGB")), spec(3), monkeypatch)


def test_a_large_image_takes_no_room_for_another() -> None:
    # With every pixel in colour it would be 128 MB, and Pillow alone would not be let have them.
    content = file_of(Image.new("P", (8000, 4001), 3))
    item = decoded(content, spec(3, 28, 28))
    assert item.pixels.shape == (28, 28, 3)
    assert Limits().memory < 8000 * 4001 * 4 * 3
