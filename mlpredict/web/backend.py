"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from mlpredict.domain import Source
from mlpredict.inference.model import Model
from mlpredict.storage.pool import ReadPool
from mlpredict.storage.repository import Repository
from mlpredict.web.batches import Outcome
from mlpredict.web.metrics import Metrics
from mlpredict.web.service import Service
from mlpredict.web.uploads import Memory, Room, UploadedFile, receive_files

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backend:
    """The model, the database, and what requests may take."""

    service: Service
    reads: ReadPool
    metrics: Metrics
    max_upload: int
    memory: Memory

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

    async def predict(self, files: list[UploadedFile]) -> list[Outcome]:
        """What became of files, in their order, once it has been recorded."""
        return await self.service.predict([Source(file.filename, file.content) for file in files])

    async def files(self, request: Request, room: Room) -> list[UploadedFile]:
        """The files of a request."""
        return await receive_files(request.receive, request.scope["headers"], self.max_upload, room)
