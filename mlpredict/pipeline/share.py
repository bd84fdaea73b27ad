"""One process of those that do a run in parts: which part is its, and what of it is yet to be stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from mlpredict.domain import NewPrediction, PredictionRecord, Rejected, Run
from mlpredict.domain.parts import Claim, Waiting, WantedPart, Worker
from mlpredict.errors import DatabaseError, StoredElsewhere
from mlpredict.inputs.name_list import NameList
from mlpredict.pipeline.workers import is_gone, this_worker
from mlpredict.storage.parts import LedgerEntry
from mlpredict.support.ahead import TICK_SECONDS, never
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.domain import KeyedRequest
    from mlpredict.storage.retrying import PersistentStore
    from mlpredict.storage.shared_runs import SharedRuns

logger = get_logger(__name__)

Result = TypeVar("Result")

HELD_SECONDS = 60.0
"""For so long, at least, nobody takes over a part of which nothing is heard."""
TIMES_SLOWEST = 5
"""A process is given so many times as long as its slowest batch took."""

BATCHES_IN_HAND = 2
"""With more, a process takes no other part: those at the end go to whoever is done first."""

LONGEST_PAUSE_SECONDS = 2.0
NOTICE_SECONDS = 1.0


@dataclass(slots=True)
class Share:
    """What a process does of a run; it is the store of what it predicts, too. Use it in a `with` block.

    Decoding takes parts in one thread, the model asks what is stored in another, and a third stores; the
    database is asked by one at a time.
    """

    store: PersistentStore
    run: Run
    names: NameList
    wanted: WantedPart
    environment_id: int | None = None
    """Of what predictions are made with here."""
    worker: Worker = field(default_factory=this_worker)
    enough: Callable[[], bool] = never
    done_before: bool = False
    """Whether the part that is wanted was there already."""
    _taken: dict[int, Claim] = field(default_factory=dict)
    _passed: set[int] = field(default_factory=set)
    """Positions that leave no row and that the ledger does not have yet."""
    _in_hand: int = 0
    _slowest: float = 0.0
    _last_stored: float | None = None
    _ended: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    """Its lock is that of everything here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            if isinstance(error, DatabaseError):
                return  # others take it over when they have waited
            try:
                self.store.sharing(lambda shared, _: shared.give_back(self.run.run_id, self.worker))
            except DatabaseError as failed:
                logger.debug("others take over what is left in a while: %s", failed.message)

    def claims(self) -> Iterator[Claim]:
        """The parts that are this process's to do, each when it comes to it."""
        if self.wanted.number is None:
            while (claim := self._next_free()) is not None:
                yield claim
            return
        number = self.wanted.number
        claim = self._ask(
            lambda shared: shared.take(self.run.run_id, number, self.worker, self._held_seconds)
        )
        if claim is None:
            self.done_before = True
            return
        self._taken[number] = claim
        yield claim

    def missing(self, claim: Claim) -> list[tuple[int, int]]:
        """The first and last positions of what is yet to be stored of a part."""
        stored = self._ask(lambda shared: shared.stored_spans(self.run.run_id, claim.part))
        gaps, start = [], claim.first
        for first, last in [*stored, (claim.last + 1, claim.last + 1)]:
            if first > start:
                gaps.append((start, first - 1))
            start = last + 1
        return gaps

    def give(self, images: int) -> None:
        """So many more are on their way to the model."""
        with self._changed:
            self._in_hand += images

    def recorded(self, images: int) -> None:
        """So many have come to their end."""
        with self._changed:
            self._in_hand -= images
            if self._passed:
                self._store_passed()
            self._changed.notify_all()

    def stored_elsewhere(self, positions: Iterable[int]) -> frozenset[int]:
        """Which positions another process has stored since this one took the part."""
        wanted = frozenset(positions)
        if not wanted:
            return wanted
        claim = self._claim_of(min(wanted))
        return self._ask(lambda shared: shared.stored_among(self.run.run_id, claim.part, wanted))

    def pass_over(self, positions: Iterable[int]) -> None:
        """Positions that need no row: the ledger has them with the next ones that are stored."""
        with self._changed:
            self._passed.update(positions)

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest] = (),
    ) -> list[PredictionRecord]:
        """Store a batch, which is of one part, with its entry in the ledger.

        Raises:
            StoredElsewhere: another process has stored some of it.
        """
        own = frozenset([*(one.position for one in predictions), *(one.position for one in failures)])
        with self._changed:
            entry = self._entry(self._claim_of(min(own)), own)
            try:
                records = self.store.sharing(
                    lambda shared, again: shared.add(run, predictions, failures, entry, again=again)
                )
            except StoredElsewhere as elsewhere:
                self._passed -= elsewhere.positions
                raise
            self._passed -= entry.passed
            self._note_pace()
        return records

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
        """Which images a model has predicted already."""
        with self._changed:
            return self.store.predicted(fingerprint, digests)

    def predicted_names(self, fingerprint: str, digests: Sequence[bytes]) -> set[tuple[bytes, str]]:
        """The names by which a model has predicted images."""
        with self._changed:
            return self.store.predicted_names(fingerprint, digests)

    def remember_objects(self, objects: Mapping[bytes, bytes]) -> None:
        """Store which images objects of buckets are."""
        with self._changed:
            self.store.remember_objects(objects)

    def parts_left(self) -> int:
        """How many parts of the run are not done yet, whoever does them."""
        return self._ask(lambda shared: shared.parts_left(self.run.run_id))

    @property
    def parts_taken(self) -> list[int]:
        """The parts that this process was at."""
        return sorted(self._taken)

    def _next_free(self) -> Claim | None:
        """The next part that nobody is at; waits for what others have, as they may give it up."""
        began, pause, told = time.monotonic(), TICK_SECONDS, False
        while not self._is_over:
            claim = self._take_free() or self._take_free(self._gone())
            if claim is not None:
                self._taken[claim.part] = claim
                return claim
            others = self._ask(lambda shared: shared.waiting(self.run.run_id, self.worker))
            if not others.parts:
                return None
            if not told and time.monotonic() - began >= NOTICE_SECONDS:
                told = True
                logger.info(_about(others))
            self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return None

    def _take_free(self, gone: Sequence[str] | None = ()) -> Claim | None:
        if gone is None:
            return None
        return self._ask(
            lambda shared: shared.take_free(
                self.run.run_id, self.worker, self._held_seconds, taken=list(self._taken), gone=gone
            )
        )

    def _gone(self) -> list[str] | None:
        """Processes of this host that are at parts and live no more; None where there are none."""
        held = self._ask(lambda shared: shared.held_on(self.run.run_id, self.worker.host))
        return [attempt for attempt in held if is_gone(attempt)] or None

    def wait_for_room(self, batch_size: int) -> None:
        """Wait until most of what was taken has come to its end."""
        with self._changed:
            while self._in_hand > BATCHES_IN_HAND * batch_size and not self._is_over:
                self._changed.wait(TICK_SECONDS)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._is_over and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, TICK_SECONDS))

    @property
    def _is_over(self) -> bool:
        return self._ended or self.enough()

    @property
    def _held_seconds(self) -> float:
        return max(HELD_SECONDS, TIMES_SLOWEST * self._slowest)

    def _note_pace(self) -> None:
        now = time.monotonic()
        if self._last_stored is not None:
            self._slowest = max(self._slowest, now - self._last_stored)
        self._last_stored = now

    def _claim_of(self, position: int) -> Claim:
        return next(one for one in self._taken.values() if one.first <= position <= one.last)

    def _entry(self, claim: Claim, own: frozenset[int]) -> LedgerEntry:
        passed = frozenset(one for one in self._passed if claim.first <= one <= claim.last)
        return LedgerEntry(
            self.run.run_id,
            claim.part,
            self.worker,
            own | passed,
            passed,
            self._held_seconds,
            self.environment_id,
        )

    def _store_passed(self) -> None:
        """Have the ledger tell of what leaves no row."""
        while self._passed:
            entry = self._entry(self._claim_of(min(self._passed)), frozenset())
            try:
                self._enter(entry)
            except StoredElsewhere as elsewhere:
                if not self._passed & elsewhere.positions:
                    raise  # it would be refused again, without an end
                self._passed -= elsewhere.positions
            else:
                self._passed -= entry.passed

    def _enter(self, entry: LedgerEntry) -> None:
        self.store.sharing(lambda shared, again: shared.add(self.run, [], [], entry, again=again))

    def _ask(self, question: Callable[[SharedRuns], Result]) -> Result:
        with self._changed:
            return self.store.sharing(lambda shared, _: question(shared))


def _about(others: Waiting) -> str:
    parts = "1 part" if others.parts == 1 else f"{others.parts:,} parts"
    hosts = ", ".join(others.hosts) or "another process"
    return f"waiting for {parts} that others are at ({hosts}); what they give up is taken over"
