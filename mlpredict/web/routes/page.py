"""The pages for a browser: documents, rendered once, and the few files that they load."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from mlpredict.domain import ImageSpec, ModelIdentity
from mlpredict.web.access import REPORT, REVIEW, wants_page
from mlpredict.web.documents import Document, render
from mlpredict.web.heading import DIGITS, heading
from mlpredict.web.static_files import static_files, static_version

# Their address changes with their content.
STATIC_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}

SAMPLES = ("2-felt-pen.png", "3-brush.png", "6-white-on-black.png", "7-marker.png")
"""Pictures to try a model of digits with."""


class BrowserRoute(APIRoute):
    """A route that only a browser takes; for programs the API answers at the same path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and not wants_page(scope):
            return Match.NONE, {}
        return match, child_scope


def page_router(model: ModelIdentity, spec: ImageSpec) -> APIRouter:
    """`GET /` for browsers, `/report`, `/review`, `/static/…`; it goes before the API's own `GET /`."""
    files = static_files()
    version = static_version(files)
    document = Document(render_page(model, spec, version), more={"Vary": "Accept"})
    report_document = Document(render("report.html", model=model, root="", static=f"static/{version}"))
    review_document = Document(render("review.html", model=model, root="", static=f"static/{version}"))
    router = APIRouter(include_in_schema=False)

    async def page(request: Request) -> Response:
        return document.response(request)

    async def report(request: Request) -> Response:
        return report_document.response(request)

    async def review(request: Request) -> Response:
        return review_document.response(request)

    async def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, f"The page has no file {name!r}.")
        return Response(files[name].content, headers=STATIC_HEADERS, media_type=files[name].mediatype)

    router.add_api_route("/", page, methods=["GET", "HEAD"], route_class_override=BrowserRoute)
    router.add_api_route(REVIEW, review, methods=["GET", "HEAD"])
    router.add_api_route(REPORT, report, methods=["GET", "HEAD"])
    router.add_api_route(f"/static/{version}/{{name}}", static, methods=["GET", "HEAD"])
    return router


def render_page(model: ModelIdentity, spec: ImageSpec, version: str) -> str:
    """The document, with what it says of the model escaped."""
    return render(
        "page.html",
        model=model,
        spec=spec,
        heading=heading(model),
        samples=SAMPLES if model.labels == DIGITS else (),
        root="",
        static=f"static/{version}",
    )
