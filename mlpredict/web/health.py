"""Is it alive, is it ready, and what has it done?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from mlpredict.errors import DatabaseError
from mlpredict.web.answers import json_response
from mlpredict.web.backend import Backend
from mlpredict.web.documents import failures
from mlpredict.web.rules import ALIVE, READY


def router(backend: Backend) -> APIRouter:
    """The routes for machines that look after this one."""
    routes = APIRouter(tags=["health"])

    @routes.get(ALIVE, summary="Whether the server is alive")
    async def alive() -> Response:
        return json_response({"status": "alive"})

    @routes.get(
        READY, summary="Whether the model is loaded and the database answers", responses=failures(503)
    )
    async def ready() -> Response:
        try:
            await backend.read(lambda repository: repository.ping())
        except DatabaseError:
            return json_response({"detail": "the database does not answer"}, 503, {"Retry-After": "2"})
        return json_response({"status": "ready", "model": str(backend.model.identity)})

    @routes.get("/metrics", summary="Numbers for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        text, contenttype = backend.metrics.text()
        return Response(text, headers={"Content-Type": contenttype})

    return routes
