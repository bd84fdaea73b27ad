"""Images of a review that are looked at again."""

from __future__ import annotations

from typing import Any

import pytest

from mlpredict.cli.review.choices import choices_of
from mlpredict.cli.review.entries import Entry, Item, Kind
from mlpredict.cli.review.graphics import Box, Graphics
from mlpredict.cli.review.loading import Form, Loader
from mlpredict.domain import PredictionFilter, ReviewOrder
from mlpredict.errors import NotFound


def test_a_prediction_that_is_deleted_meanwhile_ends_no_review(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_arguments: Any) -> Any:
        raise NotFound("there is no prediction 7")

    monkeypatch.setattr(Loader, "_detail", gone)
    loader = Loader(gone, PredictionFilter(), ReviewOrder.RANDOM, lambda: None)
    loader._entries.append(Entry(Item(7, "a.png", "pets", Kind.ONE, choices_of(("cat",)), (), None)))
    form = Form(Box(40, 10), Graphics.BLOCKS, None)
    assert loader._draw_one(0, form)
    drawn = loader.picture(0, form)
    assert drawn is not None
    assert drawn.lines == ("no picture: it was deleted meanwhile",)
