"""What keys do: from an event to what is said of an image, and to the next one. It knows no terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from mlpredict.cli.review.choices import RESERVED
from mlpredict.cli.review.entries import Decision, Entry, Kind, Said, joined
from mlpredict.cli.review.keys import Event, Key, Pasted

ONE_KEY_SECONDS = 0.1
"""Keys that come faster are held down or pasted: nobody has seen a picture in that time."""

MOST_TYPED = 80
NUMBER_CHARACTERS = frozenset("0123456789+-.,eE")
TOO_FAST = "keys that are held or pasted label nothing: one at a time"
TAKEN_BY_HAND = "no key is that: {key}"


class Mode(Enum):
    """What keys are taken for."""

    PICTURE = auto()
    SEARCH = auto()


@dataclass(slots=True)
class Controller:
    """The review as it is; `save` takes what is to be stored of an image."""

    save: Callable[[Entry, Decision], None]
    entries: list[Entry] = field(default_factory=list)
    place: int = 0
    """Of the image that is looked at; behind the last one, the next is waited for, or there is none."""
    mode: Mode = Mode.PICTURE
    typed: str = ""
    """What is searched for, or the number."""
    chosen: int = 0
    """Which of the labels that were found."""
    toggled: set[str] = field(default_factory=set)
    message: str = ""
    is_shown: bool = False
    """Whether the picture is on the screen: before, nobody can say what it is."""
    has_ended: bool = False
    _asked_for_new: bool = False
    _advanced_at: float = -1.0

    @property
    def entry(self) -> Entry | None:
        """The image that is looked at."""
        return self.entries[self.place] if self.place < len(self.entries) else None

    def add(self, entry: Entry) -> None:
        """Another image is ready."""
        self.entries.append(entry)
        if self.place == len(self.entries) - 1:
            self._look_at(self.place)

    def found(self) -> list[str]:
        """The labels that what is typed may mean."""
        entry = self.entry
        return entry.item.choices.found(self.typed, entry.item.likeliest) if entry else []

    def handle(self, event: Event, now: float) -> None:
        """Do what an event asks for, at a time in seconds."""
        self.message = ""
        if isinstance(event, Pasted):
            self._paste(event.text)
        elif isinstance(event, Key):
            if self.mode is Mode.SEARCH:
                self._search(event.name, now)
            else:
                self._picture(event.name, now)

    # Of a picture

    def _picture(self, key: str, now: float) -> None:
        entry = self.entry
        if entry is not None and self._is_for_item(entry, key):
            self._for_item(entry, key, now)
            return
        match key:
            case "left" | "backspace" if not self.typed:
                self._look_at(max(0, self.place - 1))
            case "end-of-file" | "q" | "Q":
                self.has_ended = True
            case "right" | "tab" | "s" | "S":
                self._skip(now)
            case "u" | "U" | "!":
                self._say(Decision(Said.UNUSABLE), now)
            case "delete":
                self._take_back()
            case "/" if entry is not None and entry.item.kind is not Kind.NUMBER:
                self._begin_search()
            case "enter":
                self._accept(now)
            case _ if entry is not None and len(key) == 1:
                self.message = TAKEN_BY_HAND.format(key=key)

    def _is_for_item(self, entry: Entry, key: str) -> bool:
        """Whether a key says something of the image, and is no command."""
        if entry.item.kind is Kind.NUMBER:
            if key in ("backspace", "clear"):
                return bool(self.typed)
            return key in NUMBER_CHARACTERS and (bool(self.typed) or key not in "eE")
        if key.casefold() in RESERVED and not entry.item.choices.is_taken(key):
            return False
        return entry.item.choices.label(key, entry.item.likeliest) is not None

    def _for_item(self, entry: Entry, key: str, now: float) -> None:
        if entry.item.kind is Kind.NUMBER:
            self._type(key)
            return
        label = entry.item.choices.label(key, entry.item.likeliest)
        assert label is not None
        if entry.item.kind is Kind.SEVERAL:
            self.toggled ^= {label}
        else:
            self._say(Decision(Said.LABEL, label), now)

    def _accept(self, now: float) -> None:
        entry = self.entry
        if entry is None:
            return
        item = entry.item
        if item.kind is Kind.SEVERAL:
            if len(self.toggled) > 1 and (odd := next((one for one in self.toggled if "," in one), None)):
                self.message = f"{odd} has a comma, and several labels are stored with commas between"
                return
            self._say(Decision(Said.LABEL, joined(self.toggled)), now)
        elif item.kind is Kind.NUMBER:
            self._accept_number(entry, now)
        elif entry.decision is not None and entry.label is not None:
            self._say(Decision(Said.LABEL, entry.label), now)
        elif item.predicted is None or (item.choices.labels and item.predicted not in item.choices.labels):
            self.message = "the model has named no class: choose one"
        else:
            self._say(Decision(Said.LABEL, item.predicted), now)

    def _accept_number(self, entry: Entry, now: float) -> None:
        text = self.typed.replace(",", ".")
        if not text:
            if entry.decision is not None and entry.label is not None:
                text = entry.label
            elif entry.item.value is not None:
                text = f"{entry.item.value:.9g}"
        try:
            is_number = math.isfinite(float(text))
        except ValueError:
            is_number = False
        if not is_number:
            self.message = f"no number: {self.typed}" if self.typed else "type a number"
            return
        self._say(Decision(Said.LABEL, text), now)

    def _say(self, decision: Decision, now: float) -> None:
        """Have it stored, and go on."""
        entry = self.entry
        if entry is None or not self._is_one_key(now):
            return
        if entry.decision != decision or entry.problem is not None:
            entry.decision, entry.is_stored, entry.problem = decision, False, None
            self.save(entry, decision)
        self._advance(now)

    def _skip(self, now: float) -> None:
        entry = self.entry
        if entry is None or not self._is_one_key(now):
            return
        if entry.decision is None:
            entry.decision, entry.is_stored = Decision(Said.SKIPPED), True
        self._advance(now)

    def _take_back(self) -> None:
        entry = self.entry
        if entry is None or (entry.label is None and not self._is_unusable(entry)):
            self.message = "there is no label to take back"
            return
        entry.decision, entry.is_stored, entry.problem = Decision(Said.NOTHING), False, None
        self.save(entry, entry.decision)
        self.toggled = self._toggled_at_first(entry)
        self.message = "the label is taken back"

    def _is_unusable(self, entry: Entry) -> bool:
        return entry.decision is not None and entry.decision.said is Said.UNUSABLE

    def _is_one_key(self, now: float) -> bool:
        """Whether a key that goes on is one that somebody pressed who saw the picture."""
        if now - self._advanced_at < ONE_KEY_SECONDS:
            # A key that is held down comes again and again, and each puts it off.
            self._advanced_at = now
            self.message = TOO_FAST
            return False
        return self.is_shown

    def _advance(self, now: float) -> None:
        self._advanced_at = now
        self._look_at(self.place + 1)

    def _look_at(self, place: int) -> None:
        self.place, self.mode, self.typed, self.chosen = place, Mode.PICTURE, "", 0
        self.is_shown = False
        entry = self.entry
        self.toggled = self._toggled_at_first(entry) if entry else set()

    def _toggled_at_first(self, entry: Entry) -> set[str]:
        """The labels that are said to hold, else those that the model says."""
        if entry.item.kind is not Kind.SEVERAL:
            return set()
        if entry.label is None:
            return set(entry.item.labels or ())
        if entry.label in entry.item.choices.labels:
            return {entry.label}
        return {one for one in entry.label.split(",") if one}

    # Of a search

    def _begin_search(self) -> None:
        self.mode, self.typed, self.chosen, self._asked_for_new = Mode.SEARCH, "", 0, False

    def _search(self, key: str, now: float) -> None:
        match key:
            case "escape" | "end-of-file":
                self.mode, self.typed = Mode.PICTURE, ""
            case "backspace" if not self.typed:
                self.mode = Mode.PICTURE
            case "up" | "back-tab":
                self.chosen = max(0, self.chosen - 1)
            case "down" | "tab":
                self.chosen = min(self.chosen + 1, max(0, len(self.found()) - 1))
            case "enter":
                self._take_found(now)
            case _:
                self._type(key)
                self.chosen, self._asked_for_new = 0, False

    def _take_found(self, now: float) -> None:
        entry, found = self.entry, self.found()
        if entry is None:
            return
        label = self.typed.strip()
        if found:
            label = found[min(self.chosen, len(found) - 1)]
        elif not label:
            return
        elif not self._asked_for_new:
            self._asked_for_new = True
            self.message = "no label of the model is like that: Enter again takes it as a new one"
            return
        self.mode, self.typed, self._asked_for_new = Mode.PICTURE, "", False
        if entry.item.kind is Kind.SEVERAL:
            self.toggled ^= {label}
        else:
            self._say(Decision(Said.LABEL, label), now)

    def _type(self, key: str) -> None:
        if key == "backspace":
            self.typed = self.typed[:-1]
        elif key == "clear":
            self.typed = ""
        elif len(key) == 1 and len(self.typed) < MOST_TYPED:
            self.typed += key

    def _paste(self, text: str) -> None:
        line = text.strip().partition("\n")[0].strip()
        if self.mode is Mode.SEARCH or (self.entry is not None and self.entry.item.kind is Kind.NUMBER):
            for character in line if line.isprintable() else "":
                if self.mode is Mode.SEARCH or character in NUMBER_CHARACTERS:
                    self._type(character)
            self.chosen, self._asked_for_new = 0, False
        else:
            self.message = "pasted text is not taken for keys"
