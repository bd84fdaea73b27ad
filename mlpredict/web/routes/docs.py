"""The API's description for people: made from the OpenAPI document, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from mlpredict.web.access import DOCS
from mlpredict.web.documents import Document, render
from mlpredict.web.examples import BASE, Example, example_of
from mlpredict.web.static_files import static_files, static_version


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path, in words."""

    method: str
    path: str
    summary: str
    parameters: tuple[tuple[str, str], ...]
    responses: tuple[tuple[str, str], ...]
    example: Example
    fields: tuple[tuple[str, str], ...] | None
    """The parameters by which the call can be tried; None where that would store something."""


def add_docs(app: FastAPI) -> None:
    """Have the application describe itself."""

    @cache
    def page() -> Document:
        document = app.openapi()
        static = f"static/{static_version(static_files())}"
        shown = list(calls(document))
        address = (app.openapi_url or "").lstrip("/")
        return Document(
            render(
                "docs.html",
                **document["info"],
                document=address,
                calls=shown,
                base=BASE,
                root="",
                static=static,
            )
        )

    @app.get(DOCS, include_in_schema=False)
    async def docs(request: Request) -> Response:
        return page().response(request)


def calls(document: Mapping[str, Any]) -> Iterator[Call]:
    """Every call of an OpenAPI document, in its order; HEAD goes with GET."""
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if method == "head":  # as GET, as the page says of all of them
                continue
            parameters = [(one["name"], _meaning(one)) for one in call.get("parameters", ())]
            for media, body in call.get("requestBody", {}).get("content", {}).items():
                parameters += [(name, f"a field of {media}") for name in body["schema"]["properties"]]
            responses = ((status, response["description"]) for status, response in call["responses"].items())
            yield Call(
                method.upper(),
                path,
                call["summary"],
                tuple(parameters),
                tuple(responses),
                example_of(method.upper(), path, call),
                _fields(call) if method == "get" else None,
            )


def _fields(call: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What may be filled in before a harmless call is tried: the names and places of its parameters."""
    parameters = call.get("parameters", ())
    return tuple((one["name"], one["in"]) for one in parameters if one["in"] in ("path", "query"))


def _meaning(parameter: Mapping[str, Any]) -> str:
    """A parameter in words, or its type."""
    words = _schema(parameter["schema"])
    return f"a header: {parameter['description']}" if parameter["in"] == "header" else words


def _schema(schema: Mapping[str, Any]) -> str:
    """A parameter's type, bounds and default."""
    if "anyOf" in schema:
        kinds = [_schema(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    words = [f"{_schema(schema['items'])}, repeatable" if "items" in schema else str(schema.get("type"))]
    if "minimum" in schema:
        words.append(f"from {schema['minimum']}")
    if "maximum" in schema:
        words.append(f"to {schema['maximum']}")
    if "default" in schema:
        words.append(f"({schema['default']} without it)")
    return " ".join(words)
