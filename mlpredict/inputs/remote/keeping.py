"""Images that are kept in a bucket under their hashes: put there, and taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from mlpredict.domain import NewInput
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import NotKept, OutputError, WrongValue
from mlpredict.inputs.remote.names import NotFetched, Place, place_of, place_of_uri
from mlpredict.support.addresses import is_bucket

UPLOADS = 16
"""At once: each waits for the bucket most of the time."""
REMOVED_AT_ONCE = 1000
"""So many S3 takes in one request."""


class NotDeleted(OutputError):
    """A bucket keeps what was to be taken away."""


def bucket_prefix(text: str) -> KeepIn:
    """The prefix that `--keep` names, with `/` at its end.

    Raises:
        WrongValue: it is none.
    """
    try:
        return kept_below(text)
    except NotFetched as reason:
        raise WrongValue("keep", text, str(reason)) from reason


def kept_below(text: str) -> KeepIn:
    """The same where it is no option that names the prefix.

    Raises:
        NotFetched: it is none.
    """
    if not is_bucket(text):
        raise NotFetched("images are kept in buckets, as s3://BUCKET/PREFIX/")
    place = place_of(text)
    return KeepIn(place._replace(key=place.folder).url)


def uri_below(prefix: KeepIn, sha256: bytes) -> str:
    """Where an image is kept: below the prefix, by its SHA-256."""
    place = place_of(prefix)
    return place._replace(key=place.folder + sha256.hex()).uri


def upload(images: Sequence[NewInput]) -> None:
    """Put images where their URIs say; one that is there already is not put again.

    Raises:
        NotKept: one cannot be put there.
    """
    with ThreadPoolExecutor(min(UPLOADS, len(images)), thread_name_prefix="upload") as pool:
        # All of them are waited for, and the first error is raised.
        for _ in pool.map(_put, images):
            pass


def remove(uris: Iterable[str]) -> None:
    """Take away what lies at URIs; what is not there is none the worse for it.

    Raises:
        OutputError: a bucket refuses it.
    """
    try:
        places = sorted(map(place_of_uri, uris))
    except NotFetched as reason:
        raise OutputError(f"an image that is kept in a bucket cannot be taken away: {reason}") from reason
    for (scheme, bucket), below in groupby(places, key=lambda place: place[:2]):
        keys = [place.key for place in below]
        for start in range(0, len(keys), REMOVED_AT_ONCE):
            delete_objects(Place(scheme, bucket, ""), keys[start : start + REMOVED_AT_ONCE])


def delete_objects(place: Place, keys: Sequence[str]) -> None:
    """Take the objects of some keys out of a place's bucket; those that are not there are no trouble.

    Raises:
        NotDeleted: the bucket refuses it for some of them.
        OutputError: there is no answer.
    """
    import obstore

    from mlpredict.inputs.remote.reasons import reason_of, refuses_to_delete
    from mlpredict.inputs.remote.stores import store_of

    try:
        obstore.delete(store_of(place.scheme, place.bucket), list(keys))
    except FileNotFoundError:
        # Google and Azure say so of the first that is gone, and the others may be there still.
        for key in keys if len(keys) > 1 else ():
            delete_objects(place, [key])
    except NotFetched as reason:
        raise OutputError(f"{place.url}: {reason}") from reason
    except Exception as error:  # noqa: BLE001 - told without its own words
        kind = NotDeleted if refuses_to_delete(error) else OutputError
        raise kind(f"{place.url}: {reason_of(error)}") from None


def _put(image: NewInput) -> None:
    import obstore

    from mlpredict.inputs.remote.reasons import reason_of, says_it_is_there
    from mlpredict.inputs.remote.stores import store_of

    assert image.content is not None
    place = place_of_uri(str(image.uri))
    attributes = {"Content-Type": image.contenttype}
    try:
        store = store_of(place.scheme, place.bucket)
        # In one piece: only so it is there as a whole, or not.
        obstore.put(
            store, place.key, image.content, mode="create", use_multipart=False, attributes=attributes
        )
    except NotFetched as reason:
        raise NotKept(f"{place.url}: cannot be written: {reason}") from reason
    except Exception as error:  # noqa: BLE001 - told without its own words
        if says_it_is_there(error):
            return
        raise NotKept(f"{place.url}: cannot be written: {reason_of(error)}") from None
