"""What the system tells of changes in folders, as far as it does: of those on this machine's own disks."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

STEP_MILLISECONDS = 100
LONGEST_MILLISECONDS = 400
"""Changes are told together when none comes for a step, or after so long."""
LOOK_SECONDS = 1.0
"""After which it is noticed that a folder has gone, or is another."""
UNTOLD = "\N{REPLACEMENT CHARACTER}"
END_SECONDS = 2.0


class FolderEvents:
    """Hears of changes in folders and all below them, in a thread of its own, in a `with` block.

    Network file systems tell nothing of what other machines do, and any may lose what is too much: who
    listens looks for itself, too.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = {os.path.realpath(folder): folder for folder in folders}
        self._told: queue.SimpleQueue[set[str]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(END_SECONDS)

    def changed(self, seconds: float) -> Iterator[str]:
        """The paths that have changed, which begin as folders were named; they are waited for so long."""
        try:
            paths = self._told.get(timeout=seconds) if seconds > 0 else self._told.get_nowait()
        except queue.Empty:
            return
        while True:
            yield from self._as_named(paths)
            try:
                paths = self._told.get_nowait()
            except queue.Empty:
                return

    def _as_named(self, paths: Iterable[str]) -> Iterator[str]:
        for path in paths:
            for real, named in self._folders.items():
                if path == real:
                    yield named
                    continue
                rest = path.removeprefix(os.path.join(real, ""))
                # Below another folder, or in one that is hidden.
                if rest != path and not any(part.startswith(".") for part in rest.split(os.sep)):
                    # A name that is not UTF-8 cannot be told: its folder can be looked into.
                    whole = os.path.join(named, rest)
                    yield os.path.dirname(whole) if UNTOLD in rest else whole

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._hear()
            except FileNotFoundError:
                self._stop.wait(LOOK_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is the other way
                logger.warning("changes are found by looking alone, as the system tells of none: %s", error)
                return

    def _hear(self) -> None:
        """Hear of changes until a folder has gone or is another one."""
        from watchfiles import Change, watch

        identities = self._identities()
        for changes in watch(
            *self._folders,
            watch_filter=None,
            debounce=LONGEST_MILLISECONDS,
            step=STEP_MILLISECONDS,
            rust_timeout=int(1000 * LOOK_SECONDS),
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            if changes:
                self._told.put({path for _, path in changes})
            # A folder that is made at once in the place of a deleted one may have its number again.
            is_deleted = any(kind is Change.deleted and path in self._folders for kind, path in changes)
            if is_deleted or self._identities() != identities:
                return

    def _identities(self) -> list[tuple[int, int]]:
        statuses = map(os.stat, self._folders)
        return [(status.st_dev, status.st_ino) for status in statuses]
