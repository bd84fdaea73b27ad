"""What is said of images, stored one after the other, each in a transaction of its own."""

from __future__ import annotations

import queue
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlpredict.cli.review.entries import Decision, Entry, Said
from mlpredict.domain import NewLabel

if TYPE_CHECKING:
    from mlpredict.domain import Labelled, LabelSource
    from mlpredict.storage.retrying import PersistentStore

SHOWN = 5


@dataclass(slots=True)
class Saver:
    """Stores in a thread of its own, so that the next picture need not wait for a database that is slow.

    `notify` is called when something is stored, and `error` says why nothing more is.
    """

    store: PersistentStore
    source: LabelSource
    by: str | None
    notify: Callable[[], None]
    error: BaseException | None = None
    _left: queue.SimpleQueue[tuple[Entry, Decision] | None] = field(default_factory=queue.SimpleQueue)
    _waiting: list[tuple[Entry, Decision]] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="saver", daemon=True)
        self._thread.start()

    def save(self, entry: Entry, decision: Decision) -> None:
        """Have it stored."""
        with self._turn:
            self._waiting.append((entry, decision))
        self._left.put((entry, decision))

    @property
    def unsaved(self) -> int:
        """How much is not stored yet."""
        return len(self._waiting)

    def finish(self, seconds: float) -> bool:
        """Store what is left, and no more; whether that is done within so many seconds."""
        self._left.put(None)
        if self._thread is not None:
            self._thread.join(seconds)
            return not self._thread.is_alive()
        return True

    def commands(self) -> list[str]:
        """What stores by hand what is not stored."""
        with self._turn:
            waiting = [*self._waiting]
        return [_command(entry, decision, self.source, self.by) for entry, decision in waiting]

    def _work(self) -> None:
        while (one := self._left.get()) is not None:
            entry, decision = one
            try:
                done = self._store(entry, decision)
            except BaseException as error:  # noqa: BLE001 - the review ends with it
                self.error = error
                self.notify()
                return
            with self._turn:
                self._waiting.remove(one)
            if done.missing:
                entry.problem = f"{done.missing[0]}: its label cannot be stored"
            # Something else may have been said meanwhile, and is on its way.
            elif entry.decision == decision:
                entry.is_stored = True
            self.notify()

    def _store(self, entry: Entry, decision: Decision) -> Labelled:
        image = NewLabel(decision.text, prediction_id=entry.item.prediction_id)
        match decision.said:
            case Said.UNUSABLE:
                return self.store.mark_unusable([image], source=self.source, marked_by=self.by)
            case Said.NOTHING:
                return self.store.unlabel([image], removed_by=self.by)
            case _:
                return self.store.label([image], source=self.source, labelled_by=self.by)


def _command(entry: Entry, decision: Decision, source: LabelSource, by: str | None) -> str:
    prediction_id = str(entry.item.prediction_id)
    signed = [] if by is None else ["--by", by]
    match decision.said:
        case Said.UNUSABLE:
            return f"# prediction {prediction_id} is not usable"
        case Said.NOTHING:
            words = ["--remove", *signed, prediction_id]
        case _:
            # A number may be negative, and no label is an option.
            words = ["--source", str(source), *signed, "--", prediction_id, decision.text]
    return shlex.join(["mlpredict", "label", *words])
