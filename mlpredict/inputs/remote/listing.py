"""Remote names → sources, in the order in which a bucket lists them; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlpredict.domain import Rejected, Remote, Source
from mlpredict.errors import UsageError
from mlpredict.inputs.passed_over import HIDDEN, PassedOver, kind_by_name
from mlpredict.inputs.remote.names import NotFetched, Place, may_be_many, place_of, web_address, web_name
from mlpredict.inputs.remote.versions import KnownVersions, without_known
from mlpredict.inputs.sources import Nowhere
from mlpredict.support.addresses import is_bucket
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from obstore import ObjectMeta

logger = get_logger(__name__)

NAMES_AT_ONCE = 1000
"""A page of a listing."""
REFUSED = ("PermissionDeniedError", "UnauthenticatedError")
"""The library's names for 403 and 401."""
ODD_KEY = "a key in it has an empty part (//), a part . or .., or a control character"
REST = "the rest of the prefix is not listed: name prefixes beside it one by one, or rename the object"


def remote_sources(
    name: str, passed_over: PassedOver, known: KnownVersions | None = None
) -> Iterator[Source | Rejected | str]:
    """The sources of a remote name, or in their stead the reason why there are none.

    Objects of a listing that are `known` are rejected, as they need not be fetched.
    """
    try:
        if not is_bucket(name):
            yield _of_the_web(name)
            return
        place = place_of(name)
        if not may_be_many(name):
            yield Source(place.url, remote=Remote(place.url))
            return
        yield from _of_bucket(place, passed_over, known)
    except NotFetched as reason:
        yield str(reason)


def has_folders(name: str) -> bool:
    """Whether anything below a prefix lies deeper than in it.

    Raises:
        UsageError: it cannot be listed.
    """
    try:
        place = place_of(name)
        deeper = (one["path"].removeprefix(place.folder) for page in pages_of(place) for one in page)
        return any("/" in inside and not inside.startswith(".") for inside in deeper)
    except NotFetched as reason:
        raise UsageError(f"{name}: cannot be listed: {reason}") from reason


def _of_the_web(name: str) -> Source:
    parts = web_address(name)
    return Source(web_name(parts), remote=Remote(name))


def _of_bucket(
    place: Place, passed_over: PassedOver, known: KnownVersions | None
) -> Iterator[Source | Rejected | str]:
    """What a name means that does not end as an image's: the object of this key, or all below it."""
    named_object = None if place.key.endswith("/") or not place.key else _object(place)
    if named_object is not None:
        yield from without_known([Source(place.url, remote=_remote(place, named_object))], known)
        if _has_any(place):
            logger.info("%s: is an object, which is predicted; what lies below it is %s/", *[place.url] * 2)
        return
    empty = True
    for found in _below(place, passed_over, known):
        empty = False
        yield found
    if empty:
        yield Nowhere("no images below this prefix" if place.key else "no images in this bucket")


def _object(place: Place) -> ObjectMeta | None:
    """What is known of an object; None where there is none of this key."""
    import obstore

    from mlpredict.inputs.remote.reasons import reason_of
    from mlpredict.inputs.remote.stores import store_of

    store = store_of(place.scheme, place.bucket)
    try:
        return obstore.head(store, place.key)
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - told without its own words
        # Listing may be allowed where reading is not; and it tells why, which the answer to a HEAD cannot.
        if isinstance(error, PermissionError) or type(error).__name__ in REFUSED:
            return None
        raise NotFetched(reason_of(error)) from None


def _has_any(place: Place) -> bool:
    """Whether anything lies below a key, as far as it may be listed."""
    try:
        return any(one["path"] != place.key for objects in pages_of(place) for one in objects)
    except NotFetched:
        # Who may read an object need not have the right to list what is around it.
        return False


def _below(
    place: Place, passed_over: PassedOver, known: KnownVersions | None
) -> Iterator[Source | Rejected | str]:
    """Everything below a prefix that may be an image; a reason where the listing ends too early."""
    hidden = ""
    count = 0
    try:
        for objects in pages_of(place):
            sources: list[Source] = []
            for one in objects:
                count += 1
                key = one["path"]
                inside = key.removeprefix(place.folder)
                if _is_mark(one, place):
                    continue
                if (folder := _hidden_folder(inside)) is not None:
                    if folder != hidden:
                        passed_over.add(f"{_at(place, folder)}/", HIDDEN)
                    hidden = folder
                    continue
                sources += _as_source(place._replace(key=key), one, passed_over)
            yield from without_known(sources, known)
    except NotFetched as reason:
        after = f", after {count:,} names" if count else ""
        yield f"cannot be listed{after}: {reason}"


def _as_source(place: Place, one: ObjectMeta, passed_over: PassedOver) -> Iterator[Source]:
    kind, is_certain = kind_by_name(place.key.rpartition("/")[2])
    if kind is not None and is_certain:
        passed_over.add(place.url, kind)
    else:
        yield Source(place.url, remote=_remote(place, one)._replace(unless_image=kind))


def _remote(place: Place, one: ObjectMeta) -> Remote:
    return Remote(place.url, one["size"], one["e_tag"])


def pages_of(place: Place) -> Iterator[list[ObjectMeta]]:
    """The objects below a prefix, a page at a time, as long as they are asked for.

    Raises:
        NotFetched: the bucket gives no page, or no further one.
    """
    import obstore

    from mlpredict.inputs.remote.reasons import reason_of
    from mlpredict.inputs.remote.stores import store_of

    store = store_of(place.scheme, place.bucket)
    try:
        for page in obstore.list(store, place.folder or None, chunk_size=NAMES_AT_ONCE):
            yield list(page)
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 - told without its own words
        if type(error).__name__ == "InvalidPathError":
            raise NotFetched(f"{ODD_KEY}; {REST}") from None
        raise NotFetched(reason_of(error)) from None


def _is_mark(one: ObjectMeta, place: Place) -> bool:
    """Whether an object only stands for a folder, as consoles make them: empty, and with `/` at its end.

    The library takes that `/` away.
    """
    return one["path"] == place.folder.removesuffix("/") or (
        one["size"] == 0 and "." not in one["path"].rpartition("/")[2]
    )


def _hidden_folder(inside: str) -> str | None:
    """The first folder on the way that begins with a dot, with what leads to it."""
    folders = inside.split("/")[:-1]
    for depth, folder in enumerate(folders, 1):
        if folder.startswith("."):
            return "/".join(folders[:depth])
    return None


def _at(place: Place, inside: str) -> str:
    return place._replace(key=place.folder + inside).url
