"""What a person calls an image → the sources that the other layers know."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from mlpredict.domain import (
    Rejected,
    Source,
)
from mlpredict.errors import UsageError
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.sources import discover, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from mlpredict.inputs.remote.versions import KnownVersions

    ImageLike = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]


def several(images: ImageLike | Iterable[ImageLike]) -> Iterable[ImageLike]:
    """Images one by one, where only one may have been given."""
    one = isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "__array_interface__")
    return [cast("ImageLike", images)] if one else cast("Iterable[ImageLike]", images)


def sources_of(
    images: Iterable[ImageLike],
    *,
    only_files_for: str | None = None,
    only_listed: bool = False,
    known: KnownVersions | None = None,
) -> Iterator[Source | Rejected]:
    """The sources that images stand for; folders stand for what is in them.

    What is remote is fetched, unless they are `only_listed`, or it is `known`. Images in memory are refused
    where something is wanted that takes `only_files_for` it.
    """

    def named() -> Iterator[str | Source]:
        for image in images:
            if isinstance(image, (str, os.PathLike)):
                yield os.fspath(image)
            elif only_files_for is not None:
                raise UsageError(
                    f"{only_files_for} needs files: what is in memory is nowhere to be found later"
                )
            else:
                yield _in_memory(image)

    passed_over = PassedOver()
    if only_listed:
        yield from listed(named(), passed_over=passed_over)
    else:
        yield from discover(named(), passed_over=passed_over, known=known)
    passed_over.tell()


def _in_memory(image: bytes | Image.Image | NDArray[np.uint8]) -> Source:
    if isinstance(image, (bytes, bytearray, memoryview)):
        return Source("image", bytes(image))
    from PIL import Image

    if not isinstance(image, Image.Image):
        if image.dtype != "uint8" or image.ndim not in (2, 3):
            raise UsageError(
                f"an array of {image.dtype} of shape {image.shape} is no image:"
                " expected uint8 of shape (height, width) or (height, width, channels)"
            )
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    target = io.BytesIO()
    image.save(target, "PNG")
    return Source(getattr(image, "filename", "") or "image", target.getvalue())
