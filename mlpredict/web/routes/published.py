"""The routes of the 2020 program, as its clients know them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from mlpredict.domain import PredictionDetail, Rejected, Reply, Source
from mlpredict.errors import NotFound
from mlpredict.inputs.kept import data_uri
from mlpredict.support.json_text import as_json
from mlpredict.web.backend import Backend
from mlpredict.web.batches import Outcome
from mlpredict.web.direct_route import DirectRoute
from mlpredict.web.errors import Missing, RequestError, Unprocessable
from mlpredict.web.idempotency import Call, digest_of_files, key_of
from mlpredict.web.openapi import PAIR, RECORD, ROWS, failures, success
from mlpredict.web.request_bodies import FORM_OF_ONE
from mlpredict.web.responses import JSON, json_response, record_fields, refusal, stored_file

PAGE = 1000
LARGEST_PAGE = 100_000
BLOCK_ROWS = 500
LAST_ID = 2**63 - 1
ROOT = {"error": "Use GET /predictions/ instead of the root route!"}
"""The program of 2020 named `GET /prediction`, which neither has."""


class NotAnImageFile(RequestError):
    """The file is not an image."""


def router(backend: Backend) -> APIRouter:
    """The routes, each with and without a slash at its end: a redirect would lose some clients' bodies."""
    routes = APIRouter(tags=["as in 2020"], route_class=DirectRoute)

    @routes.get("/", summary="A word to programs; browsers get the page")
    async def root() -> Response:
        return json_response(ROOT)

    @routes.post("/prediction", include_in_schema=False)
    @routes.post(
        "/prediction/",
        summary="Predict an image and store it with its prediction",
        openapi_extra=FORM_OF_ONE,
        responses=success(RECORD) | failures(400, 413, 422, 503),
    )
    async def predict(request: Request) -> Response:
        key = key_of(request.scope["headers"])
        with backend.memory.room() as room:
            file, *more = await backend.files(request, room)
            if more:
                raise Unprocessable("One file at a time; POST /v1/predictions takes several.")
            if not (file.contenttype or "").startswith("image/"):
                raise NotAnImageFile(f"File '{file.filename}' is not an image.")

            def reply(outcomes: Sequence[Outcome]) -> Reply:
                [outcome] = outcomes
                if isinstance(outcome, Rejected):
                    error = NotAnImageFile(f"File '{file.filename}': {outcome.reason}")
                    return refusal(error, request.scope["path"])
                # The content type as the client has it: the program of 2020 looked at nothing else.
                return Reply(200, as_json(record_fields(outcome) | {"contenttype": file.contenttype}))

            call = Call("/prediction/", key, lambda: digest_of_files([file]))
            return await backend.answer(call, [Source(file.filename, file.content)], reply)

    @routes.get("/predictions", include_in_schema=False)
    @routes.get(
        "/predictions/",
        summary="Stored predictions, newest first, as arrays: id, input id, prediction",
        responses=success(ROWS) | failures(422, 503),
    )
    async def predictions(
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
        before: Annotated[int | None, Query(ge=1, le=LAST_ID)] = None,
    ) -> Response:
        end = LAST_ID if before is None else before
        following = await backend.read_history(lambda repository: repository.next_before(end, limit))
        headers = {}
        if following is not None:
            headers["Link"] = f'</predictions/?limit={limit}&before={following}>; rel="next"'
        first = await _block(backend, end, limit)
        return StreamingResponse(_streamed(backend, first, limit), headers=headers, media_type=JSON)

    @routes.get("/prediction/{prediction_id}/", include_in_schema=False)
    @routes.get(
        "/prediction/{prediction_id}",
        summary="A stored prediction and its image as a data: URI",
        responses=success(PAIR) | failures(404, 422, 503),
    )
    async def prediction(prediction_id: int) -> Response:
        try:
            if not 1 <= prediction_id <= LAST_ID:
                raise NotFound
            detail = await backend.read(lambda repository: repository.detail(prediction_id))
        except NotFound:
            return json_response({"message": f"No prediction with id {prediction_id} could be found"})
        image = await run_in_threadpool(_image, detail)
        return json_response([orjson.Fragment(detail.record.prediction), image])

    return routes


async def _block(backend: Backend, before: int, limit: int) -> list[tuple[int, str]]:
    count = min(limit, BLOCK_ROWS)
    return await backend.read_history(lambda repository: repository.published_rows(before, count))


async def _streamed(backend: Backend, block: list[tuple[int, str]], limit: int) -> AsyncIterator[str]:
    """A JSON array of the predictions of a page.

    Between two blocks no connection is held: a client may take its time to read.
    """
    separator = "["
    while block:
        yield separator + ",".join(text for _, text in block)
        separator = ","
        limit -= len(block)
        block = await _block(backend, block[-1][0], limit) if limit else []
    yield "]" if separator == "," else "[]"


def _image(detail: PredictionDetail) -> str | None:
    """The image as a `data:` URI; None where it cannot be had."""
    if (detail.image.uri or "").startswith("data:"):
        return detail.image.uri
    try:
        file = stored_file(detail.image)
    except Missing:
        return None
    return data_uri(file.contenttype, file.content)
