"""The application: its routes, and what becomes of errors."""

from __future__ import annotations

from time import perf_counter

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlpredict import __version__
from mlpredict.errors import DatabaseError, NotFound, UsageError
from mlpredict.inputs.kept import ImageUnavailable
from mlpredict.web.access import ALIVE, READY, Guard, Rules
from mlpredict.web.backend import Backend
from mlpredict.web.described import describe
from mlpredict.web.errors import Crowded, Missing, RequestError, Unprocessable, unavailable
from mlpredict.web.metrics import Metrics
from mlpredict.web.responses import error_body, error_response, json_response
from mlpredict.web.routes import (
    health,
    history,
    labels,
    published,
    reports,
    review,
    stored,
    tensorflow_serving,
    v1,
)
from mlpredict.web.routes.docs import add_docs
from mlpredict.web.routes.manual import manual_router
from mlpredict.web.routes.page import page_router

MOST_REQUESTS = 500
"""So many are answered at a time."""


def create_app(backend: Backend, rules: Rules) -> FastAPI:
    """Everything the server answers; errors that are not the client's are logged."""
    app = FastAPI(
        title="mlpredict",
        version=__version__,
        description=f"Predictions of {backend.model.identity}, kept in PostgreSQL.",
        redirect_slashes=False,
        # FastAPI's own pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    page = page_router(backend.model.identity, backend.model.spec)
    others = (
        routes.router(backend)
        for routes in (published, stored, v1, labels, review, history, reports, tensorflow_serving, health)
    )
    for router in (page, manual_router(), *others):
        # Not `include_router`, which looks for each route twice.
        app.router.routes.extend(router.routes)
    describe(app, rules)
    add_docs(app)
    _add_handlers(app)
    _add_middleware(app, backend, rules)
    return app


def _add_handlers(app: FastAPI) -> None:
    """Have errors of all kinds answered."""

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return error_response(error, request.scope["path"])

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return error_response(Unprocessable(_in_words(error)), request.scope["path"])

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        body = error_body(error.detail, request.scope["path"])
        return json_response(body, error.status_code, error.headers)

    @app.exception_handler(NotFound)
    @app.exception_handler(ImageUnavailable)
    async def missing(request: Request, error: NotFound | ImageUnavailable) -> Response:
        return error_response(Missing(error.message), request.scope["path"])

    @app.exception_handler(UsageError)
    async def senseless(request: Request, error: UsageError) -> Response:
        return error_response(Unprocessable(error.message), request.scope["path"])

    @app.exception_handler(DatabaseError)
    async def away(request: Request, error: DatabaseError) -> Response:
        return error_response(unavailable(error), request.scope["path"])


def _add_middleware(app: FastAPI, backend: Backend, rules: Rules) -> None:
    """Put around the routes what all requests go through, from within to without."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(Limited)
    app.add_middleware(Guard, rules=rules)
    if rules.origins:
        # Around the guard: a browser asks first, without the token, whether it may ask with it.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=rules.origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key"),
            expose_headers=("Link", "Retry-After"),
        )
    app.add_middleware(Measured, metrics=backend.metrics)


class HeadAsGet:
    """Answers HEAD wherever GET is answered, with the same head and no body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_head)
        finally:
            if "route" in asked:
                scope["route"] = asked["route"]  # for the metrics


class Limited:
    """Answers so many requests at a time; whether the server is alive is answered whatever else waits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in (ALIVE, READY):
            await self._app(scope, receive, send)
            return
        if self._working >= MOST_REQUESTS:
            await error_response(Crowded(), scope["path"])(scope, receive, send)
            return
        self._working += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._working -= 1


class Measured:
    """Counts the requests, and takes their time."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 500

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request(scope["method"], route, status, perf_counter() - began)


def _in_words(error: RequestValidationError) -> str:
    """The first thing that is wrong."""
    first = error.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}"
