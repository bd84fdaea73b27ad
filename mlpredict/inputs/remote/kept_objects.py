"""What lies below a prefix at which images are kept, and which of it rows refer to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain.predictions import KeepIn
from mlpredict.domain.sweeping import KeptObject
from mlpredict.inputs.remote.listing import pages_of
from mlpredict.inputs.remote.names import NotFetched, Place, place_of, place_of_uri
from mlpredict.support.addresses import is_bucket

if TYPE_CHECKING:
    from obstore import ObjectMeta

NAME = re.compile(r"[0-9a-f]{64}")
"""What `--keep` calls an image: the SHA-256 of its file, and nothing else."""

Row = tuple[bytes, str, str]
"""The SHA-256 of an image, what was kept of it, and the URI of that."""


class KeptPage(NamedTuple):
    """A part of a listing: images written before some time, those since, and how many other objects."""

    old: Sequence[KeptObject]
    young: Sequence[KeptObject]
    others: int


def kept_pages(prefix: KeepIn, before: datetime) -> Iterator[KeptPage]:
    """What lies below a prefix, a thousand names at a time; the bucket says when each was written.

    Raises:
        NotFetched: the bucket gives no page, or no further one.
    """
    place = place_of(prefix)
    for objects in pages_of(place):
        old: list[KeptObject] = []
        young: list[KeptObject] = []
        others = 0
        for one in objects:
            if (image := _image(one, place)) is None:
                others += one["path"] != place.folder.removesuffix("/")
            else:
                (old if one["last_modified"] < before else young).append(image)
        yield KeptPage(old, young, others)


def referred(prefix: KeepIn, rows: Iterable[Row]) -> set[bytes]:
    """The images below a prefix, by their SHA-256, that rows refer to.

    A row does by the place that it has of the image, and by the prefix that the image was kept below, however
    that is written. A bucket of the same name at another provider counts as this one: a row more than there
    are leaves an image, and a row less would take it away.
    """
    place = place_of(prefix)
    found = set()
    for sha256, kept, uri in rows:
        own = place.bucket, place.folder + sha256.hex()
        if own in (_object_of(uri), _object_below(kept, sha256)):
            found.add(sha256)
    return found


def _image(one: ObjectMeta, place: Place) -> KeptObject | None:
    # Consoles make empty objects with `/` at their end, which the library takes away: no image is empty.
    name = one["path"].removeprefix(place.folder)
    if one["path"] != place.folder + name or not NAME.fullmatch(name) or not one["size"]:
        return None
    return KeptObject(bytes.fromhex(name), one["size"])


def _object_of(uri: str) -> tuple[str, str] | None:
    try:
        return place_of_uri(uri)[1:] if is_bucket(uri) else None
    except NotFetched:
        return None


def _object_below(kept: str, sha256: bytes) -> tuple[str, str] | None:
    try:
        place = place_of(kept) if is_bucket(kept) else None
    except NotFetched:
        return None
    return None if place is None else (place.bucket, place.folder + sha256.hex())
