"""Images to which no row refers, as many as there are, held in some megabytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from struct import Struct

from mlpredict.domain.sweeping import KeptObject
from mlpredict.errors import OutputError, describe_os_error
from mlpredict.support.scratch import scratch_folder

HELD_BYTES = 4 << 20
"""So much is in memory: about 100,000 images."""
RECORD = Struct("=32sQ")
AT_ONCE = 1000
"""So many are looked up and taken away at a time: S3 takes no more in a request."""


class Orphans:
    """Images in the order in which they were added; beyond `HELD_BYTES` they lie in a temporary file.

    Example:
        >>> orphans = Orphans()
        >>> orphans.add([KeptObject(bytes(32), 310)])
        >>> [[image.size for image in block] for block in orphans.blocks()]
        [[310]]
    """

    def __init__(self) -> None:
        folder = scratch_folder()
        # Where there is no folder for it, 0 is no limit to what is held.
        most = 0 if folder is None else HELD_BYTES
        self._file = tempfile.SpooledTemporaryFile(most, dir=None if folder is None else str(folder))  # noqa: SIM115 - closed below

    def __del__(self) -> None:
        self._file.close()

    def add(self, images: Iterable[KeptObject]) -> None:
        """Some more images.

        Raises:
            OutputError: there is no room for them on the disk.
        """
        try:
            self._file.write(b"".join(RECORD.pack(*one) for one in images))
        except OSError as error:
            why = f"a temporary file cannot be written: {describe_os_error(error)}"
            raise OutputError(why, hint="TMPDIR names another folder for it") from error

    def blocks(self) -> Iterator[list[KeptObject]]:
        """All of them, some at a time."""
        self._file.seek(0)
        while content := self._file.read(AT_ONCE * RECORD.size):
            yield [KeptObject(*one) for one in RECORD.iter_unpack(content)]
