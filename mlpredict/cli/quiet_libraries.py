"""Native libraries kept quiet for as long as a program runs that has no end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from mlpredict.cli.talk import talk


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Nothing of what native libraries write to descriptor 2 gets to the terminal, unless with -v.

    `quiet_stderr` would keep it, and a server runs for long.
    """
    if talk.verbose:
        yield
        return
    with talk.apart_from_descriptor_2():
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
