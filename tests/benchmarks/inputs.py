"""The image files that are predicted: the same ones every time, no two alike."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIDE = 28
STROKES_SIDE = 2 * SIDE
PHOTO = (2000, 1500)
LARGE_PHOTO = (4000, 3000)
PICTURE = (224, 224)
SEED = 2020
GRAIN = 6.0


def write_digits(folder: Path, count: int, data: Path | None) -> None:
    """`count` PNG files of 28×28 pixels: from MNIST's IDX files in `data`, else drawn."""
    pictures = mnist(data, count) if data else drawn(count)
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number:06}.png")


def mnist(data: Path, count: int) -> Iterator[Image.Image]:
    """Digits of the training and test part; where there are not enough, the same ones shifted."""
    parts = [read_idx(path) for path in sorted(data.glob("*images-idx3-ubyte.gz"))]
    if not parts:
        raise FileNotFoundError(f"{data}: no *images-idx3-ubyte.gz here")
    images = np.concatenate(parts)
    for number in range(count):
        turn, place = divmod(number, len(images))
        yield Image.fromarray(np.roll(images[place], turn, axis=1))


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file of unsigned bytes."""
    content = gzip.decompress(path.read_bytes())
    start = 4 + 4 * content[3]
    return np.frombuffer(content, np.uint8, offset=start).reshape(np.frombuffer(content[4:start], ">u4"))


def drawn(count: int) -> Iterator[Image.Image]:
    """A bent stroke each, white on black, as wide as a digit's."""
    random = np.random.default_rng(SEED)
    for corners in random.integers(10, STROKES_SIDE - 10, (count, 5, 2)):
        picture = Image.new("L", (STROKES_SIDE, STROKES_SIDE))
        line = [(int(x), int(y)) for x, y in corners]
        ImageDraw.Draw(picture).line(line, fill=255, width=5, joint="curve")
        yield picture.reduce(2)


def write_photos(folder: Path, count: int, size: tuple[int, int] = PHOTO) -> None:
    """`count` JPEG files of this width and height: smooth colours under a fine grain, like a camera's."""
    random = np.random.default_rng(SEED)
    grain = camera_grain(size)
    for number in range(count):
        colours = Image.fromarray(random.integers(0, 256, (15, 20, 3), np.uint8))
        smooth = colours.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(3))
        save_photo(smooth, np.roll(grain, 7 * number, axis=1), folder / f"{number:04}.jpg")


def write_digit_photos(folder: Path, samples: Path) -> None:
    """The sample digits as photos: JPEG files of 2000×1500 pixels with the same grain."""
    grain = camera_grain(PHOTO)
    for path in sorted(samples.glob("*.png")):
        with Image.open(path) as sample:
            picture = sample.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        enlarged = paper.convert("RGB").resize(PHOTO, Image.Resampling.BICUBIC)
        save_photo(enlarged, grain, folder / f"{path.stem}.jpg")


def camera_grain(size: tuple[int, int]) -> NDArray[np.float32]:
    """Noise of a photo's width and height, to be added to every colour."""
    width, height = size
    return np.random.default_rng(SEED).normal(0, GRAIN, (height, width, 1)).astype(np.float32)


def save_photo(picture: Image.Image, grain: NDArray[np.float32], path: Path) -> None:
    """A picture with its grain as JPEG."""
    noisy = np.asarray(picture, np.float32) + grain
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=88)


def link_first(source: Path, folder: Path, count: int) -> None:
    """The first `count` files of one folder in another one, without their bytes a second time."""
    folder.mkdir()
    for name in sorted(os.listdir(source))[:count]:
        os.link(source / name, folder / name)
