"""What a repository reads of what is stored.

Each method loads what it needs: a command uses few of them, and storing none.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composed

from mlpredict.domain import Order, PredictionDetail, PredictionFilter, PredictionRecord, StoredImage
from mlpredict.storage.connection import translated
from mlpredict.storage.labelled_rows import LabelledRows
from mlpredict.storage.names import catalog_only, named

if TYPE_CHECKING:
    from mlpredict.storage import gallery
    from mlpredict.storage.filters import Values
    from mlpredict.storage.known_models import KnownModel
    from mlpredict.storage.reading import Row
    from mlpredict.storage.replaying import Replayed
    from mlpredict.storage.stored_inputs import MeasuredInput

PUBLISHED_ROWS = SQL("""
    SELECT id, '[' || id || ',' || coalesce(inputid::text, 'null') || ','
                   || coalesce(predictions::text, 'null') || ']'
    FROM {s}.predictions
    WHERE id < %s::bigint
    ORDER BY id DESC
    LIMIT %s
""")
"""As the 2020 program's `SELECT * FROM predictions ORDER BY id DESC` gave it, in JSON."""

PAGE_END = SQL("""
    SELECT id FROM {s}.predictions WHERE id < %s::bigint ORDER BY id DESC LIMIT 2 OFFSET %s
""")
"""The last prediction of a page, and the one behind it."""


class StoredRows(LabelledRows):
    """The predictions of one database, as they are read."""

    def known_models(self) -> list[KnownModel]:
        """Every model that was used, the last one first."""
        from mlpredict.storage.known_models import known_models

        with translated(), catalog_only(self._connection):
            return known_models(self._connection)

    def predictions(
        self,
        wanted: PredictionFilter,
        *,
        limit: int | None,
        before: int | None = None,
        order: Order = Order.NEWEST,
    ) -> Generator[PredictionRecord, None, None]:
        """Predictions in order, from behind that of the id `before`, while the database reads them.

        The repository does nothing else until the generator has ended or is closed.

        Raises:
            NotFound: they are sorted by something else than ids, and there is no such prediction.
        """
        from mlpredict.storage.reading import as_record

        yield from map(as_record, self._rows(wanted, limit, before, order))

    def predictions_as_json(
        self,
        wanted: PredictionFilter,
        *,
        limit: int | None,
        before: int | None = None,
        order: Order = Order.NEWEST,
    ) -> Generator[bytes, None, None]:
        """The same predictions as JSON objects, many at once: a line each, and no newline behind the last."""
        from mlpredict.storage.listing import in_blocks
        from mlpredict.storage.reading import as_objects

        yield from map(as_objects, in_blocks(self._rows(wanted, limit, before, order)))

    def count(self, wanted: PredictionFilter, *, before: int | None = None) -> int:
        """How many predictions there are, older than the one of the id `before`."""
        from mlpredict.storage.filters import values_of
        from mlpredict.storage.listing import count_predictions

        return count_predictions(self._connection, values_of(self._connection, wanted, before))

    def unknown(self, wanted: PredictionFilter) -> list[tuple[str, str, list[str]]]:
        """What a filter names that there is not: the kind of thing, its name, and those that there are."""
        from mlpredict.storage.known_values import KnownValues

        with translated(), catalog_only(self._connection):
            return KnownValues(self._connection).unknown(wanted)

    def newest_id(self, place: int) -> int | None:
        """The id of the newest prediction, of the second newest with a `place` of 2; None without one."""
        from mlpredict.storage import picking

        with translated(), catalog_only(self._connection):
            return picking.newest_id(self._connection, place)

    def ids_between(self, first: int, last: int) -> list[int]:
        """The ids of the predictions from one to another, both included."""
        from mlpredict.storage import picking

        with translated(), catalog_only(self._connection):
            return picking.ids_between(self._connection, first, last)

    def images(
        self, wanted: PredictionFilter, *, limit: int, before: int | None = None, order: Order = Order.NEWEST
    ) -> gallery.ImagePage:
        """Images, each with the first of its predictions in an order, from behind that of the id `before`.

        Raises:
            NotFound: they are sorted by something else than ids, and there is no such prediction.
        """
        from mlpredict.storage import gallery

        return gallery.images(self._connection, wanted, order, before, limit)

    def count_images(self, wanted: PredictionFilter) -> int:
        """How many images have a prediction that is wanted."""
        from mlpredict.storage import gallery

        return gallery.count_images(self._connection, wanted)

    def _rows(
        self, wanted: PredictionFilter, limit: int | None, before: int | None, order: Order
    ) -> Generator[Row, None, None]:
        from mlpredict.storage.listing import prediction_rows
        from mlpredict.storage.sorting import sorting

        if order is Order.NEWEST:
            return prediction_rows(self._connection, self._narrowed(wanted, before), limit)
        with translated():
            by = sorting(self._connection, order, before)
        return prediction_rows(self._connection, self._narrowed(wanted), limit, by)

    def _narrowed(self, wanted: PredictionFilter, before: int | None = None) -> Values:
        """What a filter compares with, and of a time in which runs that is, where there are partitions."""
        from mlpredict.storage.filters import OF_TIME, values_of

        values = values_of(self._connection, wanted, before)
        if not values.keys() & OF_TIME:
            return values
        from mlpredict.storage.narrowing import narrowed

        return narrowed(self._connection, values)

    def detail(self, prediction_id: int) -> PredictionDetail:
        """Everything about one prediction.

        Raises:
            NotFound: there is none of this id.
        """
        from mlpredict.storage import detail

        with translated(), catalog_only(self._connection):
            return detail.prediction_detail(self._connection, prediction_id)

    def image(self, input_id: int) -> StoredImage:
        """An input.

        Raises:
            NotFound: there is none of this id.
        """
        from mlpredict.storage import detail

        with translated(), catalog_only(self._connection):
            return detail.stored_image(self._connection, input_id)

    def measured_inputs(self, ids: Sequence[int], prepared: str | None = None) -> list[MeasuredInput]:
        """The images of predictions, without their URIs; see `mlpredict.storage.stored_inputs`."""
        from mlpredict.storage import stored_inputs

        with translated(), catalog_only(self._connection):
            return stored_inputs.measured_inputs(self._connection, ids, prepared)

    def replayed(self, wanted: PredictionFilter, fingerprint: str) -> Replayed:
        """The images of predictions, each once, for the model of a fingerprint to predict."""
        from mlpredict.storage import replaying

        return replaying.replayed(self._connection, wanted, fingerprint)

    def replayed_already(self, ids: Sequence[int], fingerprint: str) -> set[int]:
        """Those of predictions by their ids whose image a model has predicted, too."""
        from mlpredict.storage import replaying

        with translated(), catalog_only(self._connection):
            return replaying.predicted_of(self._connection, ids, fingerprint)

    def image_uris(self, input_ids: Collection[int]) -> dict[int, str | None]:
        """The URIs of inputs; those that are gone are left out."""
        from mlpredict.storage import stored_inputs

        with translated(), catalog_only(self._connection):
            return stored_inputs.image_uris(self._connection, input_ids)

    def map(self, prediction_id: int) -> bytes:
        """The class of each pixel that a prediction has found, as a PNG.

        Raises:
            NotFound: none is kept of it.
        """
        from mlpredict.storage import detail

        with translated(), catalog_only(self._connection):
            return detail.stored_map(self._connection, prediction_id)

    def published_rows(self, before: int, limit: int) -> list[tuple[int, str]]:
        """Predictions, newest first, from below the id `before`: ids, and JSON as the 2020 program had it."""
        with translated(), catalog_only(self._connection):
            return self._connection.execute(self._named(PUBLISHED_ROWS), (before, limit)).fetchall()

    def next_before(self, before: int, limit: int) -> int | None:
        """Where the page behind the one of `limit` predictions begins; None where there is none."""
        with translated(), catalog_only(self._connection):
            rows = self._connection.execute(self._named(PAGE_END), (before, limit - 1)).fetchall()
        return int(rows[0][0]) if len(rows) == 2 else None

    def _named(self, statement: SQL) -> Composed:
        return named(self._connection, statement)
