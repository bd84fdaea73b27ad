"""A process that has imported what the command imports, and forks for each command.

Importing takes most of a short command's processor time. Forked, a command still has a process of its own:
its arguments, environment, folder, standard streams and exit status are those it was given. What a command
imports, and when, `tests/unit/cli/test_startup.py` looks at in new interpreters.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from importlib import import_module

# What commands do not import, or start as programs of their own.
LEFT_ALONE = ("mlpredict.web.", "mlpredict.inference.compiler_process")
# What the package imports inside functions.
LIBRARIES = (
    "asyncio",
    "importlib.metadata",
    "numpy",
    "orjson",
    "psycopg",
    "rich.progress",
    "rich.table",
    "PIL.Image",
    "PIL.PngImagePlugin",
    "ai_edge_litert.interpreter",
)
MOST_DESCRIPTORS = 1024


def import_all() -> None:
    """Import what commands use; none of it starts a thread, which a fork would lose."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command itself does
    import mlpredict

    for found in pkgutil.walk_packages(mlpredict.__path__, "mlpredict."):
        if not f"{found.name}.".startswith(LEFT_ALONE):
            import_module(found.name)
    for name in LIBRARIES:
        import_module(name)


def serve(server: socket.socket) -> bool:
    """Fork for each command that is asked for over `server`.

    With a request come four descriptors: where its answers go, and the standard streams of the command.
    The answers are two lines, the command's process id and its exit status.

    Returns:
        Whether this is the process of a command; False when the other end is closed.
    """
    with selectors.DefaultSelector() as events:
        events.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.data is None:
                    _, descriptors, _, _ = socket.recv_fds(server, 1, 4)
                    if not descriptors:
                        return False
                    answer, *streams = descriptors
                    pid = os.fork()
                    if pid == 0:
                        become_command(answer, streams)
                        return True
                    for stream in streams:
                        os.close(stream)
                    os.write(answer, b"%d\n" % pid)
                    events.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answer))
                else:
                    pid, answer = key.data
                    _, status = os.waitpid(pid, 0)
                    os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(status))
                    events.unregister(key.fd)
                    os.close(key.fd)
                    os.close(answer)


def become_command(answer: int, streams: Sequence[int]) -> None:
    """Take on the streams, and what else the request says."""
    with open(answer, "rb", closefd=False) as request:
        arguments, environment, folder = json.load(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, MOST_DESCRIPTORS)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["-c", *arguments]


if __name__ == "__main__":
    import_all()
    gc.collect()
    gc.freeze()
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        from mlpredict.cli import main

        main()
