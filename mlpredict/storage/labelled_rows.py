"""What a repository does with the truth of images, and what it counts by it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.names import catalog_only
from mlpredict.storage.transactions import writing

if TYPE_CHECKING:
    from mlpredict.domain import Labelled, NewLabel, PredictionFilter, PredictionRecord, ReviewOrder
    from mlpredict.domain.labels import KnownLabel
    from mlpredict.domain.reviews import ReviewPage, ReviewPosition
    from mlpredict.storage.pair_queries import PairQueries
    from mlpredict.storage.report_queries import Queries


class LabelledRows:
    """The predictions of one database, as far as their images are labelled."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def label(self, new: Sequence[NewLabel], *, source: str, labelled_by: str | None = None) -> Labelled:
        """Store the truth of images in one transaction: all of it, or nothing."""
        from mlpredict.storage import labels

        with translated(), writing(self._connection), catalog_only(self._connection):
            return labels.add_labels(self._connection, new, source=source, labelled_by=labelled_by)

    def unlabel(self, images: Sequence[NewLabel], *, removed_by: str | None = None) -> Labelled:
        """Take the truth of images away, in one transaction."""
        from mlpredict.storage import labels

        with translated(), writing(self._connection), catalog_only(self._connection):
            return labels.remove_labels(self._connection, images, removed_by=removed_by)

    def mark_unusable(
        self, images: Sequence[NewLabel], *, source: str, marked_by: str | None = None
    ) -> Labelled:
        """Say that images show nothing that has a label; `removed` counts the labels that they had."""
        from mlpredict.storage import unusable

        with translated(), writing(self._connection), catalog_only(self._connection):
            return unusable.mark(self._connection, images, source=source, marked_by=marked_by)

    def is_unusable(self, prediction_id: int) -> bool:
        """Whether somebody has said so of the image of a prediction, and nobody anything since."""
        from mlpredict.storage import unusable

        with translated(), catalog_only(self._connection):
            return unusable.is_marked(self._connection, prediction_id)

    def to_review(
        self, wanted: PredictionFilter, order: ReviewOrder, after: ReviewPosition, limit: int
    ) -> ReviewPage:
        """Images in the order of a review, from behind a position; a page may be short or long."""
        from mlpredict.storage import reviewing

        return reviewing.page(self._connection, wanted, order, after, limit)

    def count_to_review(self, wanted: PredictionFilter, order: ReviewOrder) -> int:
        """How many images there are to be reviewed, with those that are not usable."""
        from mlpredict.storage import reviewing

        return reviewing.count(self._connection, wanted, order)

    def truths(self, ids: Sequence[int]) -> dict[int, tuple[str, bool | None]]:
        """The truth of predictions that have one, and whether they are right."""
        from mlpredict.storage import labels

        with translated(), catalog_only(self._connection):
            return labels.truths_of(self._connection, ids)

    def label_in_force(self, input_id: int) -> KnownLabel:
        """What is said of an image; `true_label` is None where nothing is.

        Raises:
            NotFound: there is no such input.
        """
        from mlpredict.storage import input_labels

        with translated(), catalog_only(self._connection):
            return input_labels.label_in_force(self._connection, input_id)

    def may_have_several(self, input_id: int) -> bool:
        """Whether a model has predicted the image that says several labels of one."""
        from mlpredict.storage import input_labels

        with translated(), catalog_only(self._connection):
            return input_labels.may_have_several(self._connection, input_id)

    def predictions_of(self, ids: Sequence[int]) -> list[PredictionRecord]:
        """Predictions by their ids, the newest first; without those that there are not."""
        from mlpredict.storage.listing import prediction_rows
        from mlpredict.storage.reading import as_record

        return [*map(as_record, prediction_rows(self._connection, {"ids": list(ids)}))] if ids else []

    def ids(self, wanted: PredictionFilter) -> list[int]:
        """The ids of predictions, the newest first."""
        from mlpredict.storage.filters import values_of
        from mlpredict.storage.listing import prediction_ids

        return prediction_ids(self._connection, values_of(self._connection, wanted))

    def counting(self, wanted: PredictionFilter) -> AbstractContextManager[Queries]:
        """What counts the predictions that a filter finds."""
        from mlpredict.storage.report_queries import queries

        return queries(self._connection, wanted)

    def pairing(
        self, first: str, second: str, wanted: PredictionFilter, *, only_first: bool = False
    ) -> AbstractContextManager[PairQueries]:
        """What counts the images that two models, or runs, have both predicted."""
        from mlpredict.storage.pair_queries import pairs

        return pairs(self._connection, first, second, wanted, only_first=only_first)
