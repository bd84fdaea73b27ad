"""The server's life: model, database and socket, requests, and an end in order."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
import uvloop

from mlpredict import settings
from mlpredict.domain import EngineName, Keep
from mlpredict.errors import DatabaseError
from mlpredict.inference.model import Model, load_model
from mlpredict.recording import Storing
from mlpredict.storage.persistence import PersistentStore, open_store
from mlpredict.storage.pool import ReadPool, open_reads
from mlpredict.web.address import listen, resolve, rules_for, url_of
from mlpredict.web.app import create_app
from mlpredict.web.backend import Backend
from mlpredict.web.guard import Rules
from mlpredict.web.metrics import Metrics
from mlpredict.web.protocol import PatientOnlySoLong
from mlpredict.web.room import Memory
from mlpredict.web.service import Service

Notify = Callable[[str], None]

RETRY_SECONDS = 3.0
"""For so long a batch waits for a database that is away; what comes after it is refused meanwhile."""

STOP_SECONDS = 30
IDLE_SECONDS = 20
CONNECTIONS = 1000
UPLOADS_IN_MEMORY = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What `mlpredict serve` was asked for."""

    model: Path
    dsn: str | None
    host: str
    port: int
    workers: int
    max_upload: int
    token: str | None = field(repr=False)
    insecure: bool
    verbose: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """Where the server says what it has to say."""

    notice: Notify
    error: Notify


def serve(options: Options, talk: Talk, loaded: Callable[[], None]) -> None:
    """Serve until a SIGTERM or a Ctrl-C, and answer what was accepted by then.

    `loaded` is called when all is ready for work.

    Raises:
        UsageError: the address cannot be had, or is open to other machines without a token.
        ModelError, DatabaseError: there is nothing to serve.
    """
    address = resolve(options.host, options.port)
    rules = rules_for(address, options.token, insecure=options.insecure)
    with listen(address) as listener:
        _log_to(talk.error, options)
        model = load_model(
            options.model, engine=EngineName.AUTO, cache=settings.cache_home(), notify=talk.notice
        )
        with (
            open_reads(options.dsn, talk.notice) as reads,
            open_store(options.dsn, talk.notice, retry=RETRY_SECONDS) as store,
        ):
            loaded()
            where = url_of(address, listener)
            worker = Worker(options, rules, model, store, reads, listener, talk)
            worker.run(lambda: talk.notice(f"serving {model.identity} at {where}"))


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that answers requests."""

    options: Options
    rules: Rules
    model: Model
    store: PersistentStore
    reads: ReadPool
    listener: socket.socket
    talk: Talk

    def run(self, up: Callable[[], None]) -> None:
        """Answer requests until a signal ends it; `up` is called when it does."""
        # uvicorn raises the signal that ended it once more, when all is done.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._answer(up))

    async def _answer(self, up: Callable[[], None]) -> None:
        metrics = Metrics()
        run = self.store.start_run(self.model.identity, engine=self.model.engine.name, keep=Keep.ORIGINAL)
        recorder = Storing(self.store, run, Keep.ORIGINAL, self.model.spec.preprocessing)
        service = Service(self.model, recorder, metrics, self.talk.error)
        memory = Memory(UPLOADS_IN_MEMORY * self.options.max_upload)
        backend = Backend(service, self.reads, metrics, self.options.max_upload, memory)
        app = create_app(backend, self.rules, self.talk.error)
        config = uvicorn.Config(
            app,
            http=PatientOnlySoLong,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=self.options.verbose,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        try:
            await _Server(config, up).serve([self.listener])
        finally:
            await asyncio.to_thread(service.close)
        try:
            self.store.finish_run(run)
        except DatabaseError as error:
            self.talk.error(error.message)


class _Server(uvicorn.Server):
    """Says when it is up."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()


class _Talking(logging.Handler):
    """Says what is logged."""

    def __init__(self, say: Notify) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


def _log_to(say: Notify, options: Options) -> None:
    logger = logging.getLogger("uvicorn")
    logger.addHandler(_Talking(say))
    logger.propagate = False
    logger.setLevel(logging.INFO if options.verbose else logging.ERROR)
