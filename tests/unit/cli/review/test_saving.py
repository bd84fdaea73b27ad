"""What stores by hand what a review could not."""

from __future__ import annotations

import pytest

from mlpredict.cli.review.choices import choices_of
from mlpredict.cli.review.entries import Decision, Entry, Item, Kind, Said
from mlpredict.cli.review.saving import Saver
from mlpredict.domain import LabelSource


@pytest.mark.parametrize(
    ("decision", "by", "command"),
    [
        (Decision(Said.LABEL, "a cat"), None, "mlpredict label --source review -- 7 'a cat'"),
        (Decision(Said.LABEL, "-5"), "Ada", "mlpredict label --source review --by Ada -- 7 -5"),
        (Decision(Said.NOTHING), "Ada", "mlpredict label --remove --by Ada 7"),
        (Decision(Said.UNUSABLE), None, "# prediction 7 is not usable"),
    ],
)
def test_the_command_is_one_that_can_be_typed(decision: Decision, by: str | None, command: str) -> None:
    item = Item(7, "a.png", "pets", Kind.ONE, choices_of(("a cat",)), (), None)
    saver = Saver(None, LabelSource.REVIEW, by, lambda: None)  # type: ignore[arg-type]
    saver.save(Entry(item), decision)
    assert saver.commands() == [command]
