"""Names that are addresses, not paths."""

from __future__ import annotations

BUCKETS = ("s3://", "gs://", "az://")
WEB = ("https://", "http://")


def is_remote(name: str) -> bool:
    """Whether a name is that of a bucket's object, or an address of the web."""
    return name.startswith((*BUCKETS, *WEB))


def is_bucket(name: str) -> bool:
    """Whether a name is that of a bucket, or of something in it."""
    return name.startswith(BUCKETS)
