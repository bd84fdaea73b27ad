"""How much the images that are named amount to, before any of them is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from mlpredict.inputs.discover import looks_like_an_image
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.walk import walk

WEIGHED_ALL = 1000
WEIGHED_OF_MORE = 16
"""Beyond so many files only each of so many is asked for its size, which takes most of the time."""


def volume_of(names: Iterable[str], limits: Limits = USUAL_LIMITS) -> tuple[int, int]:
    """How many images files and folders hold, and about how many bytes.

    What is unreadable is not counted, and what is too large to be read weighs nothing.
    """
    images = weighed = 0
    size = 0
    for path in _files(names):
        images += 1
        if images <= WEIGHED_ALL or images % WEIGHED_OF_MORE == 0:
            try:
                file_size = os.stat(path).st_size
            except OSError:
                continue  # it will be rejected with this reason
            size += file_size if file_size <= limits.max_bytes else 0
            weighed += 1
    return images, size * images // weighed if weighed else 0


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if os.path.isdir(name):
            yield from _images_in(name)
        else:
            yield name


def _images_in(top: str) -> Iterator[str]:
    for folder in walk(top):
        for name in folder.files:
            if looks_like_an_image(name):
                yield os.path.join(folder.path, name)
