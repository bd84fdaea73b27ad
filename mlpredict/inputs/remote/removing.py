"""Images taken out of a bucket, as many of them as it lets go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import OutputError
from mlpredict.inputs.remote.keeping import NotDeleted, delete_objects
from mlpredict.inputs.remote.names import place_of

REQUESTS = 16
"""At once, where each image is asked for by itself."""


class Left(NamedTuple):
    """The images that stay, by their SHA-256, and why the first one does."""

    digests: frozenset[bytes] = frozenset()
    reason: str = ""


def remove_images(prefix: KeepIn, digests: Sequence[bytes]) -> Left:
    """Take images out of the place where they are kept; those that stay, as the bucket says no or nothing.

    Where it refuses some of many it does not say which, and is asked for one after the other.
    """
    place = place_of(prefix)
    try:
        delete_objects(place, [place.folder + one.hex() for one in digests])
    except NotDeleted:
        return _one_by_one(prefix, digests)
    except OutputError as error:
        return Left(frozenset(digests), error.message)
    return Left()


def _one_by_one(prefix: KeepIn, digests: Sequence[bytes]) -> Left:
    place = place_of(prefix)
    silent = threading.Event()

    def reason_to_stay(digest: bytes) -> str | None:
        if silent.is_set():
            return "no answer from the server"
        try:
            delete_objects(place, [place.folder + digest.hex()])
        except OutputError as error:
            if not isinstance(error, NotDeleted):
                silent.set()  # each of the others would be waited for as long
            return error.message
        return None

    with ThreadPoolExecutor(REQUESTS, thread_name_prefix="remove") as pool:
        told = dict(zip(digests, pool.map(reason_to_stay, digests), strict=True))
    left = {digest: reason for digest, reason in told.items() if reason is not None}
    return Left(frozenset(left), next(iter(left.values()), ""))
