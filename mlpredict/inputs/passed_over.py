"""What in a folder is no image: passed over, counted by its kind, and told at the end."""

from __future__ import annotations

import os
import stat
from collections import Counter
from typing import NamedTuple

from mlpredict.inputs.kinds import (
    DICOM,
    DICOM_SUFFIXES,
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    RAW,
    RAW_SUFFIXES,
    certain_kind,
    how_to_convert,
    suffix_of,
    suffix_says_something,
    unreadable_kind,
)
from mlpredict.inputs.reading import NONBLOCKING
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

HIDDEN = "hidden"
WITHOUT_SUFFIX = "without extension"
UNFINISHED = frozenset([".part", ".partial", ".crdownload", ".download"])
"""What a download is called that is not complete yet."""
LONGEST_SUFFIX = 12
"""In characters: what is longer is a part of the name."""


class PassedOver:
    """Counts what is passed over, by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, path: str, kind: str) -> None:
        """Count a file or folder."""
        self.counts[kind] += 1
        logger.debug("%s: passed over (%s)", path, kind)

    def tell(self) -> None:
        """Say in one line what was passed over, the commonest first; nothing where there was nothing."""
        if self.counts:
            told = (f"{count:,} {kind}" for kind, count in self.counts.most_common())
            logger.info("passed over: %s%s", ", ".join(told), self._advice())

    def _advice(self) -> str:
        found = (kind for kind in (DICOM, RAW) if any(kind in told for told in self.counts))
        return "".join(f"; {kind}: {how_to_convert(kind)}" for kind in found)


class ByName(NamedTuple):
    """What the name of a file says: the kind that it is passed over as, None for an image.

    Where that is not certain, it is passed over only if its first bytes are not those of an image.
    """

    kind: str | None
    is_certain: bool = True


def why_passed_over(path: str, name: str) -> str | None:
    """The kind of a file in a folder that is not predicted, None for an image; `name` ends the path.

    The name decides where it says something, else the first bytes.
    """
    by_name = kind_by_name(name)
    if by_name.is_certain or by_name.kind is None:
        return by_name.kind
    return kind_by_head(_head(path), by_name.kind)


def kind_by_name(name: str) -> ByName:
    """What a file in a folder is, as far as its name says."""
    suffix = suffix_of(name)
    if name.startswith("."):
        return ByName(HIDDEN)
    if suffix in UNFINISHED:
        return ByName(suffix)
    if suffix in IMAGE_SUFFIXES:
        return ByName(None)
    if suffix in RAW_SUFFIXES:
        return ByName(f"{suffix} ({RAW})")
    if suffix in DICOM_SUFFIXES:
        return ByName(f"{suffix} ({DICOM})")
    told = suffix if 1 < len(suffix) <= LONGEST_SUFFIX else WITHOUT_SUFFIX
    return ByName(told, is_certain=suffix_says_something(suffix))


def kind_by_head(head: bytes, told: str) -> str | None:
    """The kind of a file by its first bytes, None for an image; `told` is what its name says."""
    if (kind := unreadable_kind(head)) is not None:
        return f"{told} ({kind})"
    return told if certain_kind(head) is None else None


def _head(path: str) -> bytes:
    """The first bytes of a file; none of what is no file or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | NONBLOCKING)
    except (OSError, ValueError):
        return b""
    try:
        return os.read(descriptor, HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
