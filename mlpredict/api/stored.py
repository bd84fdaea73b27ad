"""Stored predictions, many or one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.domain import (
    FIELDS,
    PredictionDetail,
    PredictionFilter,
    PredictionRecord,
)
from mlpredict.errors import ImageError

if TYPE_CHECKING:
    import pandas
    from PIL import Image

    from mlpredict.api.database import Database


@dataclass(frozen=True, slots=True)
class Predictions:
    """Stored predictions that are read while this is iterated, as often as it is."""

    _database: Database
    _wanted: PredictionFilter
    _limit: int | None
    _before: int | None

    def __iter__(self) -> Iterator[PredictionRecord]:
        with self._database.reading() as repository:
            yield from repository.predictions(self._wanted, limit=self._limit, before=self._before)

    def to_pandas(self) -> pandas.DataFrame:
        """The predictions as a DataFrame, a column a field, the outputs as lists.

        Raises:
            ImportError: pandas is not installed.
        """
        import orjson
        import pandas

        frame = pandas.DataFrame(
            [[getattr(one, name) for name in FIELDS] for one in self], columns=list(FIELDS)
        )
        frame["prediction"] = [orjson.loads(text) for text in frame["prediction"]]
        frame["outputs"] = [None if text is None else orjson.loads(text) for text in frame["outputs"]]
        return frame


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """Everything that is stored of a prediction."""

    detail: PredictionDetail
    map_png: bytes | None = None
    """The class of each pixel, where the model keeps it."""

    @property
    def record(self) -> PredictionRecord:
        """The prediction by its public fields."""
        return self.detail.record

    @property
    def probabilities(self) -> Mapping[str, float] | None:
        """Those of all labels, the likeliest first; None where there are no classes."""
        from mlpredict.records import ranking

        detail = self.detail
        ranked = ranking(detail.record.prediction, detail.task, detail.activation, detail.labels)
        return None if ranked is None else {one["label"]: one["score"] for one in ranked}

    def image(self) -> Image.Image:
        """The stored image, upright and in RGB; the picture itself, not what the model saw of it.

        Raises:
            ImageError: it cannot be had, or cannot be decoded.
        """
        from mlpredict.inputs.kept import load_stored
        from mlpredict.inputs.pages import page_of
        from mlpredict.inputs.reading import Unusable
        from mlpredict.inputs.thumbnail import picture

        try:
            return picture(load_stored(self.detail.image).content, page_of(self.record.filename))
        except Unusable as unusable:
            raise ImageError(f"input {self.detail.image.input_id}: {unusable}") from unusable

    def map(self) -> Image.Image | None:
        """The class of each pixel, as large as the model's output; None where none is kept.

        `numpy.asarray` makes the numbers of the classes of it, and `convert("RGB")` their colours.
        """
        if self.map_png is None:
            return None
        import io

        from PIL import Image

        return Image.open(io.BytesIO(self.map_png))
