"""A sweep of a bucket: counted first, then carried out a thousand images at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlpredict.domain.predictions import KeepIn
from mlpredict.domain.sweeping import USUAL_AGE, Swept
from mlpredict.errors import OutputError, UsageError, WrongValue
from mlpredict.support.ahead import never
from mlpredict.support.units import in_time, point_in_time

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections
    from mlpredict.pipeline.orphans import Orphans
    from mlpredict.storage.retrying import PersistentStore

LEAST_AGE = timedelta(hours=1)
"""The bucket says when an object was written, and this machine what time it is. Buckets take requests from
clocks that are up to a quarter of an hour wrong, and an upload may take as long, with all its attempts: what
is an hour old was there before whatever is being stored now began."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be taken away; make one with `sweep`, and take it away by iterating `blocks()`.

    `where` is the database, without a password. `cut_short` says why not all of the prefix was listed.
    """

    prefix: KeepIn
    where: str
    counted: Swept
    cut_short: str | None
    _database: Connections
    _orphans: Orphans

    def blocks(self, enough: Callable[[], bool] = never) -> Iterator[Swept]:
        """Take images away block by block, and give what became of each.

        It ends early when `enough` comes true. What was not done then, another sweep finds again.
        """
        from mlpredict.pipeline.sweeping import take_away

        with self._database.store() as store:
            yield from take_away(store, self.prefix, self._orphans, enough)

    def carry_out(self) -> Swept:
        """Take all of it away; what became of it, with what was left from the first."""
        return sum(self.blocks(), self.left)

    def require_whole(self) -> None:
        """Look whether all of the prefix was listed.

        Raises:
            OutputError: it was not, with the reason.
        """
        if self.cut_short is not None:
            raise OutputError(f"{self.prefix}: not all of it was listed: {self.cut_short}")

    @property
    def left(self) -> Swept:
        """What is left where it is, whatever becomes of the rest."""
        return Swept(referred=self.counted.referred, young=self.counted.young, others=self.counted.others)


def sweep(
    database: Connections,
    prefix: str,
    *,
    older_than: str | datetime = USUAL_AGE,
    abandoned: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Sweep:
    """Find and count the images below a prefix to which no row of the database refers.

    `advance` is told how many objects were looked at since the last time.

    Raises:
        UsageError: it is no prefix of a bucket, or the age is less than an hour, or no row refers to any
            image there, and it is not said to be `abandoned`.
        DatabaseError: the database is a standby, or hides rows from this role.
        OutputError: the prefix cannot be listed at all.
    """
    from mlpredict.inputs.remote.keeping import kept_below
    from mlpredict.inputs.remote.names import NotFetched, safe_name
    from mlpredict.pipeline.sweeping import find

    try:
        below = kept_below(prefix)
    except NotFetched as reason:
        raise UsageError(f"{safe_name(prefix)}: {reason}") from reason
    before = _before(older_than)
    with database.store() as store:
        found = find(store, below, before, advance)
        where = _where(store)
    counted = found.counted
    if found.cut_short is not None and not any(counted.counts().values()):
        raise OutputError(f"{below}: cannot be listed: {found.cut_short}")
    if counted.removed and not counted.referred and not abandoned:
        raise UsageError(
            f"no row of {where} refers to any of {counted.removed:,} images below {below}:"
            " is it the database that they belong to?",
            hint="--abandoned takes all of them away, as after db destroy",
        )
    return Sweep(below, where, counted, found.cut_short, database, found.orphans)


def _before(older_than: str | datetime) -> datetime:
    """The time before which an object was written that may go."""
    if isinstance(older_than, str):
        time = point_in_time(older_than, "--older-than")
    else:
        time = older_than.astimezone()
    if time > datetime.now(UTC) - LEAST_AGE:
        why = f"expected {in_time(LEAST_AGE.total_seconds())} or more, as an image is there before its row is"
        raise WrongValue("older_than", str(older_than), why)
    return time


def _where(store: PersistentStore) -> str:
    from mlpredict.storage.connection import describe

    place = store.place
    return str(place) if place else store.read(lambda repository: describe(repository.connection))
