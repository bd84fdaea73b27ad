"""What stored predictions were worth: reports and comparisons, one at a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mlpredict.domain.reports import GroupBy
from mlpredict.pipeline.comparing import compare
from mlpredict.pipeline.reporting import report
from mlpredict.report_page.as_json import comparison_as_json, report_as_json
from mlpredict.report_page.page import POLICY
from mlpredict.report_page.report_html import report_page
from mlpredict.report_page.thumbnails import thumbnails
from mlpredict.storage.repository import Repository
from mlpredict.support.json_text import as_json
from mlpredict.web.backend import Backend
from mlpredict.web.errors import Unprocessable
from mlpredict.web.filters import Wanted
from mlpredict.web.openapi import COMPARISON, PAGE, REPORT, failures, success
from mlpredict.web.reports import Make
from mlpredict.web.responses import JSON

WORST_SHOWN = 24
"""Mistakes whose pictures are in a page."""

NO_STORE = {"Cache-Control": "no-store"}

By = Annotated[GroupBy | None, Query(description="what predictions are also told apart by")]
Against = Annotated[
    str | None, Query(description="with by: the group whose labels others are compared with; else the first")
]
Side = Annotated[str, Query(min_length=1, description="a model, as in the filter, or the number of a run")]


def router(backend: Backend) -> APIRouter:
    """The routes below /v1 that count over all the predictions of a filter."""
    routes = APIRouter(prefix="/v1", tags=["v1"])

    async def answered(request: Request, make: Make) -> bytes:
        asked = (request.url.path, *sorted(request.query_params.multi_items()))
        return await backend.reports.report(asked, make, request.receive)

    @routes.get(
        "/report",
        summary="What predictions were worth: accuracy, confusion, calibration, as report --json has it",
        responses=success(REPORT) | failures(422, 503),
    )
    async def report_of(request: Request, wanted: Wanted, by: By = None, against: Against = None) -> Response:
        _require_groups(by, against)

        def make(repository: Repository) -> bytes:
            return as_json(report_as_json(report(repository, wanted, by=by, against=against)))

        return Response(await answered(request, make), headers=NO_STORE, media_type=JSON)

    @routes.get(
        "/report/page",
        summary="The same as one page with plots and the worst mistakes, as report --html writes it",
        response_class=Response,
        responses=PAGE | failures(422, 503),
    )
    async def page(request: Request, wanted: Wanted, by: By = None, against: Against = None) -> Response:
        _require_groups(by, against)

        def make(repository: Repository) -> bytes:
            made = report(repository, wanted, by=by, against=against, worst=WORST_SHOWN)
            inputs = dict.fromkeys(one.input_id for one in made.worst if one.input_id is not None)
            return report_page(made, thumbnails(map(repository.image, inputs))).encode()

        headers = {**NO_STORE, "Content-Security-Policy": f"{POLICY}; sandbox"}
        return Response(await answered(request, make), headers=headers, media_type="text/html")

    @routes.get(
        "/compare",
        summary="Two models, or two runs, on the images that both have predicted, as compare --json has it",
        responses=success(COMPARISON) | failures(404, 422, 503),
    )
    async def comparison(request: Request, a: Side, b: Side, wanted: Wanted) -> Response:
        def make(repository: Repository) -> bytes:
            return as_json(comparison_as_json(compare(repository, a, b, wanted)))

        return Response(await answered(request, make), headers=NO_STORE, media_type=JSON)

    return routes


def _require_groups(by: GroupBy | None, against: str | None) -> None:
    """Raises Unprocessable where groups are to be compared, and there are none."""
    if against is not None and by is None:
        raise Unprocessable("against goes with by")
