"""What a request says that many images show, and where a page of a review goes on."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mlpredict.domain import LabelSource, NewLabel
from mlpredict.domain.reviews import ReviewPosition
from mlpredict.web.errors import Unprocessable
from mlpredict.web.filters import LAST_ID
from mlpredict.web.label_body import LONGEST_NAME, Label, as_stated

MANY_BYTES = 1 << 20
MOST_IMAGES = 1000

CURSOR = re.compile(r"([0-9]{0,19}):(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,2})?)?(:?)")
"""An id, a score, and a colon where there are no scores any more."""


class SaidOfImage(BaseModel):
    """One label, several or none that hold, a number, that it is not usable, or nothing any more."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input_id: Annotated[int, Field(ge=1, le=LAST_ID)]
    label: Label | None = None
    labels: list[Label] | None = None
    value: FiniteFloat | None = None
    usable: bool | None = None

    @property
    def text(self) -> str | None:
        """The label as somebody writes it; None where there is none."""
        if self.label is not None:
            return self.label
        if self.labels is not None:
            return ",".join(self.labels)
        return None if self.value is None else repr(self.value).removesuffix(".0")


class SaidOfMany(BaseModel):
    """What many images show, who says so, and how they were chosen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: Annotated[list[SaidOfImage], Field(min_length=1, max_length=MOST_IMAGES)]
    by: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    source: LabelSource = LabelSource.API


class Sorted(NamedTuple):
    """The same, by what is to be done."""

    labelled: list[NewLabel]
    unusable: list[NewLabel]
    removed: list[NewLabel]


def many_body(content: bytes) -> SaidOfMany:
    """What the body of a request says.

    Raises:
        Unprocessable: it does not say what an image shows, or says it in two ways.
    """
    body = as_stated(SaidOfMany, content)
    for place, one in enumerate(body.images):
        said = one.model_fields_set - {"input_id"}
        if len(said) != 1 or one.usable:
            raise Unprocessable(
                f"images.{place}: say what it shows by one of label, labels, value and usable = false;"
                " label = null takes back what was said"
            )
        if one.labels is not None and len(one.labels) > 1 and any("," in label for label in one.labels):
            raise Unprocessable(f"images.{place}: of several labels none has a comma in it")
    if len({one.input_id for one in body.images}) < len(body.images):
        raise Unprocessable("images: one is there twice")
    return body


def sorted_out(body: SaidOfMany) -> Sorted:
    """What is to be done with which images."""
    done = Sorted([], [], [])
    for one in body.images:
        new = NewLabel(one.text or "", input_id=one.input_id)
        if one.usable is False:
            done.unusable.append(new)
        else:
            (done.removed if one.text is None else done.labelled).append(new)
    return done


def cursor_of(position: ReviewPosition) -> str:
    """A position as an address has it."""
    return f"{position.prediction_id or ''}:{'' if position.score is None else position.score}" + (
        "" if position.is_scored else ":"
    )


def position_of(cursor: str | None) -> ReviewPosition:
    """The position that an address has; the beginning where it has none.

    Raises:
        Unprocessable: it is none of ours.
    """
    if cursor is None:
        return ReviewPosition()
    found = CURSOR.fullmatch(cursor)
    number, score, unscored = found.groups() if found else ("", "", "")
    if found is None or int(number or 0) > LAST_ID:
        raise Unprocessable("after: take it from `next`")
    return ReviewPosition(int(number) if number else None, float(score) if score else None, not unscored)
