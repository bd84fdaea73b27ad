"""A process that decodes: requests on its standard input, answers on its standard output.

It begins with a pickled True. A request is a pickled pair, file names and an `ImageSpec`; its answer
a list with a `Decoded` or a reason for each. The end of the requests is the end of the process, also
when whoever sent them was killed. `decoders` starts these processes and says why they are some.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import sys
from contextlib import suppress

from mlpredict.domain import Source
from mlpredict.inputs.decode import decode_source


def main() -> None:
    """Answer requests until there are no more, or nobody is there to read the answers."""
    with suppress(BrokenPipeError):
        _answer_requests()


def _answer_requests() -> None:
    answers = _own_stdout()
    # What is imported by now stays: the collector need not look through it again.
    gc.freeze()
    _send(answers, True)
    while True:
        try:
            filenames, spec = pickle.load(sys.stdin.buffer)  # noqa: S301 - the other end is this program
        except EOFError:
            return
        _send(answers, [decode_source(Source(filename), spec) for filename in filenames])


def _send(answers: io.BufferedWriter, message: object) -> None:
    pickle.dump(message, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


def _own_stdout() -> io.BufferedWriter:
    """Standard output for the answers alone, whatever a decoder's library may print there."""
    answers = open(os.dup(1), "wb")  # noqa: SIM115 - it is open as long as the process lives
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
