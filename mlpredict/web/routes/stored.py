"""What is stored, to be looked through: images with their predictions, and how many there are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mlpredict.domain import Order
from mlpredict.storage.gallery import ImageFound
from mlpredict.web.backend import Backend
from mlpredict.web.filters import PAGE, Before, ImageOrder, Limit, Wanted, next_page
from mlpredict.web.openapi import COUNTS, IMAGES, failures, success
from mlpredict.web.responses import json_response, record_fields

Sort = Annotated[
    ImageOrder,
    Query(description="-id is newest first, score least sure first; what has no score is left out"),
]


def router(backend: Backend) -> APIRouter:
    """The routes below /v1 that list; before those of single things."""
    routes = APIRouter(prefix="/v1", tags=["v1"])

    @routes.get(
        "/inputs",
        summary="Stored images, each once, with the first of its predictions; a page may be short",
        responses=success(IMAGES) | failures(404, 422, 503),
    )
    async def inputs(
        request: Request,
        wanted: Wanted,
        limit: Limit = PAGE,
        before: Before = None,
        sort: Sort = ImageOrder.NEWEST,
    ) -> Response:
        page = await backend.read_history(
            lambda repository: repository.images(wanted, limit=limit, before=before, order=Order(sort.value))
        )
        following = next_page(request, page.before)
        return json_response({"inputs": [_fields(one) for one in page.images], "next": following})

    @routes.get(
        "/predictions/count",
        summary="How many predictions are stored, and of how many images",
        responses=success(COUNTS) | failures(422, 503),
    )
    async def count(wanted: Wanted) -> Response:
        counts = await backend.read_history(
            lambda repository: {
                "predictions": repository.count(wanted),
                "images": repository.count_images(wanted),
            }
        )
        return json_response(counts)

    return routes


def _fields(found: ImageFound) -> dict[str, Any]:
    input_id = found.first.input_id
    return {
        "input_id": input_id,
        "image": None if input_id is None else f"/v1/inputs/{input_id}/image",
        "predictions": found.predictions,
        "first": record_fields(found.first),
    }
