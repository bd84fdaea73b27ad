"""Requests that may be repeated, and what is answered to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlpredict.domain.predictions import PredictionRecord
    from mlpredict.domain.samples import Rejected

    Outcomes = Mapping[int, PredictionRecord | Rejected]
    """What became of images, by their positions in the run."""


class Reply(NamedTuple):
    """The answer to a request: an HTTP status and a body of JSON."""

    status: int
    body: bytes


class KeyedRequest(NamedTuple):
    """A request that is answered once, however often it is sent.

    `key` (32 bytes) names it and `digest` (32 bytes) is that of what it asks. `reply` makes its answer
    of what became of its images, within the transaction that stores them; it does nothing else.
    """

    key: bytes
    digest: bytes
    reply: Callable[[Outcomes], Reply]


class KnownReply(NamedTuple):
    """What was answered, and the digest of what had been asked."""

    digest: bytes
    reply: Reply
