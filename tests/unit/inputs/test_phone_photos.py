"""HEIC and JPEG XL, and pictures beside the picture."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpredict.domain import Rejected, Source
from mlpredict.inputs.image_file import contenttype_of, image_format
from mlpredict.inputs.limits import Limits
from tests.unit.images import array, decode, decoded, file_of, refused, spec


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture, which no lossy format changes by much."""
    across = np.linspace(0, 255, width)[np.newaxis].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, np.newaxis].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, 255 - across], -1).astype(np.uint8))


def heic(*images: Image.Image, primary: int = 0, **options: object) -> bytes:
    """The bytes of a HEIC file."""
    file = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for image in images:
        file.add_from_pillow(image)
    target = io.BytesIO()
    file.save(target, primary_index=primary, quality=95, **options)
    return target.getvalue()


def jxl(values: NDArray[Any], **options: Any) -> bytes:
    """The bytes of a JPEG XL file."""
    return bytes(imagecodecs.jpegxl_encode(values, **options))


def test_a_heic_photo_is_decoded() -> None:
    sample = decoded(heic(gradient()))
    assert (sample.contenttype, sample.width, sample.height, sample.notices) == ("image/heic", 64, 48, ())
    assert np.abs(sample.pixels.astype(int) - array(gradient())).max() < 16


def test_a_turned_heic_photo_is_upright_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = gradient().transpose(Image.Transpose.ROTATE_90)
    sample = decoded(heic(turned, exif=exif.tobytes()))
    assert np.abs(sample.pixels.astype(int) - array(gradient())).max() < 16


def test_the_picture_that_is_the_main_one_is_the_first() -> None:
    sample = decoded(heic(Image.new("RGB", (64, 48)), gradient(), primary=1))
    assert np.abs(sample.pixels.astype(int) - array(gradient())).max() < 16
    assert sample.notices == ("2 pictures, the first is used",)


def test_damaged_and_large_heic_files_are_refused() -> None:
    content = heic(gradient())
    assert refused(content[: len(content) // 2]).startswith("damaged: its HEIC data")
    rejected = decode(0, Source("a.heic", content), spec(), Limits(max_pixels=100))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "too large: 64×48 pixels, limit 100 pixels"


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(48, 64), (64, 48), (50, 100), (333, 1), (700, 900)], ids=str)
def test_jpeg_xl_is_decoded(depth: str, size: tuple[int, int]) -> None:
    picture = array(gradient(size[1], size[0]))
    scales = {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}
    content = jxl((picture * scales[depth]).astype(depth), lossless=True)
    sample = decoded(content)
    assert (sample.contenttype, sample.width, sample.height) == ("image/jxl", size[1], size[0])
    assert np.abs(sample.pixels.astype(int) - picture).max() <= 1


def test_jpeg_xl_in_boxes_grey_and_transparent() -> None:
    grey = array(gradient().convert("L"))
    boxed = jxl(grey, lossless=True, usecontainer=True)
    assert boxed.startswith(b"\0\0\0\x0cJXL ")
    assert np.array_equal(decoded(boxed, spec(1)).pixels[..., 0], grey)
    clear = array(gradient().convert("RGBA"))
    assert np.array_equal(decoded(jxl(clear, lossless=True), spec(4)).pixels, clear)
    assert refused(boxed[:60]) in ("truncated", "damaged: its JPEG XL data cannot be decoded")


def test_what_a_bright_screen_adds_to_a_photo_is_no_picture_of_its_own() -> None:
    photo, map_ = gradient(), gradient(32, 24).convert("L")
    with_map = file_of(photo, "MPO", save_all=True, append_images=[map_])
    assert decoded(with_map).notices == ()
    stereo = file_of(photo, "MPO", save_all=True, append_images=[photo])
    assert decoded(stereo).notices == ("2 pictures, the first is used",)


def test_formats_and_types_are_told() -> None:
    boxed = jxl(array(gradient()), usecontainer=True)
    assert (image_format(heic(gradient())), contenttype_of(heic(gradient()))) == ("HEIF", "image/heic")
    assert (image_format(boxed), contenttype_of(boxed)) == ("JXL", "image/jxl")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(128) + b"DICM" + bytes(99), "a DICOM file; convert it to PNG or TIFF"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), "a camera RAW (CR2) file; convert it to TIFF or JPEG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + bytes(99), "a camera RAW (CR3) file; convert it"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(99), "a camera RAW (RAF) file; convert it"),
    ],
)
def test_what_needs_a_person_to_choose_how_it_looks_is_told_with_a_way_out(
    content: bytes, words: str
) -> None:
    assert refused(content).startswith(words)
