"""Saying what images are, by whatever names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from mlpredict.api.connections import Connections
from mlpredict.domain import PredictionRecord
from mlpredict.errors import UsageError
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.domain import Labelled, LabelSource, NewLabel
    from mlpredict.pipeline.labelling import Named

    Image = int | str | os.PathLike[str] | bytes | PredictionRecord
    Images = Image | Iterable[Image]

logger = get_logger(__name__)


class Labelling(Connections):
    """What a database does with the truth of images."""

    __slots__ = ()

    def label(
        self,
        images: Images | Mapping[Image, str],
        label: str | None = None,
        *,
        by: str | None = None,
        source: LabelSource | str = "api",
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
        return _label_images(self, images, label, by, str(source))

    def label_folders(self, folder: str | os.PathLike[str], *, by: str | None = None) -> Labelled:
        """Say that the images below a folder are what the folders in it are called.

        Raises:
            UsageError: there are no images in folders of it.
        """
        return _label_folders(self, os.fspath(folder), by)

    def label_csv(self, file: str | os.PathLike[str], *, by: str | None = None) -> Labelled:
        """Say what images are by a CSV file with a name, a SHA-256 or a prediction's id, and a label.

        Raises:
            UsageError: it cannot be read, or is no such list.
        """
        return _label_csv(self, os.fspath(file), by)

    def unlabel(self, images: Images, *, by: str | None = None) -> Labelled:
        """Take back what was said of images."""
        return _unlabel_images(self, images, by)


def _label_images(
    database: Connections,
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


def _unlabel_images(database: Connections, images: Images, by: str | None) -> Labelled:
    """Take back what was said of images."""
    from mlpredict.pipeline.labelling import named_images

    with database.store() as store:
        return store.unlabel(list(named_images(_named(_several(images)), "")), removed_by=by)


def _label_folders(database: Connections, folder: str, by: str | None) -> Labelled:
    """Store the labels that folders say."""
    from mlpredict.domain import LabelSource
    from mlpredict.pipeline.labelling import foldered_images

    return _stored(database, foldered_images(folder), LabelSource.FOLDERS, by)


def _label_csv(database: Connections, file: str, by: str | None) -> Labelled:
    """Store the labels of a list."""
    from mlpredict.domain import LabelSource
    from mlpredict.pipeline.label_files import read_entries
    from mlpredict.pipeline.labelling import add_listed, listed_images

    new = listed_images(read_entries(file))
    with database.store() as store:
        done = add_listed(store, new, os.path.dirname(file), source=LabelSource.CSV, labelled_by=by)
    return _told(done)


def _stored(database: Connections, new: list[NewLabel], source: str, by: str | None) -> Labelled:
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
