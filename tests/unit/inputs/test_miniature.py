"""What a picture looks like: its miniature, its hash, and how like another it is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import Decode, ImageSpec, Preprocessing, Resize, Source
from mlpredict.inputs import miniature as made
from mlpredict.inputs.difference_hash import STEP, hashes_of
from mlpredict.inputs.image import Decoded, decode_source
from mlpredict.inputs.likeness import SIDE, likenesses
from mlpredict.inputs.miniature import miniature
from tests.unit.images import file_of

ALL_BITS = (1 << 64) - 1
MODES = ("1", "L", "P", "LA", "PA", "La", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "I", "F")


def scene(width: int = 120, height: int = 90) -> Image.Image:
    """A picture with something at all places, the same at all sizes."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = np.sin(9 * x + 4 * y) + np.sin(17 * x * y + 3) + np.cos(6 * y - 11 * x * x)
    return Image.fromarray((127 + 40 * waves).astype(np.uint8))


def hash_of(image: Image.Image) -> int:
    (found,) = hashes_of([miniature(image)])
    assert found is not None
    return found


def distance(one: int, other: int) -> int:
    return ((one ^ other) & ALL_BITS).bit_count()


def decoded(content: bytes, wanted: ImageSpec) -> Decoded:
    found = decode_source(Source("", content), wanted)
    assert isinstance(found, Decoded), found
    return found


def test_a_bit_says_whether_a_place_is_brighter_than_the_one_left_of_it() -> None:
    random = np.random.default_rng(1)
    levels = random.integers(0, 256, (50, 8, 9), np.uint8)
    found = hashes_of([one.tobytes() for one in levels])
    for one, bits in zip(levels.astype(int), found, strict=True):
        expected = "".join(str(int(one[y, x + 1] - one[y, x] >= STEP)) for y in range(8) for x in range(8))
        assert bits is not None
        assert f"{bits & ALL_BITS:064b}" == expected
        assert -(1 << 63) <= bits < 1 << 63
    assert hashes_of([b"", levels[0].tobytes(), b""]) == [None, found[0], None]
    assert hashes_of([]) == []


@pytest.mark.parametrize("size", [(40, 30), (700, 500)])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_looks_the_same_in_all_modes(mode: str, size: tuple[int, int]) -> None:
    plain = scene(*size)
    between = plain.convert({"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, "RGB"))
    image = between.convert(mode)
    assert len(miniature(image)) == 72
    assert distance(hash_of(image), hash_of(plain)) <= (20 if mode == "1" else 4)


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_a_picture_of_twelve_bits_in_sixteen_looks_as_one_of_eight(kind: str) -> None:
    plain = scene()
    deep = Image.fromarray((np.asarray(plain).astype(np.uint16) * 16).astype(kind))
    assert distance(hash_of(deep), hash_of(plain)) <= 3


def test_a_picture_encoded_anew_or_in_another_size_looks_the_same() -> None:
    whole = scene(1200, 900)
    for other in (
        Image.open(io.BytesIO(file_of(whole, "JPEG", quality=50))),
        whole.resize((300, 225)),
        scene(75, 60),
    ):
        other.load()
        assert distance(hash_of(whole), hash_of(other)) <= 5
    assert distance(hash_of(whole), hash_of(whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 12


def test_what_a_model_sees_does_not_matter_and_neither_does_how_the_picture_lies_in_its_file() -> None:
    upright = scene(600, 400).convert("RGB")
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = [file_of(upright, "JPEG", quality=95), file_of(turned, "JPEG", quality=95, exif=exif)]
    specs = (
        ImageSpec(28, 28, 1),
        ImageSpec(32, 64, 3, Preprocessing(central_crop=0.3, threshold=99, invert=True)),
        ImageSpec(SIDE, SIDE, 1, Preprocessing(resize=Resize.BOX, decode=Decode.REDUCED)),
    )
    found = hashes_of([decoded(one, wanted).miniature for one in contents for wanted in specs])
    first = found[0]
    assert first is not None
    assert found[1] == first
    assert all(one is not None and distance(one, first) <= 3 for one in found)


def test_no_picture_is_rejected_for_its_miniature(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_image: Image.Image) -> bytes:
        raise OSError("of whatever kind")

    content = file_of(scene())
    monkeypatch.setattr(made, "_miniature", fails)
    found = decoded(content, ImageSpec(28, 28, 1))
    assert found.miniature == b""
    assert hashes_of([found.miniature]) == [None]


def test_likeness_tells_pictures_of_one_colour_apart() -> None:
    def grey(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))

    picture, white, black = scene(), Image.new("L", (50, 50), 255), Image.new("L", (50, 50))
    stroke = white.copy()
    stroke.paste(0, (20, 10, 24, 40))
    others = [grey(one) for one in (white, black, stroke, picture)]
    assert likenesses(grey(white), others)[0] == pytest.approx(1)
    assert all(like < 0.3 for like in likenesses(grey(white), others)[1:])
    assert likenesses(grey(picture), others)[3] == pytest.approx(1)
    dimmed = picture.point(lambda value: value * 0.8)
    assert likenesses(grey(picture), [grey(dimmed)])[0] > 0.9
    assert likenesses(grey(picture), []) == []
