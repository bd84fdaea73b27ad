"""Stored images as small pictures within a page."""

from __future__ import annotations

import io
from collections.abc import Iterable

from mlpredict.domain import StoredImage
from mlpredict.errors import ImageError
from mlpredict.inputs.kept import data_uri, load_stored
from mlpredict.inputs.reading import Unusable
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

SIDE = 320
"""Pixels: twice what is shown, for fine screens."""

SMALL = 64
"""Images that are not larger are kept as they are, as JPEG would blur them."""

QUALITY = 85


def thumbnails(images: Iterable[StoredImage]) -> dict[int, str]:
    """Pictures as `data:` URIs by the ids of their inputs; without those that cannot be had."""
    found = {}
    for image in images:
        if image.input_id is None:
            continue
        try:
            found[image.input_id] = _thumbnail(image)
        except (ImageError, Unusable) as error:
            logger.debug("input %s: no picture: %s", image.input_id, error)
    return found


def _thumbnail(image: StoredImage) -> str:
    from mlpredict.inputs.thumbnail import thumbnail

    small = thumbnail(load_stored(image).content, (SIDE, SIDE))
    target = io.BytesIO()
    if max(small.size) <= SMALL:
        small.save(target, "PNG")
        return data_uri("image/png", target.getvalue())
    small.save(target, "JPEG", quality=QUALITY)
    return data_uri("image/jpeg", target.getvalue())
