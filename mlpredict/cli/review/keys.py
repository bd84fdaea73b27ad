"""What comes from a terminal's keyboard → keys, pasted text, and answers of the terminal itself.

The sequences are those of ECMA-48 and of xterm. Whatever a terminal sends, in whatever pieces, and
however late, no part of a sequence is taken for a key.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

ESCAPE = "\x1b"
ESCAPE_SECONDS = 0.1
"""After that long alone, an escape is the key of that name."""

LATE_SECONDS = 2.0
"""For so long the rest of an arrow key may follow its escape, where a network is slow."""

STRING_SECONDS = 2.0
"""So long an answer of the terminal may take from its first character to its last, and a paste may pause."""

MOST_SEQUENCE = 256
MOST_STRING = 4096
MOST_PASTED = 65536
PASTE_BEGINS, PASTE_ENDS = "200", f"{ESCAPE}[201~"

NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "interrupt",
    "\x04": "end-of-file",
    "\x0c": "redraw",
    "\x15": "clear",
    "\x1a": "suspend",
}
"""Control characters that are keys; the others mean nothing here."""

FINALS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "Z": "back-tab"}
NUMBERED = {"1": "home", "3": "delete", "4": "end", "5": "page-up", "6": "page-down", "7": "home", "8": "end"}
STRINGS = {"]": "OSC", "P": "DCS", "_": "APC", "^": "PM", "X": "SOS"}


class Key(NamedTuple):
    """A key, by its character, or by a name of several letters."""

    name: str


class Pasted(NamedTuple):
    """Text that was pasted."""

    text: str


class Answer(NamedTuple):
    """What the terminal says of itself: the kind of sequence, and its text without that."""

    kind: str
    text: str


Event = Key | Pasted | Answer


class State(Enum):
    """Where in a sequence a parser is."""

    GROUND = auto()
    ESCAPED = auto()
    CONTROL = auto()
    SINGLE = auto()
    STRING = auto()
    PASTE = auto()


class Parser:
    """Takes what was read, piece by piece, each with the time that it came, in seconds.

    Example:
        >>> Parser().feed(b"a\\x1b[D", 0.0)
        [Key(name='a'), Key(name='left')]
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._state = State.GROUND
        self._kind = ""
        self._text = ""
        self._since = 0.0
        self._late_until = 0.0
        self._swallow = 0

    @property
    def is_waiting(self) -> bool:
        """Whether there is an escape that may yet become something else."""
        return self._state is State.ESCAPED

    def feed(self, data: bytes, now: float) -> list[Event]:
        """The events that this completes."""
        if self._state in (State.STRING, State.CONTROL, State.PASTE) and now - self._since > STRING_SECONDS:
            self._state = State.GROUND
        if self._state is State.PASTE:
            self._since = now
        return [event for character in self._decode(data) for event in self._take(character, now)]

    def wait_over(self, now: float) -> list[Event]:
        """The escape that nothing followed, if it has been alone for long enough."""
        if not self.is_waiting or now - self._since < ESCAPE_SECONDS:
            return []
        self._state = State.GROUND
        self._late_until = now + LATE_SECONDS
        return [Key("escape")]

    def _take(self, character: str, now: float) -> Iterator[Event]:
        if self._swallow:
            self._swallow -= 1
            return
        match self._state:
            case State.GROUND:
                yield from self._ground(character, now)
            case State.ESCAPED:
                yield from self._escaped(character, now)
            case State.CONTROL:
                yield from self._control(character, now)
            case State.SINGLE:
                self._state = State.GROUND
                if character in FINALS:
                    yield Key(FINALS[character])
                elif character == "M":  # of the keypad
                    yield Key("enter")
            case State.STRING:
                yield from self._string(character, now)
            case State.PASTE:
                yield from self._paste(character)

    def _ground(self, character: str, now: float) -> Iterator[Event]:
        if now < self._late_until and character in "[O":
            self._late_until = 0.0
            yield from self._escaped(character, now)
            return
        self._late_until = 0.0
        if character == ESCAPE:
            self._begin(State.ESCAPED, now)
        elif character in NAMES:
            yield Key(NAMES[character])
        elif character.isprintable() and character != "\N{REPLACEMENT CHARACTER}":
            yield Key(character)

    def _escaped(self, character: str, now: float) -> Iterator[Event]:
        if character == "[":
            self._begin(State.CONTROL, now)
        elif character == "O":
            self._begin(State.SINGLE, now)
        elif character in STRINGS:
            self._begin(State.STRING, now, STRINGS[character])
        elif character == ESCAPE:
            self._begin(State.ESCAPED, now)
            yield Key("escape")
        else:  # with Alt, which makes another key of it
            self._state = State.GROUND

    def _control(self, character: str, now: float) -> Iterator[Event]:
        if " " <= character <= "?" and len(self._text) < MOST_SEQUENCE:
            self._text += character
            return
        self._state = State.GROUND
        text = self._text
        if character == "[" and not text:
            self._swallow = 1  # function keys of Linux' console
        elif character == "M" and not text:
            self._swallow = 3  # a mouse that another program has left on
        elif character == "~" and text == PASTE_BEGINS:
            self._begin(State.PASTE, now)
        elif character == "~" and text.partition(";")[0] in NUMBERED:
            yield Key(NUMBERED[text.partition(";")[0]])
        elif character in FINALS and (not text or text.startswith("1;")):
            yield Key(FINALS[character])
        elif "@" <= character <= "~":
            yield Answer(f"CSI {character}", text)
        elif character == ESCAPE:
            self._begin(State.ESCAPED, now)

    def _string(self, character: str, now: float) -> Iterator[Event]:
        self._text += character
        if character == "\x07" and self._kind == "OSC":
            ended = self._text[:-1]
        elif self._text.endswith(f"{ESCAPE}\\"):
            ended = self._text[:-2]
        elif character in "\x18\x1a" or len(self._text) > MOST_STRING:
            self._state = State.GROUND
            return
        elif self._text[-2:-1] == ESCAPE:  # it was none, and another sequence begins
            yield from self._escaped(character, now)
            return
        else:
            return
        self._state = State.GROUND
        yield Answer(self._kind, ended)

    def _paste(self, character: str) -> Iterator[Event]:
        self._text += character
        if self._text.endswith(PASTE_ENDS):
            self._state = State.GROUND
            yield Pasted(self._text.removesuffix(PASTE_ENDS)[:MOST_PASTED])
        elif len(self._text) > 2 * MOST_PASTED:
            self._text = self._text[:MOST_PASTED] + self._text[-len(PASTE_ENDS) :]

    def _begin(self, state: State, now: float, kind: str = "") -> None:
        self._state, self._kind, self._text, self._since = state, kind, "", now
