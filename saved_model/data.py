"""Reading MNIST's IDX files, and pictures as the command line reads them."""

import csv
import gzip
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 28
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class Digits(NamedTuple):
    """Images uint8 (n, 28, 28), white ink on black, and labels int64 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class Handwriting(NamedTuple):
    """Images float32 (n, 28, 28, 1) in 0..1, labels int64 (n,), file names and kinds."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: list[str]
    kinds: list[str]


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Array of one gzipped IDX file of unsigned bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_mnist(folder: Path) -> tuple[Digits, Digits]:
    """Training and test part of MNIST."""
    arrays = [read_idx(folder / name) for name in FILES]
    return (
        Digits(arrays[0], arrays[1].astype(np.int64)),
        Digits(arrays[2], arrays[3].astype(np.int64)),
    )


def md5_sums(folder: Path) -> dict[str, str]:
    """MD5 of each of MNIST's files, to be compared with the published ones."""
    return {
        name: hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest() for name in FILES
    }


def as_input(images: NDArray[Any]) -> NDArray[np.float32]:
    """uint8 (n, 28, 28) to the model's float32 (n, 28, 28, 1) in 0..1."""
    return (images.astype(np.float32) / 255.0)[..., None]


def read_picture(path: Path) -> NDArray[np.float32]:
    """One picture as the command line prepares it: float32 (28, 28, 1) in 0..1."""
    with Image.open(path) as opened:
        colour = opened.convert("RGBA")
    paper = Image.new("RGBA", colour.size, "white")
    grey = Image.alpha_composite(paper, colour).convert("L")
    small = grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    picture: NDArray[np.float32] = as_input(np.asarray(small)[None])[0]
    return picture


def read_handwriting(folder: Path) -> Handwriting:
    """Pictures listed in `labels.csv` (columns file, label, kind)."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return Handwriting(
        np.stack([read_picture(folder / row["file"]) for row in rows]),
        np.array([int(row["label"]) for row in rows], np.int64),
        [row["file"] for row in rows],
        [row["kind"] for row in rows],
    )
