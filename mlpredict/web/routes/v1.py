"""The routes with names and proper statuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mlpredict.api.connections import Connections
from mlpredict.api.deletion import deletion
from mlpredict.domain import Order, PredictionRecord, Rejected, Reply, Source
from mlpredict.domain.deletion import DELETED, Deleted
from mlpredict.errors import NotFound
from mlpredict.inference.outputs import OutputReader
from mlpredict.records import Ranking, ranking
from mlpredict.support.json_text import as_json
from mlpredict.web.backend import Backend
from mlpredict.web.batches import Outcome
from mlpredict.web.direct_route import DirectRoute
from mlpredict.web.errors import NotAnImage
from mlpredict.web.filters import LAST_ID, PAGE, Before, Limit, Wanted, next_page
from mlpredict.web.idempotency import Call, digest_of_files, key_of
from mlpredict.web.openapi import DELETION, IMAGE, LISTED, MADE, MODEL, WHOLE, failures, success
from mlpredict.web.request_bodies import FORM_OF_MANY
from mlpredict.web.responses import image_response, json_response, record_fields
from mlpredict.web.uploads import UploadedFile

NONE_PREDICTED = "None of the files could be predicted."
Id = Annotated[int, Path(ge=1, le=LAST_ID)]


def router(backend: Backend) -> APIRouter:
    """The routes below /v1."""
    routes = APIRouter(prefix="/v1", tags=["v1"], route_class=DirectRoute)

    @routes.get("/model", summary="The model that predicts", responses=success(MODEL))
    async def model() -> Response:
        identity, spec = backend.model.identity, backend.model.spec
        return json_response(
            {
                "model": str(identity),
                "name": identity.name,
                "fingerprint": identity.fingerprint,
                "task": identity.task,
                "labels": identity.labels,
                "height": spec.height,
                "width": spec.width,
                "channels": spec.channels,
            }
        )

    @routes.post(
        "/predictions",
        status_code=201,
        summary="Predict images and store them with their predictions, in one transaction",
        openapi_extra=FORM_OF_MANY,
        responses=success(MADE, 201) | failures(400, 413, 415, 422, 503),
    )
    async def create(request: Request) -> Response:
        key = key_of(request.scope["headers"])
        with backend.memory.room() as room:
            files = await backend.files(request, room)
            images = [Source(file.filename, file.content) for file in files if _may_be_an_image(file)]
            if not images:
                raise NotAnImage

            def reply(outcomes: Sequence[Outcome]) -> Reply:
                remaining = iter(outcomes)
                entries = [_entry(backend, file, remaining) for file in files]
                if all("error" in entry for entry in entries):
                    return Reply(422, as_json({"detail": NONE_PREDICTED, "predictions": entries}))
                return Reply(201, as_json({"predictions": entries}))

            call = Call("/v1/predictions", key, lambda: digest_of_files(files))
            return await backend.answer(call, images, reply)

    @routes.get(
        "/predictions",
        summary="Stored predictions, newest first or in another order",
        responses=success(LISTED) | failures(404, 422, 503),
    )
    async def predictions(
        request: Request,
        wanted: Wanted,
        limit: Limit = PAGE,
        before: Before = None,
        sort: Annotated[
            Order, Query(description="-id is newest first, score least sure first")
        ] = Order.NEWEST,
    ) -> Response:
        found = await backend.read_history(
            lambda repository: list(
                repository.predictions(wanted, limit=limit + 1, before=before, order=sort)
            )
        )
        shown = found[:limit]
        following = next_page(request, shown[-1].prediction_id if len(found) > limit else None)
        return json_response({"predictions": [record_fields(one) for one in shown], "next": following})

    @routes.get(
        "/predictions/{prediction_id}",
        summary="A stored prediction with all its probabilities",
        responses=success(WHOLE) | failures(404, 422, 503),
    )
    async def prediction(prediction_id: Id) -> Response:
        detail = await backend.read(lambda repository: repository.detail(prediction_id))
        input_id = detail.record.input_id
        return json_response(
            record_fields(detail.record)
            | {
                "probabilities": ranking(
                    detail.record.prediction, detail.task, detail.activation, detail.labels
                ),
                "image": None if input_id is None else f"/v1/inputs/{input_id}/image",
                "map": f"/v1/predictions/{prediction_id}/map" if detail.has_map else None,
            }
        )

    @routes.delete(
        "/predictions/{prediction_id}",
        summary="Delete a prediction, and its image and label where no other prediction needs them",
        responses=success(DELETION) | failures(403, 404, 409, 422, 503),
    )
    async def delete(prediction_id: Id) -> Response:
        def carry_out(database: Connections) -> Deleted:
            return deletion(database, prediction_id).carry_out()

        deleted = await backend.changes.make(carry_out)
        if not deleted.predictions:
            raise NotFound(f"there is no prediction {prediction_id}")
        return json_response(dict(zip(DELETED, deleted.counts(), strict=True)))

    @routes.get(
        "/predictions/{prediction_id}/map",
        summary="The class of each pixel, as a PNG with a palette, where the model keeps it",
        response_class=Response,
        responses=IMAGE | failures(404, 422, 503),
    )
    async def class_map(prediction_id: Id) -> Response:
        content = await backend.read(lambda repository: repository.map(prediction_id))
        return Response(content, media_type="image/png", headers={"Cache-Control": "private, no-cache"})

    @routes.get(
        "/inputs/{input_id}/image",
        summary="A stored image",
        response_class=Response,
        responses=IMAGE | failures(404, 422, 503),
    )
    async def image(request: Request, input_id: Id) -> Response:
        stored = await backend.read_history(lambda repository: repository.image(input_id))
        return await run_in_threadpool(image_response, stored, request.headers)

    return routes


def _may_be_an_image(file: UploadedFile) -> bool:
    """Whether the bytes are worth a look: some clients do not know what they send."""
    return file.contenttype is None or file.contenttype.startswith(("image/", "application/octet-stream"))


def _entry(backend: Backend, file: UploadedFile, outcomes: Iterator[Outcome]) -> dict[str, Any]:
    """What became of one file of a request; `outcomes` are those of its images, in their order."""
    if not _may_be_an_image(file):
        return {"filename": file.filename, "error": f"not an image: {file.contenttype}"}
    outcome = next(outcomes)
    if isinstance(outcome, Rejected):
        return {"filename": file.filename, "error": outcome.reason}
    return record_fields(outcome) | {"top": _ranked(backend.model.reader, outcome)}


def _ranked(reader: OutputReader, record: PredictionRecord) -> Ranking | None:
    return ranking(record.prediction, reader.task, reader.activation, reader.labels)
