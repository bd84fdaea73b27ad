"""The server's life: a socket, one process or several that answer on it, and an end in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace

from mlpredict.errors import UsageError
from mlpredict.support.logs import get_logger
from mlpredict.web.server.address import Address, listen, resolve, rules_for, url_of
from mlpredict.web.server.options import Options

logger = get_logger(__name__)


def serve(options: Options, loaded: Callable[[], None]) -> int:
    """Serve until a SIGTERM or a Ctrl-C, and answer what was accepted by then; the exit status.

    `loaded` is called when a process is ready for work.

    Raises:
        UsageError: the address cannot be had, or is open to other machines without a token.
        ModelError, DatabaseError: there is nothing to serve.
    """
    if options.workers > 1 and not hasattr(os, "fork"):
        raise UsageError("--workers: this platform has one process alone")
    address = resolve(options.host, options.port)
    rules = replace(rules_for(address, options.token, insecure=options.insecure), origins=options.origins)
    with listen(address) as listener:

        def work(up: Callable[[str], None]) -> None:
            # Here, as prometheus-client looks at its environment when it is imported.
            from mlpredict.web.server.worker import Worker

            Worker(options, rules, listener).run(loaded, up)

        def announce(model: str) -> None:
            logger.info(_announcement(model, address, listener))

        if options.workers == 1:
            work(announce)
            return 0
        from mlpredict.web.server.workers import Workers

        return Workers(options.workers, work).run(announce)


def _announcement(model: str, address: Address, listener: socket.socket) -> str:
    return f"serving {model} at {url_of(address, listener)}"
