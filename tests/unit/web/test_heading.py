"""What the page's heading says of a model."""

from __future__ import annotations

import pytest

from mlpredict.domain import Task
from mlpredict.web.heading import heading
from tests.page.stand_in import model


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (Task.CLASSIFICATION, tuple("0123456789"), "Recognises the digits 0 to 9"),
        (Task.CLASSIFICATION, ("cat", "dog", "mouse"), "Recognises cat, dog and mouse"),
        (Task.BINARY, ("cat", "dog"), "Recognises cat and dog"),
        (Task.CLASSIFICATION, ("only",), "Recognises only"),
        (Task.CLASSIFICATION, tuple(f"c{n}" for n in range(1000)), "Recognises 1,000 labels: c0, c1, c2, …"),
        (Task.CLASSIFICATION, None, "Recognises classes without names"),
        (Task.MULTI_LABEL, ("sun", "rain"), "Says which hold: sun and rain"),
        (Task.SEGMENTATION, ("road", "sky"), "Finds road and sky, pixel by pixel"),
        (Task.REGRESSION, None, "Predicts a number"),
        (Task.RAW, ("a", "b"), "Gives the model's own numbers"),
    ],
)
def test_the_heading_says_what_is_recognised(task: Task, labels: tuple[str, ...] | None, said: str) -> None:
    assert heading(model(labels)._replace(task=task)) == said
