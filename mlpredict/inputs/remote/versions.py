"""What tells one version of an object from another, and what is known of it before it is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from mlpredict.domain import Rejected, Remote, Sample, Source
from mlpredict.support.addresses import is_bucket

VERSION_BYTES = 16
WEAK = "W/"
"""What an ETag begins with that says nothing of single bytes (RFC 9110, section 8.8.1)."""

PREDICTED = "the model has predicted it already"

KnownVersions = Callable[[Sequence[bytes]], Mapping[bytes, bytes]]
"""Is asked of the versions on a page of a listing: the SHA-256 of those that need not be fetched."""


def object_version(remote: Remote | None) -> bytes | None:
    """What an object has in common with itself as long as nobody changes it; None where that cannot be told.

    Azure has quotation marks around an ETag in answers, and none in listings.

    Example:
        >>> listed = Remote("az://scans/7.png", 310, "0x8DC")
        >>> object_version(listed) == object_version(listed._replace(etag='"0x8DC"'))
        True
    """
    if remote is None or remote.size is None or not remote.etag or not is_bucket(remote.url):
        return None
    etag = remote.etag.strip('"')
    # MinIO has 00000000000000000000000000000000-1 for files that it has not written itself.
    if remote.etag.startswith(WEAK) or not etag.partition("-")[0].strip("0"):
        return None
    told = "\0".join((remote.url, str(remote.size), etag))
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).digest()[:VERSION_BYTES]


def version_of(sample: Sample) -> bytes | None:
    """The version that an image was read from, if that tells all of it: of several pages, a model may have
    predicted one."""
    return object_version(sample.source.remote) if sample.pages == 1 else None


def without_known(sources: Sequence[Source], known: KnownVersions | None) -> Iterator[Source | Rejected]:
    """Sources of a listing in their order; in the place of those that need not be fetched, why."""
    versions = [None if known is None else object_version(source.remote) for source in sources]
    asked = [one for one in versions if one is not None]
    digests = known(asked) if known is not None and asked else {}
    for source, version in zip(sources, versions, strict=True):
        digest = None if version is None else digests.get(version)
        yield source if digest is None else Rejected(0, source, PREDICTED, predicted=digest)
