"""`mlpredict help` and `mlpredict version`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlpredict import __version__
from mlpredict.cli import completion
from mlpredict.cli.stdout import stdout_is_terminal, terminal_width, write_data
from mlpredict.cli.talk import PROGRAM
from mlpredict.errors import UsageError

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[COMMAND|TOPIC]",
        help="A command, or a page of the manual.",
        show_default=False,
        autocompletion=completion.topic,
    ),
]


def help_(context: typer.Context, names: Names = None) -> None:
    """Show help for a command, or a page of the manual.

    A name that both have gets both. On a terminal a page is shown by $PAGER, or by less.
    """
    wanted = names or []
    root: Any = context.find_root()
    found = _command(root, wanted)
    from mlpredict.cli.manual import topics

    topic = wanted[0].lower() if len(wanted) == 1 else None
    if topic not in topics():
        topic = None
    if found is None and topic is None:
        raise UsageError(_nothing_of_that_name(root, wanted, topics()))
    _show(None if found is None else found.get_help(), topic)


def version() -> None:
    """Print the version."""
    print_version()


def print_version() -> None:
    """Print the program's name and version."""
    write_data(f"{PROGRAM} {__version__}\n".encode())


def _command(root: Any, names: list[str]) -> Any:
    """The context of a command, for its help; None where there is none of that name."""
    context = root
    for name in names:
        command = (
            context.command.get_command(context, name) if hasattr(context.command, "get_command") else None
        )
        if command is None:
            return None
        context = typer.Context(command, parent=context, info_name=name)
    return context


def _nothing_of_that_name(root: Any, names: list[str], topics: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    from mlpredict.cli.guesses import guessed

    full = " ".join(names)
    commands = root.command.list_commands(root)
    meant = guessed(full, commands)
    close = [meant] if meant else get_close_matches(full.lower(), [*commands, *topics], n=1)
    message = f"there is no command and no topic '{full}'"
    if close:
        return f"{message}; did you mean {close[0]}?"
    return f"{message}; there are {', '.join(commands)}, and the topics {', '.join(topics)}"


def _show(command: str | None, topic: str | None) -> None:
    """Print help as it is, and a page as its reader can read it best; into a pipe goes its Markdown."""
    from mlpredict.cli import manual, pager

    text = "" if command is None else f"{command}\n"
    if topic is None:
        write_data(text.encode())
        return
    markdown = manual.page(topic)
    between = "\n" if text else ""
    if not stdout_is_terminal():
        write_data(f"{text}{between}{markdown}".encode())
        return
    through = pager.pager()
    shown = manual.rendered(markdown, terminal_width() or 80, colours=pager.shows_colours(through))
    pager.show(f"{text}{between}{shown}", through)
