"""What was assumed of images, and what was wrong with them and did no harm: told by name."""

from __future__ import annotations

from collections.abc import Iterable

from mlpredict.domain import Sample
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

MOST_LINES = 10
"""A folder of scans would fill the screen: the others are counted, and named to who asks for more."""


class Noted:
    """Tells of the images of a run."""

    def __init__(self) -> None:
        self._notices = 0

    def tell(self, samples: Iterable[Sample]) -> None:
        """Say what is worth knowing of images, a line each, the first few to everybody."""
        for sample in samples:
            for text in sample.notices:
                self._notices += 1
                say = logger.info if self._notices <= MOST_LINES else logger.debug
                say("%s: %s", sample.source.filename, text)
            for text in sample.details:
                logger.debug("%s: %s", sample.source.filename, text)

    def finish(self) -> None:
        """Say how many lines were left out."""
        if (more := self._notices - MOST_LINES) > 0:
            logger.info("%s more lines like these, with --verbose", f"{more:,}")
