"""What raises when a limit of memory is reached: Python, numpy and the loader of libraries, each its own."""

from __future__ import annotations

import re

from mlpredict.errors import OutOfMemory

SIGNS = re.compile(
    r"failed to map segment|cannot allocate memory|cannot apply additional memory protection"
    r"|can't start new thread|unable to allocate|out of memory",
    re.IGNORECASE,
)
HINT = "allow more (ulimit -v, the limit of the container or service); a first answer takes about 200 MB"


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """The error to tell where one was raised as there is too little memory; None for any other."""
    cause: BaseException | None = error
    while cause is not None:
        loading = isinstance(cause, (ImportError, OSError, RuntimeError)) and SIGNS.search(str(cause))
        if isinstance(cause, MemoryError) or loading:
            return OutOfMemory("not enough memory", hint=HINT)
        cause = cause.__cause__ or cause.__context__
    return None
