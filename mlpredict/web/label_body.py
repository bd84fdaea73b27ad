"""What a request says that an image shows."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from mlpredict.domain import LabelSource
from mlpredict.web.errors import Unprocessable

LABEL_BYTES = 64 << 10
"""The largest body: a thousand long labels."""

LONGEST_LABEL = 1000
LONGEST_NAME = 200

Body = TypeVar("Body", bound=BaseModel)
Label = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)]


class LabelBody(BaseModel):
    """One label, several or none that hold, or a number; who says so, and how the image was chosen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Label | None = None
    labels: list[Label] | None = None
    value: FiniteFloat | None = None
    by: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    source: LabelSource = LabelSource.API

    @property
    def text(self) -> str:
        """The label as somebody writes it; several have commas between them."""
        if self.label is not None:
            return self.label
        if self.labels is not None:
            return ",".join(self.labels)
        return repr(self.value).removesuffix(".0")


def as_stated(kind: type[Body], content: bytes) -> Body:
    """The body of a request, as JSON of a kind.

    Raises:
        Unprocessable: it is none; in the words of the first thing that is wrong.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unprocessable(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from error


def label_body(content: bytes) -> LabelBody:
    """What the body of a request says.

    Raises:
        Unprocessable: it does not say what the image shows, or says it in two ways.
    """
    body = as_stated(LabelBody, content)
    if [body.label, body.labels, body.value].count(None) != 2:
        raise Unprocessable("Say what the image shows by one of label, labels and value.")
    if body.labels is not None and len(body.labels) > 1 and any("," in one for one in body.labels):
        raise Unprocessable("labels: of several labels none has a comma in it")
    return body
