"""Image files → the pixels a model takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import OTSU, Fit, ImageSpec, Preprocessing, Resize, Sample, Source
from mlpredict.inputs import view
from tests.unit.images import array, decode, decoded, file_of, picture, png, spec

Transpose = Image.Transpose
# What undoes each EXIF orientation, so that every file below shows the same picture.
ORIENTATIONS = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
ORIENTATION_TAG = 0x0112
WHITE = [255, 255, 255]
NEAREST_FILTERS = {Resize.NEAREST, Resize.OPENCV_NEAREST}
# Where an image is enlarged the others are the same as one of these, or nearly.
FILTERS = [*list(Resize)[:4], Resize.OPENCV_NEAREST, Resize.OPENCV_CUBIC]
NEAREST = spec(3, 2, 2, Preprocessing(resize=Resize.NEAREST))


def columns(*levels: int) -> bytes:
    """A PNG two pixels high whose columns have these levels of grey."""
    return file_of(Image.fromarray(np.array([levels, levels], np.uint8)))


def fitted(
    content: bytes, fit: Fit, height: int, width: int, background: str | None = None
) -> list[list[int]]:
    preprocessing = Preprocessing(resize=Resize.NEAREST, fit=fit, background=background)
    rows: list[list[int]] = decoded(content, spec(1, height, width, preprocessing)).pixels[..., 0].tolist()
    return rows


def test_a_sample_tells_everything_of_its_file(tmp_path: Path) -> None:
    content = png(5, 4)
    (tmp_path / "a.png").write_bytes(content)
    source = Source(str(tmp_path / "a.png"))
    sample = decode(3, source, spec(3))
    assert isinstance(sample, Sample)
    assert (sample.position, sample.source, sample.content) == (3, source, content)
    assert (sample.contenttype, sample.width, sample.height) == ("image/png", 5, 4)
    assert sample.sha256 == hashlib.sha256(content).digest()
    np.testing.assert_array_equal(sample.pixels, array(picture(5, 4)))


def test_bytes_that_were_read_already_are_used() -> None:
    assert decoded(png(), name="-").content == png()


@pytest.mark.parametrize(
    ("kind", "contenttype"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("BMP", "image/bmp")],
)
@pytest.mark.parametrize("name", ["image.png", "image.jpg", "notes.txt", "image"])
def test_a_name_may_lie_about_the_format(kind: str, contenttype: str, name: str) -> None:
    sample = decoded(file_of(picture(), kind), name=name)
    assert sample.contenttype == contenttype
    assert sample.pixels.shape == (3, 4, 3)


@pytest.mark.parametrize(("orientation", "undo"), ORIENTATIONS.items())
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("PNG", {}, id="PNG"),
        pytest.param("TIFF", {}, id="TIFF"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, id="compressed TIFF"),
        pytest.param("WEBP", {"lossless": True}, id="WebP"),
    ],
)
def test_every_exif_orientation_gives_the_same_pixels(
    orientation: int, undo: Transpose | None, kind: str, options: dict[str, object]
) -> None:
    upright = picture(4, 3)
    np.testing.assert_array_equal(
        decoded(turned_file(upright, orientation, undo, kind, **options)).pixels, array(upright)
    )


@pytest.mark.parametrize(("orientation", "undo"), ORIENTATIONS.items())
@pytest.mark.parametrize("large", [False, True])
def test_every_turned_photo_shows_the_same(
    orientation: int, undo: Transpose | None, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.inputs.bands.LARGE_PIXELS", 0 if large else 1 << 30)
    corner = Image.new("RGB", (96, 64), "white")
    corner.paste("red", (0, 0, 48, 32))
    seen = decoded(turned_file(corner, orientation, undo, "JPEG", quality=95), NEAREST).pixels
    assert np.abs(seen - np.array([[[254, 0, 0], WHITE], [WHITE, WHITE]], np.int64)).max() < 12


def turned_file(
    upright: Image.Image, orientation: int, undo: Transpose | None, kind: str, **options: object
) -> bytes:
    """A file that holds the picture turned, and says so."""
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    turned = upright if undo is None else upright.transpose(undo)
    return file_of(turned, kind, exif=exif, **options)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0", b"Exif\0\0" + b"\xff" * 40, b"\0"])
def test_damaged_metadata_do_not_matter(exif: bytes) -> None:
    np.testing.assert_array_equal(
        decoded(file_of(picture(), "WEBP", lossless=True, exif=exif)).pixels, array(picture())
    )


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_the_image(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decoded(content).pixels, array(frames[0]))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_have_the_shape_the_model_takes(channels: int) -> None:
    assert decoded(png(9, 5), spec(channels, 6, 7)).pixels.shape == (6, 7, channels)


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [(None, None, (3, 4, 3)), (6, None, (6, 4, 3)), (None, 8, (3, 8, 3)), (3, 4, (3, 4, 3))],
)
def test_a_side_of_any_length_is_left_as_it_is(
    height: int | None, width: int | None, shape: tuple[int, ...]
) -> None:
    assert decoded(png(4, 3), spec(3, height, width)).pixels.shape == shape


def test_stretching_uses_the_whole_image() -> None:
    assert fitted(columns(10, 20, 30, 40), Fit.STRETCH, 2, 8) == [[10, 10, 20, 20, 30, 30, 40, 40]] * 2


def test_cropping_takes_the_middle() -> None:
    assert fitted(columns(10, 20, 30, 40), Fit.CROP, 2, 2) == [[20, 30]] * 2


@pytest.mark.parametrize(("background", "margin"), [(None, 0), ("white", 255), ("#ff0000", 76)])
def test_padding_puts_the_whole_image_on_the_background(background: str | None, margin: int) -> None:
    rows = fitted(columns(10, 20, 30, 40), Fit.PAD, 4, 4, background)
    assert rows == [[margin] * 4, [10, 20, 30, 40], [10, 20, 30, 40], [margin] * 4]


@pytest.mark.parametrize("fit", list(Fit))
def test_an_image_of_the_right_size_is_not_touched(fit: Fit) -> None:
    wanted = spec(3, 3, 4, Preprocessing(fit=fit, resize=Resize.LANCZOS))
    np.testing.assert_array_equal(decoded(png(4, 3), wanted).pixels, array(picture(4, 3)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing(background="red"),
        Preprocessing(resize=Resize.OPENCV_AREA),
        Preprocessing(invert=True),
        Preprocessing(threshold=100),
        Preprocessing(threshold=OTSU),
        Preprocessing(central_crop=0.5),
        Preprocessing(resize_to=5),
        Preprocessing(fit=Fit.PAD, antialias=False),
    ],
)
def test_steps_that_would_change_nothing_change_nothing(
    mode: str, channels: int, preprocessing: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(channels, 3, 4, preprocessing)
    left_out = decoded(png(4, 3, mode), wanted).pixels
    monkeypatch.setattr(view, "_is_ready", lambda _image, _spec: False)
    np.testing.assert_array_equal(left_out, decoded(png(4, 3, mode), wanted).pixels)


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("resize", list(Resize))
def test_every_filter_and_fit_makes_the_size(fit: Fit, resize: Resize) -> None:
    wanted = spec(3, 7, 11, Preprocessing(resize=resize, fit=fit, background="white"))
    assert decoded(png(4, 3), wanted).pixels.shape == (7, 11, 3)


def test_filters_differ_and_only_the_nearest_makes_no_new_levels() -> None:
    made = {
        resize: decoded(columns(0, 200, 0, 200), spec(1, 2, 7, Preprocessing(resize=resize))).pixels
        for resize in FILTERS
    }
    assert len({pixels.tobytes() for pixels in made.values()}) == len(FILTERS)
    assert {resize for resize in FILTERS if set(made[resize].flat) <= {0, 200}} == NEAREST_FILTERS


@pytest.mark.parametrize("mode", ["P", "1", "I;16"])
def test_the_mode_is_converted_before_the_size(mode: str) -> None:
    levels = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (8, 8)))
    if mode == "I;16":
        same = Image.fromarray(np.asarray(levels).astype(np.uint16) * 257)
    else:
        same = levels.convert(mode)
    wanted = ImageSpec(5, 5, 1)
    np.testing.assert_array_equal(
        decoded(file_of(same), wanted).pixels, decoded(file_of(levels), wanted).pixels
    )


def test_transparency_is_laid_on_the_background_before_the_size_changes() -> None:
    half = Image.fromarray(np.tile(np.array([[0, 0, 0, 0], [255, 0, 0, 255]], np.uint8), (8, 4, 1)))
    wanted = spec(3, 3, 3, Preprocessing(background="red"))
    content = file_of(Image.alpha_composite(Image.new("RGBA", half.size, "red"), half).convert("RGB"))
    np.testing.assert_array_equal(decoded(file_of(half), wanted).pixels, decoded(content, wanted).pixels)
