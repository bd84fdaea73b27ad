"""The manual: the pages of `mlpredict/manual/`, each at its name, and a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from mlpredict.web.access import MANUAL
from mlpredict.web.documents import WITHOUT_SCRIPTS, Document, render
from mlpredict.web.markdown import Page, page_of
from mlpredict.web.static_files import static_files, static_version

FOLDER = Path(__file__).parents[2] / "manual"

READING_ORDER = (
    "scripting",
    "files",
    "buckets",
    "models",
    "python",
    "http",
    "database",
    "real-server",
    "tables",
    "speed",
    "security",
    "troubleshooting",
)
"""As the README names them; what else there is follows."""


def manual_router() -> APIRouter:
    """`GET /manual/` and `GET /manual/NAME`; the pages are rendered when the first is asked for."""
    router = APIRouter(include_in_schema=False)

    async def folder() -> Response:
        # Relative: whatever a proxy has put before it stays.
        return RedirectResponse("manual/", 308)

    def page(request: Request, name: str = "") -> Response:
        found = documents().get(name)
        if found is None:
            raise HTTPException(404, f"The manual has no page {name!r}.")
        return found.response(request)

    router.add_api_route(MANUAL, folder, methods=["GET", "HEAD"])
    router.add_api_route(f"{MANUAL}/", page, methods=["GET", "HEAD"])
    router.add_api_route(f"{MANUAL}/{{name}}", page, methods=["GET", "HEAD"])
    return router


@cache
def documents() -> Mapping[str, Document]:
    """Every page by its name, and the list of them by the empty name."""
    pages = manual_pages()
    static = f"../static/{static_version(static_files())}"
    titles = [(name, page.title) for name, page in pages.items()]
    shown = {
        name: render("manual.html", page=page, name=name, pages=titles, root="../", static=static)
        for name, page in pages.items()
    }
    shown[""] = render("manual_list.html", pages=pages.items(), root="../", static=static)
    return {name: Document(html, WITHOUT_SCRIPTS) for name, html in shown.items()}


def manual_pages() -> Mapping[str, Page]:
    """The pages, in the order in which they are read."""
    files = {path.stem: path for path in sorted(FOLDER.glob("*.md"))}
    names = [name for name in READING_ORDER if name in files]
    names += [name for name in files if name not in names]
    return {name: page_of(files[name].read_text("utf-8"), frozenset(files)) for name in names}
