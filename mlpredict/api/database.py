"""A database: what is stored, and what is read from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Unpack

from mlpredict import settings
from mlpredict.api.filters import Filters, filter_of
from mlpredict.api.images import several, sources_of
from mlpredict.api.labelling import Labelling
from mlpredict.api.reporting import Reporting
from mlpredict.api.run import Run
from mlpredict.api.similarity import Similarity
from mlpredict.api.upkeep import Upkeep
from mlpredict.domain import (
    Keep,
    Pages,
    PredictionFilter,
    Rejected,
    Sample,
)
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import UsageError
from mlpredict.inputs.remote.keep_choice import keep_of
from mlpredict.support.ahead import never

RETRY_SECONDS = 30.0
"""For so long a batch is tried again when the connection to the database is lost."""
if TYPE_CHECKING:
    from mlpredict.api.images import ImageLike
    from mlpredict.api.model import Model
    from mlpredict.api.replaying import Replay
    from mlpredict.api.shared_replay import SharedReplay
    from mlpredict.api.shared_run import Shared, SharedRun
    from mlpredict.api.stored import Predictions, StoredPrediction
    from mlpredict.pipeline.labelling import FolderLabels


@contextmanager
def connect(
    dsn: str | None = None, *, retry: float = RETRY_SECONDS, read_dsn: str | None = None
) -> Iterator[Database]:
    """The database of `dsn`, or the local PostgreSQL, which starts by itself.

    `read_dsn` is a read replica of it, which `report` and `compare` ask.

    Raises:
        DatabaseError: nothing answers there, or it has no tables of this version.

    Example:
        >>> with mlpredict.connect() as db:
        ...     run = db.predict(mlpredict.load_model(), "tests/digits")
        ...     len(list(run))
        16
    """
    database = Database(dsn or settings.dsn(), retry, read_dsn)
    with database.opened():
        yield database


class Database(Labelling, Reporting, Similarity, Upkeep):
    """Where predictions are kept; make one with `connect`."""

    __slots__ = ()

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
        run_key: str | None = None,
        part: str | None = None,
        store_top: int | None = None,
    ) -> Run:
        """Predict images and store them with their predictions, while the run is iterated.

        Images are files, folders (recursive), and whatever `Model.predict` takes. With
        `skip_existing` those are passed over that the model has predicted already. `pages` are "all" of
        a file or frames of an animation, as "scan.tif#2", or the "first". With `label_from="folders"` the
        folders that images lie in are their true labels. With a `run_key` several processes, on several
        machines, do one run: each the `part` "0/4" to "3/4", or those that are free ("auto"). Of a model of
        many classes `store_top` stores the likeliest of each image, and not all.

        Raises:
            UsageError: `keep` is "reference", and an image is not a file; or labels come from elsewhere; or
                the run of this key was begun otherwise; or there are no classes for `store_top`.

        Example:
            >>> with mlpredict.connect() as db:
            ...     for outcome in db.predict(mlpredict.load_model(), ["tests/digits/7-marker.png"]):
            ...         print(outcome.label)
            7
        """
        from mlpredict.api.known_objects import KnownObjects
        from mlpredict.pipeline.predicting import decoding
        from mlpredict.support.run_parts import require_one_list, sharing_of

        model, wanted = model.storing_best(store_top), keep_of(keep)
        if (sharing := sharing_of(run_key, part)) is not None:
            from mlpredict.api.shared_run import Shared

            require_one_list(pages=Pages(pages), labelled=label_from is not None)
            shared = Shared(
                sharing, sources_of(several(images), only_files_for="run_key", only_listed=True), batch_size
            )
            return self.share(model, shared, keep=wanted, skip_existing=skip_existing)
        named = list(several(images)) if label_from is not None else several(images)
        known = KnownObjects(model.fingerprint, self) if skip_existing else None
        only_files_for = 'keep="reference"' if wanted is Keep.REFERENCE else None
        sources = sources_of(named, only_files_for=only_files_for, known=known)
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
        keep: Keep | KeepIn = Keep.ORIGINAL,
        skip_existing: bool = False,
        enough: Callable[[], bool] = never,
        labels: FolderLabels | None = None,
    ) -> Run:
        """The same of images that are being decoded; it ends early when `enough` comes true."""
        return Run(self, model, decoded, keep, skip_existing, enough, labels)

    def replay(
        self,
        new: Model,
        /,
        *,
        batch_size: int | None = None,
        store_top: int | None = None,
        run_key: str | None = None,
        part: str | None = None,
        **filters: Unpack[Filters],
    ) -> Replay | SharedReplay:
        """Predict stored images with another model: those of the predictions that filters choose, each once.

        `model` among the filters is the one whose predictions are meant. What the new one has predicted
        already is passed over. `store_top` stores the likeliest of many classes, and not all. With a
        `run_key` several processes do it, each the `part` of it as of `predict`.

        Example:
            >>> with mlpredict.connect() as db:
            ...     replay = db.replay(mlpredict.load_model(), label="7", since="30d")
            ...     sum(1 for outcome in replay) >= 0
            True
        """
        from mlpredict.api.replaying import Replay, chosen_images
        from mlpredict.support.run_parts import sharing_of

        new, wanted = new.storing_best(store_top), filter_of(filters)
        if (sharing := sharing_of(run_key, part)) is None:
            return Replay(self, new, wanted, batch_size=batch_size)
        from mlpredict.api.shared_replay import SharedReplay
        from mlpredict.api.shared_run import Shared

        chosen = chosen_images(self, new, wanted)
        return SharedReplay(self, new, chosen, Shared(sharing, (), batch_size))

    def share(
        self,
        model: Model,
        shared: Shared,
        *,
        keep: Keep | KeepIn = Keep.ORIGINAL,
        skip_existing: bool = False,
        enough: Callable[[], bool] = never,
    ) -> SharedRun:
        """The parts of a run that are this process's; it ends early when `enough` comes true."""
        from mlpredict.api.shared_run import SharedRun

        return SharedRun(self, model, shared, keep, skip_existing, enough)

    def predictions(
        self, *, limit: int | None = None, before: int | None = None, **filters: Unpack[Filters]
    ) -> Predictions:
        """Stored predictions, newest first; by the filters of `mlpredict.api.filters.Filters`.

        Example:
            >>> with mlpredict.connect() as db:
            ...     {one.label for one in db.predictions(label="7", min_score=0.9)} <= {"7"}
            True
        """
        from mlpredict.api.stored import Predictions

        return Predictions(self, filter_of(filters), limit, before)

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


def _folder_labels(label_from: str, images: Iterable[ImageLike]) -> FolderLabels:
    from mlpredict.pipeline.labelling import FolderLabels

    if label_from != "folders":
        raise UsageError(f'label_from="{label_from}": labels come from "folders"')
    return FolderLabels(os.fspath(one) for one in images if isinstance(one, (str, os.PathLike)))
