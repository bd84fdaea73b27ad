"""Shells: the script that makes one complete our command, and the answers to its TABs.

The scripts are Typer's; its answers would import rich for the sake of texts that have no markup.
"""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Any

from typer import _completion_classes, _completion_shared
from typer._click import shell_completion

from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import OutputError, UsageError

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"

SPECIAL = re.compile(r"([^\w@%+=:,./-])")
"""What a shell would take for something else than itself."""


def answer(program: Any, settings: MutableMapping[str, Any], instruction: str) -> int:
    """Print what can stand in the place of an unfinished word; `instruction` is that of Typer's scripts."""
    _completion_classes.completion_init()
    word, _, shell = instruction.partition("_")
    kind = shell_completion.get_completion_class(shell)
    if kind is None or word not in ("complete", "source"):
        raise UsageError(f"{VARIABLE}={instruction}: there is no such instruction")
    asked = kind(program, settings, PROGRAM, VARIABLE)
    if word == "source":
        write_data(f"{asked.source()}\n".encode())
        return 0
    # The texts beside the words have no markup.
    _completion_classes._sanitize_help_text = _as_it_is
    if shell == "bash":
        asked.format_completion = _escaped  # type: ignore[method-assign]
    write_data(f"{asked.complete()}\n".encode("utf-8", "surrogateescape"))
    return 0


def install(shell: str) -> None:
    """Have a shell complete our command from its next start on."""
    shell = _known(shell)
    try:
        name, path = _completion_shared.install(shell, PROGRAM, VARIABLE)
    except OSError as error:
        raise OutputError(f"completion for {shell} is not installed: {error}") from error
    talk.notice(f"completion for {name} is in {path}; a new terminal has it")


def show(shell: str) -> None:
    """Print the script that makes a shell complete our command."""
    script = _completion_shared.get_completion_script(
        prog_name=PROGRAM, complete_var=VARIABLE, shell=_known(shell)
    )
    write_data(f"{script}\n".encode())


def _known(shell: str) -> str:
    """A shell's name as it is known; `auto` is the one that has started the program.

    Raises:
        UsageError: there is no completion for it.
    """
    name = shell.lower()
    if name == "auto":
        name = (
            _completion_shared._get_shell_name()
            or os.path.basename(os.environ.get("SHELL", ""))
            or "this shell"
        )
    if name not in SHELLS:
        raise UsageError(f"there is no completion for {name}; there is for {', '.join(SHELLS)}")
    return name


def _as_it_is(text: str) -> str:
    return " ".join(text.split())


def _escaped(item: Any) -> str:
    """A value as bash takes it for one word."""
    return SPECIAL.sub(r"\\\1", str(item.value))
