"""Long text on a terminal, through the pager that its user has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from mlpredict.cli.stdout import stdin_is_terminal, stdout_is_terminal, write_data

LESS = {"LESS": "FRX", "LV": "-c"}
"""As git has it: a text of one screen is left on it, colours are shown."""


def pager() -> Sequence[str] | None:
    """The command that shows text page by page: `$PAGER`, else less; None where nobody could turn pages."""
    if not (stdout_is_terminal() and stdin_is_terminal()) or os.environ.get("TERM", "dumb") == "dumb":
        return None
    if (named := os.environ.get("PAGER")) is not None:
        command = _split(named)
        return command if command and command[0] != "cat" and shutil.which(command[0]) else None
    return ["less"] if shutil.which("less") else None


def shows_colours(command: Sequence[str] | None) -> bool:
    """Whether a pager, or the terminal itself, takes the sequences that colour text."""
    if "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb" or not stdout_is_terminal():
        return False
    return command is None or os.path.basename(command[0]) in ("less", "bat", "most")


def show(text: str, command: Sequence[str] | None) -> None:
    """Show a text through a pager, or print it."""
    if command is None:
        write_data(text.encode("utf-8", "replace"))
        return
    colours = ["-R"] if os.path.basename(command[0]) == "less" else []
    process = subprocess.Popen([*command, *colours], stdin=subprocess.PIPE, env={**LESS, **os.environ})
    assert process.stdin is not None
    # Whoever has seen enough leaves the pager, which then reads no further.
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(text.encode("utf-8", "replace"))
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            # It is for the pager, which has the terminal.
            continue
        return


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
