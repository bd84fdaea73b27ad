"""The API's description for people: made from the OpenAPI document, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

PATH = "/docs"
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path, in words."""

    method: str
    path: str
    summary: str
    parameters: tuple[tuple[str, str], ...]
    responses: tuple[tuple[str, str], ...]


def add_docs(app: FastAPI) -> None:
    """Have the application describe itself."""

    @cache
    def page() -> str:
        document = app.openapi()
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=True
        )
        return templates.get_template("docs.html").render(
            **document["info"], document=app.openapi_url, calls=list(calls(document))
        )

    @app.get(PATH, include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(), headers=HEADERS)


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
            yield Call(method.upper(), path, call["summary"], tuple(parameters), tuple(responses))


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
