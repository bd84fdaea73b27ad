"""A bar on standard error, where a person can see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlpredict.cli.talk import stderr_is_terminal, talk, talk_console


@contextmanager
def progress(doing: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """What advances a bar by so much; it does nothing where nobody sees it."""
    if talk.quiet or not stderr_is_terminal():
        yield lambda _count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = talk_console()
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar, talk.beside(console):
        task = bar.add_task(doing, total=total)
        yield lambda count: bar.advance(task, count)
