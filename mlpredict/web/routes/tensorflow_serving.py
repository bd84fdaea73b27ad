"""The REST API of TensorFlow Serving, for clients that speak it: https://www.tensorflow.org/tfx/serving/api_rest.

Images come as files, which are prepared as any other, or as the arrays that the model takes, which are
not: their pixels are found again, and stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from mlpredict.domain import PredictionRecord, Rejected, Reply, Sample, Source, Task
from mlpredict.errors import ImageError
from mlpredict.inference.given_arrays import pixels_of
from mlpredict.inference.model import Model
from mlpredict.inference.signature import TensorSpec
from mlpredict.inputs.kept import sample_of
from mlpredict.web.backend import Backend
from mlpredict.web.batches import Outcome
from mlpredict.web.errors import Missing, RequestError, TooLarge
from mlpredict.web.idempotency import Call, digest_of, key_of
from mlpredict.web.instances import BadInstances, Instance, parse_instances, parsed_bytes
from mlpredict.web.openapi import METADATA, PREDICTED, STATUS, serving_failures, success
from mlpredict.web.request_bodies import INSTANCES
from mlpredict.web.responses import SERVING_FORM, json_response, refusal
from mlpredict.web.uploads import HELD_TIMES

DTYPES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}
"""Where TensorFlow's name is not numpy's in capitals (tensorflow/core/framework/types.proto)."""


class _NameConvertor(Convertor[str]):
    """A model's name in a path: what stands behind a colon is what is to be done with it."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("model", _NameConvertor())


class BadPrediction(RequestError):
    """An image cannot be predicted."""


def router(backend: Backend) -> APIRouter:
    """The routes below /v1/models, each with a version of the model and without."""
    routes = APIRouter(prefix=SERVING_FORM.rstrip("/"), tags=["as TensorFlow Serving"])
    served = _Served(backend)

    @routes.get(
        "/{name:model}/versions/{version}",
        summary="The same of one version: the model's id in the database",
        responses=success(STATUS) | serving_failures(404),
    )
    async def version_status(name: str, version: str) -> Response:
        served.require(name, version)
        return json_response(served.status())

    @routes.get(
        "/{name:model}",
        summary="Whether the model is served, in TensorFlow Serving's form",
        responses=success(STATUS) | serving_failures(404),
    )
    async def status(name: str) -> Response:
        served.require(name)
        return json_response(served.status())

    @routes.get("/{name:model}/versions/{version}/metadata", include_in_schema=False)
    async def version_metadata(name: str, version: str) -> Response:
        served.require(name, version)
        return json_response(served.metadata())

    @routes.get(
        "/{name:model}/metadata",
        summary="What the model takes and gives, in TensorFlow Serving's form",
        responses=success(METADATA) | serving_failures(404),
    )
    async def metadata(name: str) -> Response:
        served.require(name)
        return json_response(served.metadata())

    @routes.post(
        "/{name:model}/versions/{version}:predict",
        summary="The same by one version: the model's id in the database",
        openapi_extra=INSTANCES,
        responses=success(PREDICTED) | serving_failures(400, 404, 413, 503),
    )
    async def predict_by_version(request: Request, name: str, version: str) -> Response:
        served.require(name, version)
        return await served.predict(request)

    @routes.post(
        "/{name:model}:predict",
        summary="Predict images, or arrays as the model takes them, in TensorFlow Serving's form",
        openapi_extra=INSTANCES,
        responses=success(PREDICTED) | serving_failures(400, 404, 413, 503),
    )
    async def predict(request: Request, name: str) -> Response:
        served.require(name)
        return await served.predict(request)

    return routes


class _Served:
    """The model of a server, as clients of TensorFlow Serving know models."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        identity = backend.model.identity
        self._names = {identity.name, str(identity), backend.run.model.partition("@")[0], backend.run.model}
        self._name = identity.name
        self._version = str(backend.run.model_id)

    def require(self, name: str, version: str | None = None) -> None:
        """Raise Missing for any other model."""
        if name in self._names and version in (None, self._version):
            return
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise Missing(
            f"Servable not found for request: {asked}; this server has {self._name}, version {self._version}"
        )

    def status(self) -> dict[str, Any]:
        """That it is there."""
        fine = {"error_code": "OK", "error_message": ""}
        return {"model_version_status": [{"version": self._version, "state": "AVAILABLE", "status": fine}]}

    def metadata(self) -> dict[str, Any]:
        """Its signature."""
        signature = self._backend.model.engine.signature
        described = {
            "inputs": {tensor.name: _tensor_info(tensor) for tensor in signature.inputs},
            "outputs": {tensor.name: _tensor_info(tensor) for tensor in signature.outputs},
            "method_name": "tensorflow/serving/predict",
        }
        return {
            "model_spec": {"name": self._name, "signature_name": "", "version": self._version},
            "metadata": {"signature_def": {"signature_def": {"serving_default": described}}},
        }

    async def predict(self, request: Request) -> Response:
        """What the model says of all images of a request; where one is none, of no image."""
        backend, path = self._backend, request.scope["path"]
        if backend.model.reader.task is Task.SEGMENTATION:
            raise BadInstances(
                "Of this model's maps the shares of the classes are stored; POST /v1/predictions gives them."
            )
        if request.headers.get("content-encoding", "identity") != "identity":
            raise BadInstances("The body is compressed; send it as it is.")
        key = key_of(request.scope["headers"])
        with backend.memory.room() as room:
            body = await backend.body(request, room)
            needed = parsed_bytes(body)
            if HELD_TIMES * len(body) + needed > backend.memory.total:
                raise TooLarge("The arrays take too much memory; send fewer at a time.")
            room.take(needed)
            columnar, sources = await run_in_threadpool(_read, body, backend.model)
            digest = b"" if key is None else await run_in_threadpool(digest_of, [body])
            del body

            def reply(outcomes: Sequence[Outcome]) -> Reply:
                records = []
                for outcome in outcomes:
                    if isinstance(outcome, Rejected):
                        return refusal(BadPrediction(f"{outcome.source.filename}: {outcome.reason}"), path)
                    records.append(outcome)
                return Reply(200, _answer(backend.model, records, columnar=columnar))

            call = Call(SERVING_FORM, key, lambda: digest)
            return await backend.answer(call, sources, reply, whole=True)


def _tensor_info(tensor: TensorSpec) -> dict[str, Any]:
    """A tensor as `TensorInfo` has it; any number of images is taken, whatever the file says."""
    sizes = [None, *tensor.shape[1:]]
    return {
        "dtype": DTYPES.get(tensor.dtype, f"DT_{tensor.dtype.upper()}"),
        "tensor_shape": {
            "dim": [{"size": str(-1 if size is None else size), "name": ""} for size in sizes],
            "unknown_rank": False,
        },
        "name": "",
    }


def _read(body: bytes, model: Model) -> tuple[bool, list[Source | Sample]]:
    """The images of a request, and whether they came by columns."""
    given = parse_instances(body)
    return given.columnar, [_source(instance, model) for instance in given.items]


def _source(instance: Instance, model: Model) -> Source | Sample:
    if isinstance(instance.value, bytes):
        return Source(instance.name, instance.value)
    try:
        array = np.asarray(instance.value)
    except ValueError:
        raise BadInstances(f"{instance.name}: lists of one level have different lengths") from None
    try:
        pixels = pixels_of(array, model.engine.signature.inputs[0], model.spec)
    except ImageError as error:
        raise BadInstances(f"{instance.name}: {error.message}") from error
    return sample_of(pixels, instance.name)


def _answer(model: Model, records: Sequence[PredictionRecord], *, columnar: bool) -> bytes:
    """The body: a row for each image where it came by rows, and a list for each output where by columns."""
    named = [_outputs(model, record) for record in records]
    names = list(named[0])
    key = "outputs" if columnar else "predictions"
    if len(model.engine.signature.outputs) == 1:
        value = "[" + ",".join(outputs[names[0]] for outputs in named) + "]"
    elif columnar:
        value = _object({name: "[" + ",".join(one[name] for one in named) + "]" for name in names})
    else:
        value = "[" + ",".join(map(_object, named)) + "]"
    return f'{{"{key}":{value}}}'.encode()


def _object(values: dict[str, str]) -> str:
    return "{" + ",".join(f"{orjson.dumps(name).decode()}:{text}" for name, text in values.items()) + "}"


def _outputs(model: Model, record: PredictionRecord) -> dict[str, str]:
    """The outputs that are kept of an image, as JSON texts, by their names in the signature."""
    outputs = model.engine.signature.outputs
    kept = {model.output: record.prediction}
    others = orjson.loads(record.outputs or "{}")
    kept |= {model.others[name]: orjson.dumps(value).decode() for name, value in others.items()}
    return {outputs[place].name: _of_rank(text, outputs[place]) for place, text in sorted(kept.items())}


def _of_rank(text: str, tensor: TensorSpec) -> str:
    """An output of one number is stored as a list of it."""
    return text[1:-1] if len(tensor.shape) == 1 else text
