"""Saying what images are, by whatever names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from mlpredict.domain import Labelled, LabelSource, NewLabel, PredictionRecord
from mlpredict.errors import UsageError
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.pipeline.labelling import Named

    Image = int | str | os.PathLike[str] | bytes | PredictionRecord
    Images = Image | Iterable[Image]

logger = get_logger(__name__)


def label_images(
    database: Database,
    images: Images | Mapping[Image, str],
    label: str | None,
    by: str | None,
    source: str,
) -> Labelled:
    """Store the labels of images: one for all, or each what a mapping says.

    Raises:
        UsageError: there is no label, or two.
    """
    from mlpredict.pipeline.labelling import named_images

    if isinstance(images, Mapping) == (label is not None):
        raise UsageError("a label goes with images, or a label with each image: a mapping")
    if isinstance(images, Mapping):
        each = cast("Mapping[Image, str]", images)
        new = [one for image, text in each.items() for one in named_images(_named([image]), text)]
    else:
        new = list(named_images(_named(_several(images)), label or ""))
    return _stored(database, new, source, by)


def unlabel_images(database: Database, images: Images, by: str | None) -> Labelled:
    """Take back what was said of images."""
    from mlpredict.pipeline.labelling import named_images

    with database.store() as store:
        return store.unlabel(list(named_images(_named(_several(images)), "")), removed_by=by)


def label_folders(database: Database, folder: str, by: str | None) -> Labelled:
    """Store the labels that folders say."""
    from mlpredict.pipeline.labelling import foldered_images

    return _stored(database, foldered_images(folder), LabelSource.FOLDERS, by)


def label_csv(database: Database, file: str, by: str | None) -> Labelled:
    """Store the labels of a list."""
    from mlpredict.pipeline.label_files import read_entries
    from mlpredict.pipeline.labelling import add_listed, listed_images

    new = listed_images(read_entries(file))
    with database.store() as store:
        done = add_listed(store, new, os.path.dirname(file), source=LabelSource.CSV, labelled_by=by)
    return _told(done)


def _stored(database: Database, new: list[NewLabel], source: str, by: str | None) -> Labelled:
    with database.store() as store:
        return _told(store.label(new, source=source, labelled_by=by))


def _told(done: Labelled) -> Labelled:
    for remark in done.remarks:
        logger.warning(remark)
    return done


def _several(images: Images) -> Iterable[Image]:
    if isinstance(images, (int, str, bytes, os.PathLike, PredictionRecord)):
        return [images]
    return images


def _named(images: Iterable[Image]) -> Iterator[Named]:
    for image in images:
        if isinstance(image, PredictionRecord):
            if image.prediction_id is None:
                raise UsageError("a prediction that is not stored cannot be labelled")
            yield image.prediction_id
        elif isinstance(image, (int, bytes)):
            yield image
        else:
            yield os.fspath(image)
