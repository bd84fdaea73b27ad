"""The page for a browser: one document, rendered once, and the few files that it loads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from mlpredict.domain import ImageSpec, ModelIdentity
from mlpredict.web.access import wants_page

WEB = Path(__file__).parents[1]
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Scripts and styles come from files of ours alone, and no script may make HTML out of text.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}
# Their address changes with their content.
STATIC_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that the page loads."""

    content: bytes
    mediatype: str


class BrowserRoute(APIRoute):
    """A route that only a browser takes; for programs the API answers at the same path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and not wants_page(scope):
            return Match.NONE, {}
        return match, child_scope


def page_router(model: ModelIdentity, spec: ImageSpec) -> APIRouter:
    """`GET /` for browsers and `GET /static/…`; to be included before the API's own `GET /`."""
    files = static_files()
    version = static_version(files)
    document = render_page(model, spec, version).encode()
    etag = f'"{hashlib.sha256(document).hexdigest()[:16]}"'
    router = APIRouter(include_in_schema=False)

    async def page(request: Request) -> Response:
        headers = {**PAGE_HEADERS, "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(document, headers=headers, media_type="text/html")

    async def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, f"The page has no file {name!r}.")
        return Response(files[name].content, headers=STATIC_HEADERS, media_type=files[name].mediatype)

    router.add_api_route("/", page, methods=["GET", "HEAD"], route_class_override=BrowserRoute)
    router.add_api_route(f"/static/{version}/{{name}}", static, methods=["GET", "HEAD"])
    return router


def render_page(model: ModelIdentity, spec: ImageSpec, version: str) -> str:
    """The document, with what it says of the model escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    return template.render(model=model, spec=spec, static=f"static/{version}")


def static_files() -> Mapping[str, StaticFile]:
    """Every file in `static/`, by its name."""
    return {
        path.name: StaticFile(path.read_bytes(), STATIC_TYPES[path.suffix])
        for path in sorted((WEB / "static").iterdir())
    }


def static_version(files: Mapping[str, StaticFile]) -> str:
    """Digits that change with the content of any file, for addresses that may be cached for ever."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
    return digest.hexdigest()[:12]
