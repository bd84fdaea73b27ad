"""The pages of the manual: which there are, and how one is shown."""

from __future__ import annotations

import re
from pathlib import Path

import mlpredict

FOLDER = Path(mlpredict.__file__).with_name("manual")

LINK = re.compile(r"\[([^\]]+)\]\(([\w-]+)\.md(?:#[\w-]*)?\)")
"""From one page to another."""

WIDEST = 100
"""Columns in which long lines can be read."""


def topics() -> tuple[str, ...]:
    """The names of all pages."""
    return tuple(sorted(one.stem for one in FOLDER.glob("*.md")))


def page(topic: str) -> str:
    """A page as it was written, in Markdown."""
    return (FOLDER / f"{topic}.md").read_text("utf-8")


def rendered(markdown: str, width: int, *, colours: bool) -> str:
    """A page for a terminal of so many columns."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(width, WIDEST), force_terminal=colours, no_color=None if colours else True)
    with console.capture() as capture:
        console.print(Markdown(LINK.sub(r"\1 (`mlpredict help \2`)", markdown), hyperlinks=False))
    return capture.get()
