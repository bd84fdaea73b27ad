"""The bytes of one remote image, however often its answer is cut."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain import Remote
from mlpredict.inputs.kinds import HEAD_BYTES
from mlpredict.inputs.passed_over import kind_by_head
from mlpredict.inputs.reading import TooManyBytes, Unusable, too_many_bytes
from mlpredict.inputs.remote import web
from mlpredict.inputs.remote.names import NotFetched, Place, place_of, place_of_uri
from mlpredict.support.addresses import is_bucket

if TYPE_CHECKING:
    from obstore import GetResult

ATTEMPTS = 2
"""The library goes on by itself where an answer was cut, some times over: this begins anew."""
FIRST_WAIT_SECONDS = 1.0

TakeRoom = Callable[[int], None]
"""Is told how many bytes are coming, before they do; it may take its time."""


class Fetched(NamedTuple):
    """The bytes of a remote image, and what the answer that they came with says of it."""

    content: bytes
    remote: Remote


class NoImage(Exception):
    """The first bytes are those of no image, and the name does not say that it is one: the kind it is."""


class _Cut(Exception):
    """The answer had begun, and did not end."""


def room_enough(_size: int) -> None:
    """What is asked for room where one image at a time is read."""


def read_uri(uri: str, max_bytes: int) -> bytes:
    """The bytes of an object by the URI that is stored of it.

    Raises:
        Unusable: with the reason.
    """
    try:
        url = place_of_uri(uri).url if is_bucket(uri) else uri
    except NotFetched as reason:
        raise Unusable(str(reason)) from reason
    return read_remote(Remote(url), max_bytes).content


def read_remote(remote: Remote, max_bytes: int, take_room: TakeRoom = room_enough) -> Fetched:
    """The bytes of an object or of an address of the web.

    Raises:
        Unusable: with the reason; TooManyBytes where it has more than are allowed.
        NoImage: it is not what was looked for.
    """
    if remote.size is not None and remote.size > max_bytes:
        raise TooManyBytes(too_many_bytes(remote.size, max_bytes))
    try:
        if not is_bucket(remote.url):
            return Fetched(web.get(remote.url, max_bytes, take_room), remote)
        return _object(place_of(remote.url), remote, max_bytes, take_room)
    except NotFetched as reason:
        raise Unusable(str(reason)) from reason


def _object(place: Place, remote: Remote, max_bytes: int, take_room: TakeRoom) -> Fetched:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _object_once(place, remote, max_bytes, take_room)
        except _Cut as reason:
            if attempt == ATTEMPTS:
                raise Unusable(f"{reason}, tried {ATTEMPTS} times") from reason
        time.sleep(FIRST_WAIT_SECONDS * (1 + random.random()))  # noqa: S311 - no secret
    raise AssertionError


def _object_once(place: Place, remote: Remote, max_bytes: int, take_room: TakeRoom) -> Fetched:
    """The bytes of an object; the library repeats requests that get no answer."""
    import obstore

    from mlpredict.inputs.remote.reasons import reason_of
    from mlpredict.inputs.remote.stores import store_of

    store = store_of(place.scheme, place.bucket)
    if remote.size is not None:
        take_room(remote.size)
    try:
        answer = obstore.get(store, place.key)
    except Exception as error:  # noqa: BLE001 - told without its own words
        raise Unusable(reason_of(error)) from None
    size = answer.meta["size"]
    if size > max_bytes:
        raise TooManyBytes(too_many_bytes(size, max_bytes))
    if size != remote.size:
        # It was named, or has been replaced since it was listed.
        take_room(size)
    try:
        content = _read(answer, remote.unless_image)
    except NoImage:
        raise
    except Exception as error:  # noqa: BLE001 - told without its own words
        raise _Cut(reason_of(error)) from None
    if len(content) != size:
        raise _Cut("the connection was cut")
    # It may have been replaced since it was listed: these bytes are those of this answer's ETag.
    return Fetched(content, remote._replace(size=size, etag=answer.meta["e_tag"]))


def _read(answer: GetResult, unless_image: str | None) -> bytes:
    """All bytes; where the name says nothing of them, only if the first ones are those of an image."""
    if unless_image is None:
        return bytes(answer.bytes())
    parts: list[bytes] = []
    for part in answer.stream(min_chunk_size=HEAD_BYTES):
        parts.append(bytes(part))
        if len(parts) == 1 and (kind := kind_by_head(parts[0][:HEAD_BYTES], unless_image)) is not None:
            raise NoImage(kind)
    return b"".join(parts)
