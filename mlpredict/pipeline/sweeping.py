"""Images in a bucket to which no row refers: found first, then taken away a thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain.predictions import KeepIn
from mlpredict.domain.sweeping import KeptObject, Swept
from mlpredict.errors import OutputError
from mlpredict.inputs.remote.kept_objects import KeptPage, kept_pages, referred
from mlpredict.inputs.remote.names import NotFetched
from mlpredict.inputs.remote.removing import Left, remove_images
from mlpredict.pipeline.orphans import Orphans
from mlpredict.storage.deletion import Deletion
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.storage.bucket_inputs import Reference
    from mlpredict.storage.retrying import PersistentStore

logger = get_logger(__name__)

SHOWN, SHOWN_DIGITS = 3, 8


class Found(NamedTuple):
    """What there is to take away and what is left; `cut_short` says why the listing is not whole."""

    orphans: Orphans
    counted: Swept
    cut_short: str | None


def find(store: PersistentStore, prefix: KeepIn, before: datetime, advance: Callable[[int], None]) -> Found:
    """Look for images without a row that were written before a time, telling `advance` of each page.

    Raises:
        DatabaseError: the database fails, or may not know all rows.
    """
    store.deleting(partial(Deletion.references, digests=[]))  # refused before all is listed
    orphans, counted = Orphans(), Swept()
    try:
        for page in kept_pages(prefix, before):
            found, left = _of_page(store, prefix, page)
            orphans.add(found)
            counted += left
            advance(len(page.old) + len(page.young) + page.others)
    except NotFetched as reason:
        return Found(orphans, counted, str(reason))
    return Found(orphans, counted, None)


def _of_page(store: PersistentStore, prefix: KeepIn, page: KeptPage) -> tuple[list[KeptObject], Swept]:
    digests = [one.sha256 for one in (*page.old, *page.young)]
    rows = store.deleting(partial(Deletion.references, digests=digests)) if digests else []
    known = referred(prefix, rows)
    orphans = [one for one in page.old if one.sha256 not in known]
    young = sum(one.sha256 not in known for one in page.young)
    size = sum(one.size for one in orphans)
    return orphans, Swept(len(orphans), size, len(digests) - len(orphans) - young, young, page.others)


def take_away(
    store: PersistentStore, prefix: KeepIn, orphans: Orphans, enough: Callable[[], bool]
) -> Iterator[Swept]:
    """Take images away that have no row at that moment, and give what became of each block.

    Where the bucket takes none of a block away it is not asked for the others.

    Raises:
        DatabaseError: the database fails, or may not know all rows.
        OutputError: an image may have gone that is stored again, as the connection was lost.
    """
    blocks = orphans.blocks()
    refused, reason = 0, ""
    for images in blocks:
        if enough():
            break
        block = _Block(prefix, images)
        sweep = partial(Deletion.sweep_unreferred, digests=block.digests, remove=block.remove)
        store.deleting(sweep)
        yield block.swept
        refused += block.swept.refused
        reason = reason or block.left.reason
        if block.swept.refused and not block.swept.removed:
            rest = sum(map(len, blocks))
            yield Swept(refused=rest)
            refused += rest
    if refused:
        stay = "1 image stays where it is" if refused == 1 else f"{refused:,} images stay where they are"
        logger.warning("%s: %s", stay, reason)


@dataclass(slots=True)
class _Block:
    """Some images on their way out, and what became of them; tried again where the connection is lost."""

    prefix: KeepIn
    images: Sequence[KeptObject]
    swept: Swept = Swept()  # noqa: RUF009 - frozen
    left: Left = Left()  # noqa: RUF009 - frozen
    _asked: set[bytes] = field(default_factory=set)
    """Which the bucket was asked for before, on a connection that was lost by then."""

    @property
    def digests(self) -> list[bytes]:
        """The images by their SHA-256."""
        return [one.sha256 for one in self.images]

    def remove(self, rows: Sequence[Reference]) -> None:
        """Take those away that none of these rows refers to."""
        known = referred(self.prefix, rows)
        self._require_alone(known)
        going = [one for one in self.images if one.sha256 not in known]
        self._asked.update(one.sha256 for one in going)
        self.left = remove_images(self.prefix, [one.sha256 for one in going]) if going else Left()
        gone = [one.size for one in going if one.sha256 not in self.left.digests]
        refused = len(self.left.digests)
        self.swept = Swept(removed=len(gone), bytes=sum(gone), referred=len(known), refused=refused)

    def _require_alone(self, known: set[bytes]) -> None:
        if stored_again := sorted(known & self._asked):
            names = ", ".join(f"{one.hex()[:SHOWN_DIGITS]}…" for one in stored_again[:SHOWN])
            raise OutputError(
                f"{self.prefix}: the connection to the database was lost while images were taken away, and"
                f" {len(stored_again):,} of them have been stored again meanwhile: {names}",
                hint="mlpredict verify says whether their images are there",
            )
