"""A review on this terminal, from the first picture to the last."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from mlpredict.cli.pictures import with_sequences
from mlpredict.cli.review.controller import Controller
from mlpredict.cli.review.drawing import Layout, State, bars, footer, heading, layout_of, waiting
from mlpredict.cli.review.entries import Counts, counts_of
from mlpredict.cli.review.graphics import DELETE_KITTY, Drawn, Graphics, Terminal
from mlpredict.cli.review.keys import Key
from mlpredict.cli.review.loading import Form, Loader
from mlpredict.cli.review.saving import Saver
from mlpredict.cli.review.screen import Screen
from mlpredict.cli.talk import talk
from mlpredict.errors import DatabaseError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpredict.domain import LabelSource, PredictionFilter, ReviewOrder

BEGIN_UPDATE, END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"
"""A terminal that knows them shows nothing that is half drawn."""

LAST_LABELS_SECONDS = 60.0
WAIT_SECONDS = 0.1


@dataclass(slots=True)
class Review:
    """What works together: the screen, the keys' controller, and the two threads."""

    screen: Screen
    loader: Loader
    saver: Saver
    controller: Controller = field(init=False)
    _said: str = ""
    """What the program has to say meanwhile, as of a database that does not answer."""
    _on_screen: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        self.controller = Controller(self.saver.save)

    def run(self) -> Counts:
        """Let the person label until the end; what was done.

        Raises:
            Interrupted: a signal has ended it.
            DatabaseError: nothing can be loaded or stored any more.
        """
        with self.screen.opened(), talk.heard_by(self._hear):
            self.loader.start()
            self.saver.start()
            try:
                self._loop()
                self._finish()
            finally:
                self.loader.stop()
        counts = counts_of(self.controller.entries)
        if self.screen.ended_by is not None:
            raise self.screen.as_error(done(counts))
        return counts

    @property
    def found_nothing(self) -> bool:
        """Whether there was no image at all."""
        return not self.controller.entries

    def _loop(self) -> None:
        controller = self.controller
        while not self._is_over():
            for error in (self.loader.error, self.saver.error):
                if error is not None:
                    raise error
            for entry in self.loader.take():
                controller.add(entry)
            if self.loader.is_exhausted and not controller.entries:
                return
            self._draw()
            for event in self.screen.read():
                if event == Key("suspend"):
                    self.screen.suspend()
                elif event == Key("redraw"):
                    self.screen.is_stale = True
                elif event == Key("interrupt"):  # where the terminal makes no signal of it
                    raise Interrupted(f"interrupted: {done(counts_of(controller.entries))}")
                else:
                    self._said = self._said if self.saver.unsaved else ""
                    controller.handle(event, time.monotonic())
                if self._is_over():
                    return

    def _is_over(self) -> bool:
        return self.controller.has_ended or self.screen.ended_by is not None

    def _finish(self) -> None:
        """Wait until everything is stored; a signal, or another one, gives it up."""
        signals, deadline = self.screen.signals, time.monotonic() + LAST_LABELS_SECONDS
        if self.saver.unsaved:
            self._hear("storing what was labelled last; Ctrl-C gives it up")
            self._draw()
        while not self.saver.finish(WAIT_SECONDS) and self.screen.signals == signals:
            if time.monotonic() > deadline:
                raise DatabaseError("the database has not stored the last labels")
        if self.saver.error is not None:
            raise self.saver.error

    def _hear(self, text: str) -> None:
        self._said = text
        self.screen.notify()

    def _draw(self) -> None:
        layout = layout_of(*self.screen.size)
        terminal = self.screen.terminal
        form = Form(layout.picture, terminal.graphics, terminal.cell)
        controller = self.controller
        self.loader.look_at(controller.place, form)
        picture = self.loader.picture(controller.place, form) if controller.entry and layout.fits else None
        state = State(self.loader.total, self.saver.unsaved, self._said, not self.loader.is_exhausted)
        # The picture is drawn anew only where it is another: a sixel of it may be large.
        on_screen = (layout, form, controller.place, picture is not None)
        is_same = on_screen == self._on_screen and not self.screen.is_stale
        self.screen.is_stale = False
        self._on_screen = on_screen
        self.screen.write(self._frame(layout, state, picture, keeps_picture=is_same and picture is not None))
        controller.is_shown = picture is not None

    def _frame(self, layout: Layout, state: State, picture: Drawn | None, *, keeps_picture: bool) -> str:
        parts = [BEGIN_UPDATE]
        if not keeps_picture:
            if self.screen.terminal.graphics is Graphics.KITTY:
                parts.append(DELETE_KITTY)
            parts.append("\x1b[0m\x1b[2J")
        if not layout.fits:
            lines = waiting(self.controller, layout, state)
            return "".join([*parts, *_placed(lines, 0, 0), END_UPDATE])
        parts += _placed([heading(self.controller, layout, state)], 0, 0)
        beside = bars(self.controller, layout)
        beside += [Text()] * (layout.bars.rows - len(beside))
        parts += _placed(beside, layout.bars_at.columns, layout.bars_at.rows)
        parts += _placed(footer(self.controller, layout, state), 0, layout.size.rows - layout.footer)
        if picture is None:
            lines = waiting(self.controller, layout, state) if self.controller.entry is None else []
            parts += _placed(lines, 0, 1)
        elif not keeps_picture:
            parts.append("\x1b[2;1H")
            parts.append(picture.control)
            shown = picture.lines[: layout.picture.rows]
            parts += [f"\x1b[{2 + row};1H{line}" for row, line in enumerate(shown)]
        return "".join([*parts, END_UPDATE])


def _placed(lines: list[Text], column: int, row: int) -> list[str]:
    """Lines from a place on, each to the end of its row."""
    return [
        f"\x1b[{row + 1 + place};{column + 1}H{with_sequences(line)}\x1b[0m\x1b[K"
        for place, line in enumerate(lines)
    ]


def done(counts: Counts) -> str:
    """What was done, in words."""
    parts = [f"{counts.labelled:,} labelled"]
    if counts.accuracy is not None:
        parts.append(f"{counts.accuracy:.1%} of these were predicted rightly")
    if counts.numbers:
        parts.append(f"predicted off by {counts.off / counts.numbers:.3g} on average")
    parts.append(f"{counts.skipped:,} skipped")
    parts.append(f"{counts.unusable:,} not usable")
    return ", ".join(parts)


def start(
    dsn: str | None,
    wanted: PredictionFilter,
    order: ReviewOrder,
    source: LabelSource,
    *,
    by: str | None,
    limit: int | None,
    retry: float,
    graphics: Graphics | None,
    environment: Mapping[str, str],
) -> tuple[Counts, bool]:
    """Review on this terminal; what was done, and whether there was anything to review.

    Raises:
        DatabaseError: labels cannot be stored, which is looked at before the first picture.
    """
    from mlpredict.storage.labels import require_labelling
    from mlpredict.storage.retrying import open_store

    with open_store(dsn, retry=retry) as writes:
        writes.read(lambda repository: require_labelling(repository.connection))
        screen = Screen(Terminal(environment, graphics))
        loader = Loader(lambda: open_store(dsn, retry=retry), wanted, order, screen.notify, limit)
        review = Review(screen, loader, Saver(writes, source, by, screen.notify))
        try:
            counts = review.run()
        finally:
            for command in review.saver.commands():
                talk.error(f"not stored: {command}")
    return counts, not review.found_nothing
