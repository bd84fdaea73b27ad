"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mlpredict.domain import KnownReply, Reply, Run, Sample, Source
from mlpredict.errors import AlreadyAnswered
from mlpredict.inference.model import Model
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.pool import ReadPool
from mlpredict.storage.repository import Repository
from mlpredict.web.changes import Changes
from mlpredict.web.errors import KeyReused
from mlpredict.web.idempotency import Asked, Call, Keys, Lookups, MakeReply
from mlpredict.web.metrics import Metrics
from mlpredict.web.reports import Reports
from mlpredict.web.responses import JSON
from mlpredict.web.service import Service
from mlpredict.web.uploads import Memory, Room, UploadedFile, receive_body, receive_files

Result = TypeVar("Result")

PING_SECONDS = 2
"""For so long the database may think about nothing at all."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The model, the database, and what requests may take."""

    service: Service
    reads: ReadPool
    history: HistoryReads
    changes: Changes
    reports: Reports
    metrics: Metrics
    max_upload: int
    memory: Memory
    keys: Keys
    run: Run
    lookups: Lookups = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lookups", Lookups(self._replies))

    @property
    def model(self) -> Model:
        """The model that predicts."""
        return self.service.model

    async def read(self, query: Callable[[Repository], Result]) -> Result:
        """What a query gives, in a thread and on a connection of the pool."""

        def run() -> Result:
            with self.reads.repository() as repository:
                return query(repository)

        return await run_in_threadpool(run)

    async def ping(self) -> None:
        """Have the database answer, in less time than other questions may take."""

        def run() -> None:
            with self.reads.repository(seconds=PING_SECONDS) as repository:
                repository.ping()

        await run_in_threadpool(run)

    async def read_history(self, query: Callable[[Repository], Result]) -> Result:
        """The same of what is listed and counted, which a replica may answer; it may be asked twice."""
        return await run_in_threadpool(self.history.read, query)

    async def answer(
        self, call: Call, sources: Sequence[Source | Sample], reply: MakeReply, *, whole: bool = False
    ) -> Response:
        """Have images predicted, and reply with what became of them; a request of a key is done once.

        Of a `whole` request all images are predicted, or none: the reply is then to those that could not
        be decoded.

        Raises:
            KeyReused, StillWorking: the key is another request's, or one of this key takes too long.
        """
        if call.key is None:
            return _response(reply(await self.service.predict(sources, whole=whole)))
        name = self.keys.name(call.route, call.key)
        asked = Asked(name, await run_in_threadpool(call.digest), reply)
        async with self.keys.turn(name):
            known = await self.lookups.reply(name)
            if known is None:
                try:
                    outcomes = await self.service.predict(sources, asked, whole=whole)
                    return _response(asked.made or reply(outcomes))
                except AlreadyAnswered:
                    known = await self.lookups.reply(name)
            if known is None or known.digest != asked.digest:
                raise KeyReused
            return _response(known.reply)

    async def _replies(self, names: Sequence[bytes]) -> dict[bytes, KnownReply]:
        return await self.read(lambda repository: repository.replies(names))

    async def files(self, request: Request, room: Room) -> list[UploadedFile]:
        """The files of a request."""
        return await receive_files(request.receive, request.scope["headers"], self.max_upload, room)

    async def body(self, request: Request, room: Room) -> bytes:
        """The body of a request."""
        return await receive_body(request.receive, request.scope["headers"], self.max_upload, room)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, media_type=JSON)
