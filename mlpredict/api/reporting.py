"""What stored predictions were worth."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mlpredict.api.connections import Connections
from mlpredict.api.filters import Filters, filter_of

if TYPE_CHECKING:
    from mlpredict.domain import PredictionFilter
    from mlpredict.domain.comparisons import Comparison
    from mlpredict.domain.reports import GroupBy, Report


class Reporting(Connections):
    """What a database tells of its predictions."""

    __slots__ = ()

    def report(
        self,
        wanted: PredictionFilter | None = None,
        *,
        by: GroupBy | str | None = None,
        against: str | None = None,
        worst: int = 0,
        **filters: Unpack[Filters],
    ) -> Report:
        """What predictions were worth: accuracy, confusion and calibration where images are labelled.

        `by` also tells them apart by "day", "week", "run", "model" or "folder", and compares the labels of
        each with those of the group `against`, or the first. `worst` is how many of the mistakes that the
        model was most sure of are in the report.

        Raises:
            UsageError: there is no group that is called as `against`.

        Example:
            >>> with mlpredict.connect() as db:
            ...     db.report(model="pets").accuracy is None
            True
        """
        from mlpredict.domain.reports import GroupBy
        from mlpredict.pipeline.reporting import report

        group = None if by is None else GroupBy(by)
        chosen = filter_of(filters) if wanted is None else wanted
        return self.read(
            lambda repository: report(repository, chosen, by=group, against=against, worst=worst)
        )

    def compare(
        self, a: str | int, b: str | int, wanted: PredictionFilter | None = None, **filters: Unpack[Filters]
    ) -> Comparison:
        """Two models by their names, or two runs by their numbers, on the images that both have predicted.

        Raises:
            NotFound: there is no such model or run.
        """
        from mlpredict.pipeline.comparing import compare

        chosen = filter_of(filters) if wanted is None else wanted
        return self.read(lambda repository: compare(repository, str(a), str(b), chosen))

    def write_report(self, made: Report, file: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a report as one page, with pictures of its worst mistakes.

        Raises:
            OutputError: there is a file of this name and it is not to be overwritten, or none can be written.
        """
        from mlpredict.report_page.report_html import report_page

        pictures = self._pictures(one.input_id for one in made.worst if one.input_id is not None)
        _write(file, report_page(made, pictures), force=force)

    def write_comparison(
        self, made: Comparison, file: str | os.PathLike[str], *, force: bool = False
    ) -> None:
        """Write a comparison as one page, with pictures of its flips.

        Raises:
            OutputError: there is a file of this name and it is not to be overwritten, or none can be written.
        """
        from mlpredict.report_page.comparison_html import comparison_page, pictured

        pictures = self._pictures(one.input_id for one in pictured(made))
        _write(file, comparison_page(made, pictures), force=force)

    def _pictures(self, inputs: Iterable[int]) -> dict[int, str]:
        from mlpredict.report_page.thumbnails import thumbnails

        wanted = dict.fromkeys(inputs)
        return self.read(lambda repository: thumbnails(repository.image(one) for one in wanted))


def _write(file: str | os.PathLike[str], page: str, *, force: bool) -> None:
    from mlpredict.support.whole_file import whole_file

    with whole_file(Path(file), force=force) as partial:
        partial.write_text(page, "utf-8")
