"""What was done: the runs, and the models that they used, each with what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from mlpredict.domain.history import fields_of
from mlpredict.storage.history import History
from mlpredict.web.backend import Backend
from mlpredict.web.filters import LAST_ID, PAGE, Limit, WantedRuns, next_page
from mlpredict.web.openapi import MODELS, RUN, RUNS, failures, success
from mlpredict.web.responses import json_response

Id = Annotated[int, Path(ge=1, le=LAST_ID)]
Before = Annotated[
    int | None, Query(ge=1, le=LAST_ID, description="the last run of the page before; `next` has it")
]
Counts = Annotated[bool, Query(description="false names them alone, and counts nothing")]


def router(backend: Backend) -> APIRouter:
    """The routes below /v1 that tell of runs and models."""
    routes = APIRouter(prefix="/v1", tags=["v1"])

    @routes.get(
        "/runs",
        summary="Runs, newest first, with what came of each; one that has not ended runs, or was killed",
        responses=success(RUNS) | failures(422, 503),
    )
    async def runs(
        request: Request, wanted: WantedRuns, limit: Limit = PAGE, before: Before = None
    ) -> Response:
        found = await backend.read_history(
            lambda repository: [*History(repository.connection).runs(wanted, limit=limit + 1, before=before)]
        )
        shown = found[:limit]
        following = next_page(request, shown[-1].run_id if len(found) > limit else None)
        return json_response({"runs": [fields_of(one) for one in shown], "next": following})

    @routes.get(
        "/runs/{run_id}",
        summary="A run, with how often it gave each label and each reason of a failure",
        responses=success(RUN) | failures(404, 422, 503),
    )
    async def run(run_id: Id) -> Response:
        detail = await backend.read_history(lambda repository: History(repository.connection).run(run_id))
        more = {"labels": dict(detail.labels), "reasons": dict(detail.reasons)}
        return json_response(fields_of(detail.record, **more))

    @routes.get(
        "/models",
        summary="The models that were used, the last one first, with what came of each",
        responses=success(MODELS) | failures(422, 503),
    )
    async def models(counts: Counts = True) -> Response:
        if counts:
            listed = await backend.read_history(lambda repository: History(repository.connection).models())
            return json_response({"models": [fields_of(one) for one in listed]})
        names = await backend.read_history(lambda repository: History(repository.connection).model_names())
        return json_response(
            {
                "models": [
                    {"model": model, "name": name, "fingerprint": digits} for model, name, digits in names
                ]
            }
        )

    return routes
