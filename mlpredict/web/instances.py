"""What a client of TensorFlow Serving sends: images in JSON, as files or as arrays.

https://www.tensorflow.org/tfx/serving/api_rest has the form. `instances` is a list of inputs, `inputs` one
array of them; both may name the input, of which there is one here.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from mlpredict.web.errors import RequestError, TooLarge

B64 = "b64"
"""The key of bytes, in the place of a string."""

SIGNATURES = ("", "serving_default", "serve")
"""What the signature of a Keras model that predicts is called."""

MOST_INSTANCES = 1000
MOST_NUMBERS = 1 << 22
"""So many numbers of arrays, which take a quarter of a second to read, while others wait: 27 images of
224×224 in colour."""

NUMBER_BYTES = 40
"""A float or a large integer of Python's, and its place in a list."""

LIST_BYTES = 120
OBJECT_BYTES = 400


class BadInstances(RequestError):
    """The request is no JSON object with instances or inputs."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One input: the bytes of an image file, or an array in nested lists."""

    name: str
    """Where it stands in the request, as `instances[0]`."""
    value: bytes | list[Any]


@dataclass(frozen=True, slots=True)
class Instances:
    """All inputs of a request."""

    columnar: bool
    """Whether they came as `inputs`, and the answer goes as `outputs`."""
    items: list[Instance]


def parsed_bytes(body: bytes) -> int:
    """How many bytes the values of a JSON text take at most, beside the text of its strings.

    Raises:
        TooLarge: it has too many numbers.
    """
    values = body.count(b",")
    if values > MOST_NUMBERS:
        raise TooLarge(f"The arrays have more than {MOST_NUMBERS:,} numbers; send fewer at a time.")
    lists, objects = body.count(b"["), body.count(b"{")
    return NUMBER_BYTES * values + LIST_BYTES * lists + OBJECT_BYTES * objects


def parse_instances(body: bytes) -> Instances:
    """The inputs of a request.

    Raises:
        BadInstances: it is none that a model of images understands; the message says why.
        TooLarge: it has too many inputs.
    """
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInstances(f"JSON Parse error: {error}") from error
    if not isinstance(asked, dict):
        raise BadInstances("The request is no JSON object.")
    _require_signature(asked.get("signature_name", ""))
    columnar = "inputs" in asked
    if columnar is ("instances" in asked):
        raise BadInstances("The request has either 'instances' or 'inputs'.")
    key = "inputs" if columnar else "instances"
    rows = _rows(asked[key], columnar=columnar)
    if len(rows) > MOST_INSTANCES:
        raise TooLarge(f"The request has more than {MOST_INSTANCES:,} {key}.")
    return Instances(columnar, list(_instances(rows, key)))


def _require_signature(name: object) -> None:
    if name not in SIGNATURES:
        raise BadInstances(f'Serving signature name: "{name}" not found in signature def')


def _rows(value: Any, *, columnar: bool) -> list[Any]:
    """The inputs by themselves; a single file in columns stands for a batch of one."""
    if columnar and isinstance(value, dict):
        value = value if B64 in value else _named(value, "inputs")
        value = [value] if isinstance(value, dict) else value
    if not isinstance(value, list) or not value:
        key = "inputs" if columnar else "instances"
        raise BadInstances(f"'{key}' is no list, or an empty one.")
    return value


def _instances(rows: list[Any], key: str) -> Iterator[Instance]:
    for number, row in enumerate(rows):
        name = f"{key}[{number}]"
        value = _named(row, name) if isinstance(row, dict) and B64 not in row else row
        match value:
            case {"b64": str(text), **rest} if not rest:
                yield Instance(name, _decoded(text, name))
            case list():
                yield Instance(name, value)
            case _:
                raise BadInstances(
                    f'{name}: an image is {{"b64": "…"}}, with the bytes of its file in Base64, or an array'
                )


def _named(value: dict[str, Any], where: str) -> Any:
    """The one input of an object, whatever it is called."""
    if len(value) != 1:
        raise BadInstances(f"{where}: {len(value)} inputs are named, and the model takes one")
    return next(iter(value.values()))


def _decoded(text: str, where: str) -> bytes:
    """The bytes of Base64, with its padding or without, and however it is broken into lines."""
    if text.startswith("data:"):
        raise BadInstances(f"{where}: leave out what stands before the comma of the data: URI")
    if any(blank in text for blank in " \n\r\t"):
        text = "".join(text.split())
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadInstances(f"{where}: Unable to base64 decode: {error}") from error
