"""A line on a terminal that says what is being done, and for how long already, while it takes seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlpredict.cli.talk import stderr_is_terminal, talk, talk_console
from mlpredict.support import steps

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(slots=True)
class Waiting:
    """What is being waited for; it is shown from its first step on."""

    shown: ExitStack
    steps: list[str] = field(default_factory=list)
    started: float = 0.0
    _line: Progress | None = None
    _task: TaskID | None = None

    def hear(self, step: str) -> None:
        """The next step begins."""
        if not self.steps:
            self.started = time.monotonic()
        self.steps.append(step)
        if talk.quiet or not stderr_is_terminal():
            return
        if self._line is None:
            self._show()
        assert self._line is not None
        assert self._task is not None
        self._line.update(self._task, description=step)

    @property
    def seconds(self) -> float:
        """How long it has taken since its first step."""
        return time.monotonic() - self.started if self.steps else 0.0

    def _show(self) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn

        self.shown.enter_context(talk.apart_from_descriptor_2())
        console = talk_console()
        seconds = TextColumn("{task.elapsed:.0f} s", style="dim")
        words = TextColumn("{task.description}", markup=False)
        self._line = Progress(SpinnerColumn(), words, seconds, console=console, transient=True)
        self.shown.enter_context(self._line)
        self.shown.enter_context(talk.beside(console))
        self._task = self._line.add_task("", total=None)


@contextmanager
def waiting() -> Iterator[Waiting]:
    """Show the steps of what takes long, until the block ends: on a terminal, and not with --quiet."""
    with ExitStack() as shown:
        heard = Waiting(shown)
        with steps.heard_by(heard.hear):
            yield heard
