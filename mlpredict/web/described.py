"""The OpenAPI document, with what holds for all calls: who may ask, HEAD, and what may be sent again."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from mlpredict.web.access import ALIVE, READY, Rules
from mlpredict.web.idempotency import LONGEST_KEY
from mlpredict.web.openapi import failures, serving_failures
from mlpredict.web.responses import SERVING_FORM

ALL_CALLS = (
    "HEAD is answered wherever GET is. Two Host, Authorization or Idempotency-Key headers in one request are"
    " refused (400)."
)
ONCE = (
    "A POST with an Idempotency-Key that is sent again within 24 hours, as its answer was lost, gets the same"
    " answer, and nothing is stored twice; while the first one is being answered, the second waits, for half"
    " a minute (then 409). The same key with another request is refused (422)."
)
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "one for each request that may be sent again",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": r"^[A-Za-z0-9._~-]+$"},
}
BEARER = {"type": "http", "scheme": "bearer"}


def describe(app: FastAPI, rules: Rules) -> None:
    """Have the application's OpenAPI document tell all of it."""
    made = app.openapi
    app.description = " ".join([app.description, ALL_CALLS, ONCE, _origins(rules)])

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            if rules.token is not None:
                document.setdefault("components", {})["securitySchemes"] = {"token": BEARER}
            for path, calls in document["paths"].items():
                _complete(path, calls, rules)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _origins(rules: Rules) -> str:
    if not rules.origins:
        return "Pages of other sites may not ask; --allow-origin names those that may."
    return f"Pages of {', '.join(rules.origins)} may ask (--allow-origin)."


def _complete(path: str, calls: dict[str, Any], rules: Rules) -> None:
    for status in _statuses(path, rules):
        for call in calls.values():
            _add(path, call, status)
    if (post := calls.get("post")) is not None:
        post.setdefault("parameters", []).append(KEY)
        for status in (409, 422):
            _add(path, post, status)
    if rules.token is not None and path not in (ALIVE, READY):
        for call in calls.values():
            call["security"] = [{"token": []}]
    if (get := calls.get("get")) is not None:
        calls["head"] = _without_bodies(get)


def _statuses(path: str, rules: Rules) -> Iterator[int]:
    """What any call may be answered by the guard."""
    yield HTTPStatus.BAD_REQUEST
    if rules.token is None:
        yield HTTPStatus.FORBIDDEN
    elif path not in (ALIVE, READY):
        yield HTTPStatus.UNAUTHORIZED


def _add(path: str, call: dict[str, Any], status: int) -> None:
    """An error, in the form of the path's API."""
    described = serving_failures(status) if path.startswith(SERVING_FORM) else failures(status)
    call["responses"].setdefault(str(int(status)), described[status])


def _without_bodies(get: dict[str, Any]) -> dict[str, Any]:
    """HEAD beside a GET."""
    responses = {
        status: {name: value for name, value in response.items() if name != "content"}
        for status, response in get["responses"].items()
    }
    return {**get, "operationId": f"{get['operationId']}_head", "responses": responses}
