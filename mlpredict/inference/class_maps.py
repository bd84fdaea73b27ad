"""Maps of classes: the numbers of each pixel → its class, the share of each class, and a picture of them."""

from __future__ import annotations

import io
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import Activation

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 256
"""What a palette has room for."""


class MapKind(StrEnum):
    """What a map of classes has for each pixel."""

    PROBABILITIES = "probabilities"
    """A number for each class, along the last axis; the greatest counts."""
    MASK = "mask"
    """One number, for the second of two classes."""
    CLASSES = "classes"
    """The class itself, as an integer."""


def class_maps(
    outputs: NDArray[Any], kind: MapKind, activation: Activation, threshold: float
) -> NDArray[np.intp]:
    """The class of each pixel, of shape (n, height, width), or (n, pixels) where a model tells no more.

    A mask is class 1 where its probability is `threshold` or more. A last axis of one number may be there
    or not.
    """
    if kind is MapKind.PROBABILITIES:
        return np.asarray(outputs.argmax(axis=-1))
    one = outputs[..., 0] if outputs.ndim == 4 else outputs
    if kind is MapKind.CLASSES:
        return one.astype(np.intp)
    numbers = np.asarray(one, np.float32)
    if activation is Activation.NONE:
        numbers = np.asarray(0.5 * (1 + np.tanh(0.5 * numbers)), np.float32)
    return (numbers >= np.float32(threshold)).astype(np.intp)


def class_shares(maps: NDArray[np.intp], classes: int) -> NDArray[np.float32]:
    """The share of the pixels that each class has, of shape (n, classes)."""
    counts = np.stack([np.bincount(one.ravel(), minlength=classes) for one in maps])
    return np.asarray(counts / maps[0].size, np.float32)


def map_as_png(classes: NDArray[np.intp]) -> bytes:
    """A map of shape (height, width) as a PNG: pixels are the classes' numbers, and the palette colours them.

    At most 256 classes fit. `numpy.asarray(PIL.Image.open(…))` gives the numbers back.
    """
    from PIL import Image

    image = Image.fromarray(classes.astype(np.uint8))
    image.putpalette([level for number in range(MOST_CLASSES) for level in class_colour(number)])
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def class_colour(number: int) -> tuple[int, int, int]:
    """The colour of a class as in the label images of PASCAL VOC: black, dark red, dark green, and so on.

    Bits 0, 3 and 6 of the number are the highest bits of red, bits 1, 4 and 7 of green, 2 and 5 of blue.

        >>> class_colour(1), class_colour(15)
        ((128, 0, 0), (192, 128, 128))
    """
    red, green, blue = (
        sum((number >> (3 * place + first) & 1) << (7 - place) for place in range(3)) for first in range(3)
    )
    return red, green, blue
