"""What is said of a command line that Typer does not understand: what, and where to look."""

from __future__ import annotations

from typing import Any

from mlpredict.cli.talk import PROGRAM


def explained(error: Any) -> str:
    """The message of a Typer exception, on one line; a question is followed by no pointer to the help."""
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    if (option := getattr(error, "option_name", None)) is not None and hasattr(error, "possibilities"):
        message = f"no such option: {option}"
        if error.possibilities:
            closest = min(error.possibilities, key=lambda one: abs(len(one) - len(option)))
            return f"{message}; did you mean {closest}?"
    else:
        text = str(error.format_message())
        message = f"{text[:1].lower()}{text[1:]}".rstrip(".")
    return message if message.endswith("?") else f"{message}; see {command} --help"
