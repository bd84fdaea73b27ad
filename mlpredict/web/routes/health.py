"""Is it alive, is it ready, and what has it done?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from mlpredict.errors import DatabaseError
from mlpredict.web.access import ALIVE, READY
from mlpredict.web.backend import Backend
from mlpredict.web.openapi import failures
from mlpredict.web.responses import json_response


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
            await backend.ping()
        except DatabaseError:
            return json_response({"detail": "the database does not answer"}, 503, {"Retry-After": "2"})
        return json_response({"status": "ready", "model": str(backend.model.identity)})

    @routes.get("/metrics", summary="Numbers for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        text, contenttype = backend.metrics.text()
        return Response(text, headers={"Content-Type": contenttype})

    return routes
