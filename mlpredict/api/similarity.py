"""Near duplicates among the images of a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Unpack

from mlpredict.api.connections import Connections
from mlpredict.api.filters import Filters, filter_of
from mlpredict.support.ahead import never

if TYPE_CHECKING:
    from mlpredict.domain import PredictionFilter
    from mlpredict.domain.similar import Similar
    from mlpredict.pipeline.similar import Filled


class Similarity(Connections):
    """What a database tells of pictures that look alike."""

    __slots__ = ()

    def similar(
        self,
        image: int | str | os.PathLike[str],
        wanted: PredictionFilter | None = None,
        *,
        distance: int = 10,
        likeness: float = 0.9,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Similar:
        """The stored images that are near duplicates of one, the likest first, with their newest predictions.

        `image` is the id of a prediction, or a file, which need not be stored. `distance` is how many bits of
        64 may be different in their hashes, `likeness` how like they are at least, of 0..1.

        Raises:
            NotFound: there is no such prediction.
            ImageError: the image cannot be had, or is none.

        Example:
            >>> with mlpredict.connect() as db:
            ...     _ = list(db.predict(mlpredict.load_model(), "tests/digits/7-marker.png"))
            ...     db.similar("tests/digits/7-marker.png").alike[0].distance
            0
        """
        from mlpredict.pipeline.similar import Sought, look_of_file, look_of_prediction, similar
        from mlpredict.storage.looks import Looks

        chosen = filter_of(filters) if wanted is None else wanted
        with self.reading() as repository:
            looks = Looks(repository.connection)
            if isinstance(image, int):
                look = look_of_prediction(repository, looks, image)
            else:
                look = look_of_file(os.fspath(image))
            return similar(repository, looks, look, chosen, Sought(distance, likeness, limit))

    def fill_looks(
        self,
        enough: Callable[[], bool] = never,
        *,
        starting: Callable[[int], None] = lambda _total: None,
    ) -> Iterator[Filled]:
        """Look at stored images that nobody has looked at, a block at a time; how far it is after each.

        Those are what earlier versions stored. `starting` is told how many there are. It ends early when
        `enough` comes true, and goes on when it is called again.

        Example:
            >>> with mlpredict.connect() as db:
            ...     sum(1 for _ in db.fill_looks())
            0
        """
        from mlpredict.pipeline.similar import fill
        from mlpredict.storage.looks import Looks

        with self.reading() as repository:
            looks = Looks(repository.connection)
            starting(looks.count_without_hash())
            yield from fill(repository, looks, enough)
