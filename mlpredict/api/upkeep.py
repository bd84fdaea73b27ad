"""What becomes of stored predictions and their images later: they are deleted, verified, or taken out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from mlpredict.api.connections import Connections
from mlpredict.api.filters import Filters, filter_of
from mlpredict.domain.sweeping import USUAL_AGE
from mlpredict.domain.verification import TOLERANCE

if TYPE_CHECKING:
    from datetime import datetime

    from mlpredict.domain import PredictionFilter
    from mlpredict.domain.deletion import Deleted
    from mlpredict.domain.export import Exported, FolderBy
    from mlpredict.domain.sweeping import Swept
    from mlpredict.domain.verification import Verification


class Upkeep(Connections):
    """What a database does with its predictions later."""

    __slots__ = ()

    def delete(
        self,
        what: PredictionFilter | Iterable[int] | int | None = None,
        *,
        images: Iterable[str | os.PathLike[str]] | None = None,
        **filters: Unpack[Filters],
    ) -> Deleted:
        """Delete predictions, by their ids or by filters, with what only they needed.

        With `images` everything goes that is stored of pictures, whatever they were called: predictions
        of all models, the images, their labels, and their names among the failures.

        Raises:
            UsageError: nothing is named, or everything.
            ImageError: the file of a picture cannot be read.

        Example:
            >>> with mlpredict.connect() as db:
            ...     db.delete(until="90d").predictions >= 0
            True
        """
        from mlpredict.api.deletion import deletion

        files = None if images is None else [os.fspath(one) for one in images]
        return deletion(self, filter_of(filters) if filters else what, files).carry_out()

    def sweep(
        self,
        prefix: str,
        *,
        older_than: str | datetime = USUAL_AGE,
        abandoned: bool = False,
        dry_run: bool = False,
    ) -> Swept:
        """Take images away that lie below a prefix of a bucket, and to which no row of this database refers.

        Only what `keep="s3://bucket/prefix/"` writes there goes, when it is older than an age or a time, and
        everything of it only where the prefix is `abandoned`. With `dry_run` it is only counted.

        Raises:
            UsageError: it is no prefix of a bucket, or the age is less than an hour, or no row refers to any
                image there.
            DatabaseError: the database is a standby, or hides rows from this role.
            OutputError: not all of the prefix could be listed; what was listed is taken away.

        Example:
            >>> with mlpredict.connect() as db:
            ...     db.sweep("s3://archive/images/", dry_run=True).removed
            12
        """
        from mlpredict.api.sweeping import sweep

        found = sweep(self, prefix, older_than=older_than, abandoned=abandoned)
        swept = found.counted if dry_run else found.carry_out()
        found.require_whole()
        return swept

    def verify(
        self,
        what: PredictionFilter | Iterable[int] | int | None = None,
        *,
        sample: int | None = None,
        tolerance: float = TOLERANCE,
        model_path: str | os.PathLike[str] | None = None,
        unsafe: bool = False,
        **filters: Unpack[Filters],
    ) -> Verification:
        """Make stored predictions once more and compare every bit: those of ids or of filters, else all.

        `sample` takes so many of them at random, and `model_path` is where their model lies now. `unsafe`
        takes a model that does more than compute.

        Raises:
            UsageError: the tolerance or the size of the sample is none.

        Example:
            >>> with mlpredict.connect() as db:
            ...     db.verify(run="last").is_proven
            True
        """
        from mlpredict.api.verifying import How, check, verified

        wanted = filter_of(filters) if filters or what is None else [what] if isinstance(what, int) else what
        how = How(sample, tolerance, model_path, unsafe)
        return verified(check(self, wanted, how))

    def export(
        self,
        target: str | os.PathLike[str],
        wanted: PredictionFilter | None = None,
        *,
        by: FolderBy | str = "truth",
        link: bool = False,
        columns: Sequence[str] | None = None,
        probabilities: bool = False,
        force: bool = False,
        **filters: Unpack[Filters],
    ) -> Exported:
        """Write images as `target/LABEL/NAME.ext` with a `metadata.csv`, or predictions as a table.

        A target that ends in .csv, .jsonl or .parquet is a table, with a column a class where
        `probabilities` are wanted. The folder of an image is its label; with `by` "predicted", what was
        predicted where it has none. Each image is there once. With `link` those that are kept as a
        reference become links to their files.

        Raises:
            UsageError: two of these do not go together, or pyarrow is not installed.
            OutputError: something cannot be written.

        Example:
            >>> with mlpredict.connect() as db:
            ...     db.export("hard", right=False).failed
            0
        """
        from mlpredict.api.exporting import Wanted, export

        chosen = filter_of(filters) if wanted is None else wanted
        from mlpredict.domain.export import FolderBy

        how = Wanted(chosen, FolderBy(by), link, columns, probabilities, force)
        [done] = deque(export(self, target, how), maxlen=1)
        return done
