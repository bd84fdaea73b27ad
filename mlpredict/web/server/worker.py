"""A process that answers requests: its model, its connections, and its event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from mlpredict.api.connections import Connections
from mlpredict.api.named import load_path_or_name
from mlpredict.domain import Keep
from mlpredict.errors import DatabaseError
from mlpredict.inference.model import Model
from mlpredict.pipeline.recording import start_recording
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.pool import ReadPool, open_reads
from mlpredict.storage.retrying import PersistentStore, open_store
from mlpredict.support.logs import get_logger
from mlpredict.support.signals import handled
from mlpredict.web.access import Rules
from mlpredict.web.app import create_app
from mlpredict.web.backend import Backend
from mlpredict.web.changes import Changes
from mlpredict.web.idempotency import Keys, digest_of, scope_of
from mlpredict.web.metrics import Metrics
from mlpredict.web.reports import Reports
from mlpredict.web.server.logs import prepare_loggers
from mlpredict.web.server.options import Options
from mlpredict.web.server.protocol import TimeoutProtocol
from mlpredict.web.service import Service
from mlpredict.web.uploads import FRAMING_BYTES, HELD_TIMES, Memory

logger = get_logger(__name__)

RETRY_SECONDS = 3.0
"""For so long a batch waits for a database that is away."""

PATIENCE_SECONDS = 30.0
"""For so long a batch waits for each answer of a database, whose processes may be frozen."""

PATIENCE_OF_CHANGES_SECONDS = 120.0
"""A change may wait for others. Its request does not for so long: see `changes`."""

STOP_SECONDS = 30
IDLE_SECONDS = 20
UPLOADS_IN_MEMORY = 1
"""So many requests of the largest size have room, with everything that is held for them."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Answers what comes to a socket."""

    options: Options
    rules: Rules
    listener: socket.socket

    def run(self, loaded: Callable[[], None], up: Callable[[str], None]) -> None:
        """Answer requests until a signal ends it.

        `loaded` is called when all is ready for work, `up`, with the model, when requests are answered.

        Raises:
            ModelError, DatabaseError: it cannot begin.
        """
        prepare_loggers(verbose=self.options.verbose)
        model = load_path_or_name(
            str(self.options.model),
            self.options.dsn,
            labels=self.options.labels,
            unsafe=self.options.trusted,
        ).loaded
        dsn = self.options.dsn
        with (
            open_reads(dsn) as reads,
            open_store(dsn, retry=RETRY_SECONDS, patience=PATIENCE_SECONDS) as store,
            _history(reads, self.options.read_dsn) as history,
            asyncio.Runner(loop_factory=_loop_factory()) as runner,
        ):
            loaded()
            runner.run(self._serve(model, store, reads, history, lambda: up(str(model.identity))))

    async def _serve(
        self,
        model: Model,
        store: PersistentStore,
        reads: ReadPool,
        history: HistoryReads,
        up: Callable[[], None],
    ) -> None:
        recorder, run = start_recording(model, store, keep=Keep.ORIGINAL)
        metrics = Metrics()
        service = Service(model, recorder, metrics)
        changes = Changes(Connections(self.options.dsn, RETRY_SECONDS, patience=PATIENCE_OF_CHANGES_SECONDS))
        reports = Reports(history)
        most = self.options.max_upload
        memory = Memory(UPLOADS_IN_MEMORY * HELD_TIMES * (most + FRAMING_BYTES))
        keys = Keys(digest_of([scope_of(self.rules.token), model.identity.fingerprint.encode()]))
        backend = Backend(service, reads, history, changes, reports, metrics, most, memory, keys, run)
        config = uvicorn.Config(
            create_app(backend, self.rules),
            http=TimeoutProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=self.options.verbose,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        try:
            await _Server(config, up).serve([self.listener])
        finally:
            await asyncio.to_thread(service.close)
            await asyncio.to_thread(changes.close)
            await reports.close()
        try:
            store.finish_run(run)
        except DatabaseError as error:
            logger.error(error.message)


@contextmanager
def _history(primary: ReadPool, read_dsn: str | None) -> Iterator[HistoryReads]:
    """Where history is read."""
    if read_dsn is None:
        yield HistoryReads(primary)
        return
    with open_reads(read_dsn) as replica:
        history = HistoryReads(primary, replica)
        history.require_copy()
        yield history


class _Server(uvicorn.Server):
    """Says when it is up; a signal ends it in order, a second one at once."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, it does not raise the signals again when all is done: that is no failure."""
        # Workers ignore a Ctrl-C, and go on doing so.
        with handled((signal.SIGINT, signal.SIGTERM), self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # there is none for every platform
        return asyncio.new_event_loop
    return uvloop.new_event_loop
