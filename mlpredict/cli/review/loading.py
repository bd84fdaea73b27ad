"""The images of a review, found and loaded in a thread of their own, some ahead of who looks at them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlpredict.cli.cutting import cut_end
from mlpredict.cli.review.choices import Choices, choices_of
from mlpredict.cli.review.entries import Entry, Item, Kind, kind_of
from mlpredict.cli.review.graphics import Box, Drawn, Graphics, drawn
from mlpredict.domain import PredictionDetail, PredictionFilter, ReviewOrder
from mlpredict.domain.reviews import ReviewPosition, to_review
from mlpredict.errors import MlpredictError, NotFound
from mlpredict.support.logs import get_logger
from mlpredict.support.printable import printable

if TYPE_CHECKING:
    from PIL import Image

    from mlpredict.storage.retrying import PersistentStore

AHEAD = 5
"""So many images are ready behind the one that is looked at."""

BEHIND = 5
PAGE = 200

logger = get_logger(__name__)
LARGEST_PICTURE = (1200, 1200)
MOST_LIKELY = 50
"""So many of a picture's labels are kept with it."""


@dataclass(frozen=True, slots=True)
class Form:
    """How pictures are drawn: in how much room, and by what."""

    box: Box
    graphics: Graphics
    cell: tuple[int, int] | None


@dataclass(slots=True)
class Loader:
    """Finds and loads images; `notify` is called when there is something new.

    `total` is how many images there were in the beginning, once that is known. `is_exhausted` says that all
    have been found, and `error` why nothing more comes.
    """

    connect: Callable[[], PersistentStore]
    wanted: PredictionFilter
    order: ReviewOrder
    notify: Callable[[], None]
    limit: int | None = None
    total: int | None = None
    is_exhausted: bool = False
    error: BaseException | None = None
    _found: deque[int] = field(default_factory=deque)
    _seen: set[bytes] = field(default_factory=set)
    _position: ReviewPosition | None = field(default_factory=ReviewPosition)
    _ready: deque[Entry] = field(default_factory=deque)
    _place: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _pictured: set[int] = field(default_factory=set)
    """Entries that have a picture in memory."""
    _form: Form | None = None
    _drawn: dict[tuple[int, Form], Drawn] = field(default_factory=dict)
    _choices: dict[tuple[str, ...], Choices] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _has_ended: bool = False
    _store: PersistentStore = field(init=False)

    def start(self) -> None:
        """Begin, and count meanwhile how many there are."""
        for work in (self._work, self._count):
            threading.Thread(target=work, name="loader", daemon=True).start()

    def stop(self) -> None:
        """Load nothing more."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def take(self) -> list[Entry]:
        """The entries that have become ready since the last time."""
        with self._changed:
            taken = [*self._ready]
            self._ready.clear()
            return taken

    def look_at(self, place: int, form: Form) -> None:
        """Which image is looked at, and how pictures are drawn."""
        with self._changed:
            if (place, form) != (self._place, self._form):
                self._place, self._form = place, form
                self._changed.notify_all()

    def picture(self, place: int, form: Form) -> Drawn | None:
        """An image's picture as it is drawn; None while it is being made."""
        return self._drawn.get((place, form))

    def _work(self) -> None:
        # Each thread has a connection of its own, and closes it: none is closed while a query runs on it.
        try:
            with self.connect() as self._store:
                while self._step():
                    pass
        except BaseException as error:  # noqa: BLE001 - who waits for pictures raises it again
            self.error = error
        finally:
            self.notify()

    def _step(self) -> bool:
        """Do what is most urgent; whether there may be more."""
        with self._changed:
            while not self._has_ended and not self._has_work():
                self._changed.wait()
            if self._has_ended:
                return False
            place, form = self._place, self._form
        if self._draw_one(place, form):
            self.notify()
        elif self._lacks_entries(place):
            self._load_one()
            self.notify()
        return True

    def _count(self) -> None:
        try:
            with self.connect() as store:
                total = store.read(lambda repository: repository.count_to_review(self.wanted, self.order))
        except MlpredictError as error:
            logger.debug(f"not counted: {error}")
            return
        self.total = total if self.limit is None else min(total, self.limit)
        self.notify()

    @property
    def _filter(self) -> PredictionFilter:
        return to_review(self.wanted, self.order)

    def _has_work(self) -> bool:
        if self._undrawn(self._place, self._form) is not None:
            return True
        return self._lacks_entries(self._place)

    def _lacks_entries(self, place: int) -> bool:
        return not self.is_exhausted and len(self._entries) <= place + AHEAD

    def _undrawn(self, place: int, form: Form | None) -> int | None:
        """The nearest image whose picture is not drawn: the one looked at, those ahead, those behind."""
        if form is None:
            return None
        last = min(len(self._entries) - 1, place + AHEAD)
        near: list[int] = [*range(place, last + 1), *range(place - 1, max(-1, place - BEHIND - 1), -1)]
        for one in near:
            if one < len(self._entries) and (one, form) not in self._drawn:
                return one
        return None

    def _draw_one(self, place: int, form: Form | None) -> bool:
        one = self._undrawn(place, form)
        if one is None or form is None:
            return False
        entry = self._entries[one]
        if entry.picture is None:
            entry.picture = self._picture_again(entry)
            self._pictured.add(one)
        if isinstance(entry.picture, str):
            picture = Drawn(lines=(cut_end(f"no picture: {entry.picture}", form.box.columns),))
        else:
            picture = drawn(entry.picture, form.box, form.graphics, form.cell)
        self._drawn[one, form] = picture
        self._forget(place, form)
        return True

    def _forget(self, place: int, form: Form) -> None:
        """Leave pictures that are not near, or drawn for another size."""
        near = range(place - BEHIND, place + AHEAD + 1)
        for one, other in [*self._drawn]:
            if one not in near or other != form:
                del self._drawn[one, other]
        for one in [one for one in self._pictured if one not in near]:
            self._pictured.discard(one)
            self._entries[one].picture = None

    def _load_one(self) -> None:
        while not self.is_exhausted:
            if not self._found:
                self._find()
                continue
            prediction_id = self._found.popleft()
            try:
                detail = self._detail(prediction_id)
            except NotFound:  # deleted meanwhile
                continue
            if self._filter.labelled is False and detail.record.true_label is not None:
                continue  # somebody else has labelled it meanwhile
            entry = Entry(self._item(detail), picture=self._picture_of(detail))
            with self._changed:
                self._pictured.add(len(self._entries))
                self._entries.append(entry)
                self._ready.append(entry)
            if self.limit is not None and len(self._entries) >= self.limit:
                self.is_exhausted = True
            return

    def _find(self) -> None:
        position = self._position
        if position is None:
            self.is_exhausted = True
            return
        page = self._store.read(
            lambda repository: repository.to_review(self.wanted, self.order, position, PAGE)
        )
        new = [one for one in page.images if one.key not in self._seen]
        self._seen |= {one.key for one in new}
        self._found += list({one.key: one.prediction_id for one in reversed(new)}.values())[::-1]
        # What chance has drawn again, and nothing else, is all that there is.
        self._position = (
            None if page.images and not new and self.order is ReviewOrder.RANDOM else page.position
        )

    def _detail(self, prediction_id: int) -> PredictionDetail:
        return self._store.read(lambda repository: repository.detail(prediction_id))

    def _item(self, detail: PredictionDetail) -> Item:
        from mlpredict.inference.outputs import stored_classes

        record = detail.record
        ranked = stored_classes(record.prediction, detail.task, detail.activation, detail.labels) or []
        labels = tuple(
            detail.labels or sorted((label for label, _ in ranked), key=lambda one: (len(one), one))
        )
        if labels not in self._choices:
            self._choices[labels] = choices_of(labels)
        kind = kind_of(detail.task, record.labels)
        if not labels and record.value is not None:
            kind = Kind.NUMBER
        return Item(
            prediction_id=record.prediction_id or 0,
            filename=record.filename or f"prediction {record.prediction_id}",
            model=record.model or "",
            kind=kind,
            choices=self._choices[labels],
            best=tuple(ranked[:MOST_LIKELY]),
            predicted=record.label,
            labels=None if record.labels is None else tuple(record.labels),
            value=record.value,
            unit=record.unit,
            truth=record.true_label,
        )

    def _picture_again(self, entry: Entry) -> Image.Image | str:
        try:
            return self._picture_of(self._detail(entry.item.prediction_id))
        except NotFound:
            return "it was deleted meanwhile"

    def _picture_of(self, detail: PredictionDetail) -> Image.Image | str:
        from mlpredict.inputs.kept import load_stored
        from mlpredict.inputs.pages import page_of
        from mlpredict.inputs.reading import Unusable
        from mlpredict.inputs.thumbnail import thumbnail

        try:
            content = load_stored(detail.image).content
            return thumbnail(content, LARGEST_PICTURE, page_of(detail.record.filename))
        except (MlpredictError, Unusable) as error:
            return printable(str(error))
