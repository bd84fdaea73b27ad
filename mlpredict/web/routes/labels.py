"""What images really show: told, revised and taken back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from mlpredict.api.connections import Connections
from mlpredict.domain import Labelled, NewLabel
from mlpredict.web.backend import Backend
from mlpredict.web.errors import OneOfPages, Unprocessable
from mlpredict.web.filters import LAST_ID
from mlpredict.web.label_body import LABEL_BYTES, LONGEST_NAME, LabelBody, label_body
from mlpredict.web.openapi import LABEL, LABELLED, failures, success
from mlpredict.web.request_bodies import LABEL_BODY
from mlpredict.web.responses import json_response
from mlpredict.web.uploads import receive_body

Id = Annotated[int, Path(ge=1, le=LAST_ID)]
By = Annotated[str | None, Query(min_length=1, max_length=LONGEST_NAME, description="who takes it back")]


def router(backend: Backend) -> APIRouter:
    """The label of a stored image, which holds for every prediction of it, before and after."""
    routes = APIRouter(prefix="/v1", tags=["v1"])

    @routes.get(
        "/inputs/{input_id}/label",
        summary="What an image really shows, who said so, and how it was chosen; null is what nobody said",
        responses=success(LABEL) | failures(404, 422, 503),
    )
    async def label(input_id: Id) -> Response:
        return json_response(await _in_force(backend, input_id))

    @routes.put(
        "/inputs/{input_id}/label",
        summary="Say what an image really shows: labelled, unchanged or revised; the past is kept",
        openapi_extra=LABEL_BODY,
        responses=success(LABELLED) | failures(403, 404, 408, 409, 413, 422, 503),
    )
    async def put_label(request: Request, input_id: Id) -> Response:
        with backend.memory.room() as room:
            content = await receive_body(request.receive, request.scope["headers"], LABEL_BYTES, room)
        said = label_body(content)
        await _require_sense(backend, input_id, said)

        def store(database: Connections) -> Labelled:
            new = [NewLabel(said.text, input_id=input_id)]
            with database.store() as opened:
                return opened.label(new, source=said.source.value, labelled_by=said.by)

        done = await backend.changes.make(store)
        return await _answer(backend, input_id, done)

    @routes.delete(
        "/inputs/{input_id}/label",
        summary="Take back what was said of an image: removed or unchanged; it stays as history",
        responses=success(LABELLED) | failures(403, 404, 409, 422, 503),
    )
    async def delete_label(input_id: Id, by: By = None) -> Response:
        def remove(database: Connections) -> Labelled:
            with database.store() as opened:
                return opened.unlabel([NewLabel("", input_id=input_id)], removed_by=by)

        await _in_force(backend, input_id)
        done = await backend.changes.make(remove)
        return await _answer(backend, input_id, done)

    return routes


async def _require_sense(backend: Backend, input_id: int, said: LabelBody) -> None:
    """Look whether a model may say so many labels of the image; else they would be stored as a single one.

    Raises:
        NotFound: there is no such image.
        Unprocessable: none may.
    """
    await _in_force(backend, input_id)
    if said.labels is None or len(said.labels) == 1:
        return
    if not await backend.read(lambda repository: repository.may_have_several(input_id)):
        raise Unprocessable("labels: no model that has predicted this image says several; give one label")


async def _in_force(backend: Backend, input_id: int) -> dict[str, Any]:
    return (await backend.read(lambda repository: repository.label_in_force(input_id)))._asdict()


async def _answer(backend: Backend, input_id: int, done: Labelled) -> Response:
    if done.missing:
        await _in_force(backend, input_id)  # raises where the image is gone by now
        raise OneOfPages
    results = {"labelled": done.labelled, "revised": done.revised, "removed": done.removed}
    result = next((name for name, count in results.items() if count), "unchanged")
    in_force = await _in_force(backend, input_id)
    return json_response({"result": result, **in_force, "remarks": list(done.remarks)})
