"""Images to be labelled, in the order of a review, and what is said of many of them at once."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mlpredict.api.connections import Connections
from mlpredict.domain import Labelled, PredictionRecord, ReviewOrder
from mlpredict.domain.reviews import ReviewPage, ReviewPosition, source_of_review
from mlpredict.storage.repository import Repository
from mlpredict.web.backend import Backend
from mlpredict.web.errors import Unprocessable
from mlpredict.web.filters import PAGE, Limit, Wanted
from mlpredict.web.openapi import MANY_LABELLED, TO_REVIEW, failures, success
from mlpredict.web.request_bodies import MANY_LABELS_BODY
from mlpredict.web.responses import json_response, record_fields
from mlpredict.web.review_body import (
    MANY_BYTES,
    SaidOfImage,
    SaidOfMany,
    Sorted,
    cursor_of,
    many_body,
    position_of,
    sorted_out,
)
from mlpredict.web.uploads import receive_body

Order = Annotated[
    ReviewOrder,
    Query(
        description="the least score of those without a label first, the surest mistakes, or as chance has it"
    ),
]
After = Annotated[str | None, Query(max_length=100, description="where to go on; `next` has it")]


def router(backend: Backend) -> APIRouter:
    """The routes below /v1 that a review works with."""
    routes = APIRouter(prefix="/v1", tags=["v1"])

    @routes.get(
        "/review",
        summary="Images to be labelled, each once, without those that are not usable; a page may be short",
        responses=success(TO_REVIEW) | failures(422, 503),
    )
    async def review(
        request: Request,
        wanted: Wanted,
        order: Order = ReviewOrder.LEAST_CONFIDENT,
        limit: Limit = PAGE,
        after: After = None,
    ) -> Response:
        position = position_of(after)

        def read(repository: Repository) -> tuple[list[PredictionRecord], ReviewPosition | None]:
            page = repository.to_review(wanted, order, position, limit)
            ids = [one.prediction_id for one in page.images[:limit]]
            records = {one.prediction_id: one for one in repository.predictions_of(ids)}
            found = [records[one] for one in ids if one in records]
            return found, _behind(page, found, limit, order)

        found, behind = await backend.read(read)
        return json_response(
            {
                "images": [_fields(one) for one in found],
                "source": source_of_review(wanted, order),
                "next": None if behind is None else _address(request, behind),
            }
        )

    @routes.get(
        "/review/count",
        summary="How many images there are to be labelled",
        responses=success({"type": "object", "properties": {"images": {"type": "integer"}}})
        | failures(422, 503),
    )
    async def count(wanted: Wanted, order: Order = ReviewOrder.LEAST_CONFIDENT) -> Response:
        images = await backend.read(lambda repository: repository.count_to_review(wanted, order))
        return json_response({"images": images})

    @routes.post(
        "/labels",
        summary="Say what many images show, that they are not usable, or take back what was said",
        openapi_extra=MANY_LABELS_BODY,
        responses=success(MANY_LABELLED) | failures(403, 408, 413, 422, 503),
    )
    async def labels(request: Request) -> Response:
        with backend.memory.room() as room:
            content = await receive_body(request.receive, request.scope["headers"], MANY_BYTES, room)
        body = many_body(content)
        for one in body.images:
            await _require_sense(backend, one)
        said = sorted_out(body)

        done, unusable = await backend.changes.make(lambda database: _stored(database, body, said))
        return json_response(
            {
                "labelled": done.labelled,
                "unchanged": done.unchanged,
                "revised": done.revised,
                "removed": done.removed,
                "unusable": unusable,
                "not_stored": list(done.missing),
                "remarks": list(done.remarks),
            }
        )

    return routes


def _stored(database: Connections, body: SaidOfMany, said: Sorted) -> tuple[Labelled, int]:
    """Store what was said of images; what became of it, and how many are not usable."""
    done, unusable = Labelled(), 0
    with database.store() as opened:
        if said.labelled:
            done += opened.label(said.labelled, source=body.source.value, labelled_by=body.by)
        if said.removed:
            done += opened.unlabel(said.removed, removed_by=body.by)
        if said.unusable:
            marked = opened.mark_unusable(said.unusable, source=body.source.value, marked_by=body.by)
            unusable = len(said.unusable) - len(marked.missing)
            done += Labelled(missing=marked.missing)
    return done, unusable


async def _require_sense(backend: Backend, one: SaidOfImage) -> None:
    """Look whether a model may say so many labels of an image; else they would be stored as a single one.

    Raises:
        Unprocessable: none may.
    """
    if one.labels is None or len(one.labels) < 2:
        return
    if not await backend.read(lambda repository: repository.may_have_several(one.input_id)):
        raise Unprocessable(
            f"labels: no model that has predicted image {one.input_id} says several; give one label"
        )


def _fields(record: PredictionRecord) -> dict[str, Any]:
    return record_fields(record) | {
        "image": None if record.input_id is None else f"/v1/inputs/{record.input_id}/image"
    }


def _behind(
    page: ReviewPage, found: list[PredictionRecord], limit: int, order: ReviewOrder
) -> ReviewPosition | None:
    """Where to go on behind the images that are shown of a page that may be longer."""
    if len(page.images) <= limit:
        return page.position
    if order is ReviewOrder.RANDOM or not found:
        return ReviewPosition()  # drawn anew
    last = found[-1]
    if last.score is None and order is ReviewOrder.MOST_WRONG:
        return None
    return ReviewPosition(last.prediction_id, last.score, last.score is not None)


def _address(request: Request, position: ReviewPosition) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*kept, ('after', cursor_of(position))])}"
