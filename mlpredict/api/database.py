"""A database: what is stored, and what is read from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict import settings
from mlpredict.api.images import several, sources_of
from mlpredict.api.run import Run
from mlpredict.domain import (
    Keep,
    Labelled,
    LabelSource,
    Pages,
    PredictionFilter,
    Rejected,
    Sample,
)
from mlpredict.errors import UsageError
from mlpredict.support.ahead import never
from mlpredict.support.units import point_in_time

RETRY_SECONDS = 30.0
"""For so long a batch is tried again when the connection to the database is lost."""
if TYPE_CHECKING:
    from mlpredict.api.images import ImageLike
    from mlpredict.api.labelling import Image, Images
    from mlpredict.api.model import Model
    from mlpredict.api.stored import Predictions, StoredPrediction
    from mlpredict.pipeline.labelling import FolderLabels
    from mlpredict.storage.repository import Repository
    from mlpredict.storage.retrying import PersistentStore


@contextmanager
def connect(dsn: str | None = None, *, retry: float = RETRY_SECONDS) -> Iterator[Database]:
    """The database of `dsn`, or the local PostgreSQL, which starts by itself.

    Raises:
        DatabaseError: nothing answers there, or it has no tables of this version.

    Example:
        >>> with mlpredict.connect() as db:
        ...     run = db.predict(mlpredict.load_model(), "tests/digits")
        ...     len(list(run))
        16
    """
    database = Database(dsn or settings.dsn(), retry)
    with database.opened():
        yield database


@dataclass(slots=True)
class Database:
    """Where predictions are kept; make one with `connect`."""

    dsn: str | None
    retry: float
    _idle: list[PersistentStore] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have a connection at hand until the block ends."""
        with self.store():
            pass
        try:
            yield
        finally:
            while self._idle:
                self._idle.pop().close()

    @property
    def place(self) -> Path | None:
        """The directory of the local PostgreSQL; None where the database is another's."""
        return self._idle[0].place if self._idle else None

    def model(self, name: str, *, labels: str | None = None, unsafe: bool = False) -> Model:
        """The model that was used last under a name, or `name@digits` of its fingerprint; or that at a path.

        Raises:
            ModelError: the database knows none of that name, or its file is not the one that was used.

        Example:
            >>> with mlpredict.connect() as db:
            ...     _ = list(db.predict(mlpredict.load_model(), ["tests/digits/7-marker.png"]))
            ...     db.model("mnist-convnet").predict("tests/digits/3-brush.png").label
            '3'
        """
        from mlpredict.api.named import load_path_or_name

        return load_path_or_name(name, self.dsn, labels=labels, unsafe=unsafe)

    def predict(
        self,
        model: Model,
        images: ImageLike | Iterable[ImageLike],
        *,
        skip_existing: bool = False,
        keep: Keep | str = Keep.ORIGINAL,
        pages: Pages | str = Pages.FIRST,
        batch_size: int | None = None,
        label_from: str | None = None,
    ) -> Run:
        """Predict images and store them with their predictions, while the run is iterated.

        Images are files, folders (recursive), and whatever `Model.predict` takes. With
        `skip_existing` those are passed over that the model has predicted already. `pages` are "all" of
        a file or frames of an animation, as "scan.tif#2", or the "first". With `label_from="folders"` the
        folders that images lie in are their true labels.

        Raises:
            UsageError: `keep` is "reference", and an image is not a file; or labels come from elsewhere.

        Example:
            >>> with mlpredict.connect() as db:
            ...     for outcome in db.predict(mlpredict.load_model(), ["tests/digits/7-marker.png"]):
            ...         print(outcome.label)
            7
        """
        from mlpredict.pipeline.predicting import decoding

        wanted = Keep(keep)
        named = list(several(images)) if label_from is not None else several(images)
        sources = sources_of(named, only_files=wanted is Keep.REFERENCE)
        spec, size = model.loaded.spec, batch_size or model.loaded.batch_size
        return self.run(
            model,
            decoding(sources, spec, batch_size=size, pages=Pages(pages)),
            keep=wanted,
            skip_existing=skip_existing,
            labels=None if label_from is None else _folder_labels(label_from, named),
        )

    def run(
        self,
        model: Model,
        decoded: AbstractContextManager[Iterable[list[Sample | Rejected]]],
        *,
        keep: Keep = Keep.ORIGINAL,
        skip_existing: bool = False,
        enough: Callable[[], bool] = never,
        labels: FolderLabels | None = None,
    ) -> Run:
        """The same of images that are being decoded; it ends early when `enough` comes true."""
        return Run(self, model, decoded, keep, skip_existing, enough, labels)

    def predictions(
        self,
        *,
        label: str | Iterable[str] = (),
        model: str | None = None,
        run: int | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        filename: str | None = None,
        true_label: str | Iterable[str] = (),
        labelled: bool | None = None,
        right: bool | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> Predictions:
        """Stored predictions, newest first; `since` and `until` are times, or ages such as "7d".

        `labelled` and `right` restrict them to those that are, or, where they are False, that are not.

        Example:
            >>> with mlpredict.connect() as db:
            ...     {one.label for one in db.predictions(label="7", min_score=0.9)} <= {"7"}
            True
        """
        wanted = PredictionFilter(
            labels=_texts(label),
            model=model,
            run_id=run,
            min_score=min_score,
            max_score=max_score,
            since=_time(since, "since"),
            until=_time(until, "until"),
            filename=filename,
            true_labels=_texts(true_label),
            labelled=labelled,
            right=right,
        )
        from mlpredict.api.stored import Predictions

        return Predictions(self, wanted, limit, before)

    def ids(self, wanted: PredictionFilter) -> list[int]:
        """The predictions that a filter finds, the newest first."""
        with self.reading() as repository:
            return repository.ids(wanted)

    def prediction(self, prediction_id: int) -> StoredPrediction:
        """Everything about one prediction.

        Raises:
            NotFound: there is none of this id.
        """
        from mlpredict.api.stored import StoredPrediction

        with self.reading() as repository:
            detail = repository.detail(prediction_id)
            return StoredPrediction(detail, repository.map(prediction_id) if detail.has_map else None)

    def label(
        self,
        images: Images | Mapping[Image, str],
        label: str | None = None,
        *,
        by: str | None = None,
        source: LabelSource | str = LabelSource.API,
    ) -> Labelled:
        """Say what images are: all of them `label`, or each what a mapping says.

        An image is a file, a folder of files, the bytes of a file, or the id of a prediction of it. The truth
        holds for every prediction of the image, whichever model made it; what was said before is kept.

        Example:
            >>> with mlpredict.connect() as db:
            ...     _ = list(db.predict(mlpredict.load_model(), "tests/digits/7-marker.png"))
            ...     db.label("tests/digits/7-marker.png", "7").not_stored
            0
        """
        from mlpredict.api.labelling import label_images

        return label_images(self, images, label, by, str(source))

    def label_folders(self, folder: str | os.PathLike[str], *, by: str | None = None) -> Labelled:
        """Say that the images below a folder are what the folders in it are called.

        Raises:
            UsageError: there are no images in folders of it.
        """
        from mlpredict.api.labelling import label_folders

        return label_folders(self, os.fspath(folder), by)

    def label_csv(self, file: str | os.PathLike[str], *, by: str | None = None) -> Labelled:
        """Say what images are by a CSV file with a name, a SHA-256 or a prediction's id, and a label.

        Raises:
            UsageError: it cannot be read, or is no such list.
        """
        from mlpredict.api.labelling import label_csv

        return label_csv(self, os.fspath(file), by)

    def unlabel(self, images: Images, *, by: str | None = None) -> Labelled:
        """Take back what was said of images."""
        from mlpredict.api.labelling import unlabel_images

        return unlabel_images(self, images, by)

    @contextmanager
    def reading(self) -> Iterator[Repository]:
        """A connection of its own to read from, until the block ends."""
        from mlpredict.storage.repository import open_repository

        with open_repository(self.dsn) as repository:
            yield repository

    @contextmanager
    def store(self) -> Iterator[PersistentStore]:
        """A connection to write to, which no other thread has meanwhile."""
        from mlpredict.storage.retrying import open_store

        with self._turn:
            store = self._idle.pop() if self._idle else None
        store = store or open_store(self.dsn, retry=self.retry)
        try:
            yield store
        except BaseException:
            store.close()
            raise
        with self._turn:
            self._idle.append(store)


def _folder_labels(label_from: str, images: Iterable[ImageLike]) -> FolderLabels:
    from mlpredict.pipeline.labelling import FolderLabels

    if label_from != "folders":
        raise UsageError(f'label_from="{label_from}": labels come from "folders"')
    return FolderLabels(os.fspath(one) for one in images if isinstance(one, (str, os.PathLike)))


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _time(given: str | datetime | None, name: str) -> datetime | None:
    return point_in_time(given, name) if isinstance(given, str) else given
