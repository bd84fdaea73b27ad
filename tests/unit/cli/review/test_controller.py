"""What keys do to a review."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from mlpredict.cli.review.choices import choices_of
from mlpredict.cli.review.controller import TOO_FAST, Controller, Mode
from mlpredict.cli.review.entries import Decision, Entry, Item, Kind, Said, counts_of
from mlpredict.cli.review.keys import Key, Pasted

PETS = ("cat", "dog", "mouse")
numbers = count(1)


def item(**changes: object) -> Item:
    one = Item(
        prediction_id=next(numbers),
        filename="a.png",
        model="pets@1",
        kind=Kind.ONE,
        choices=choices_of(PETS),
        best=(("dog", 0.5), ("cat", 0.3), ("mouse", 0.2)),
        predicted="dog",
    )
    return replace(one, **changes)  # type: ignore[arg-type]


@dataclass
class Desk:
    """A review whose pictures are on the screen at once, and whose keys come a second apart."""

    saved: list[tuple[int, Decision]] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.review = Controller(lambda entry, decision: self.saved.append((self.place_of(entry), decision)))

    def place_of(self, entry: Entry) -> int:
        return next(place for place, one in enumerate(self.review.entries) if one is entry)

    def press(self, *keys: str, apart: float = 1.0) -> None:
        for key in keys:
            self.now += apart
            self.review.is_shown = self.review.entry is not None
            self.review.handle(Key(key), self.now)

    def paste(self, text: str) -> None:
        self.review.handle(Pasted(text), self.now)


def desk(*items: Item) -> Desk:
    made = Desk()
    for one in items or (item(), item(), item()):
        made.review.add(Entry(one))
    return made


def label(text: str) -> Decision:
    return Decision(Said.LABEL, text)


def test_a_key_labels_and_goes_on() -> None:
    at = desk()
    at.press("enter", "1", "u")
    assert at.saved == [(0, label("dog")), (1, label("cat")), (2, Decision(Said.UNUSABLE))]
    assert at.review.entry is None
    counts = counts_of(at.review.entries)
    assert (counts.labelled, counts.unusable, counts.right, counts.judged) == (2, 1, 1, 2)


def test_what_was_said_can_be_revised_and_taken_back() -> None:
    at = desk()
    at.press("1", "left")
    assert at.review.place == 0
    at.press("2")
    assert (at.saved, at.review.place) == ([(0, label("cat")), (0, label("dog"))], 1)
    at.press("left", "enter")  # as it was said, and not as it was predicted
    assert len(at.saved) == 2
    at.press("left", "delete")
    assert at.saved[-1] == (0, Decision(Said.NOTHING))
    assert at.review.place == 0
    at.press("left", "left", "3")
    assert at.saved[-1] == (0, label("mouse"))


def test_skipping_says_nothing_and_leaves_what_was_said() -> None:
    at = desk()
    at.press("s", "right", "tab")
    assert at.saved == []
    assert counts_of(at.review.entries).skipped == 3
    at.press("left", "2", "left", "s")
    assert at.saved == [(2, label("dog"))]
    assert at.review.entries[2].label == "dog"


def test_keys_that_are_held_or_pasted_label_one_picture() -> None:
    at = desk(*(item() for _ in range(100)))
    at.press("enter", *["enter"] * 80, apart=0.03)
    assert len(at.saved) == 1
    assert at.review.message == TOO_FAST
    at.press("enter")
    assert len(at.saved) == 2
    at.paste("1\r2\r" * 50)
    assert len(at.saved) == 2
    assert "pasted" in at.review.message


def test_a_picture_that_nobody_has_seen_is_not_labelled() -> None:
    at = desk()
    at.review.is_shown = False
    at.review.handle(Key("enter"), 5.0)
    at.review.handle(Key("1"), 6.0)
    at.review.handle(Key("s"), 7.0)
    assert (at.saved, at.review.place) == ([], 0)


def test_a_class_may_have_the_key_of_a_command() -> None:
    letters = choices_of([chr(code) for code in range(ord("A"), ord("Z") + 1)])
    at = desk(*(item(choices=letters, best=(("Q", 0.9),), predicted="Q") for _ in range(4)))
    at.press("q", "s", "u", "!")
    assert [one for _, one in at.saved] == [label("Q"), label("S"), label("U"), Decision(Said.UNUSABLE)]
    assert not at.review.has_ended
    at.press("end-of-file")
    assert at.review.has_ended


def test_among_many_classes_one_is_searched_for() -> None:
    many = choices_of([f"class {number}" for number in range(1000)])
    ranked = (("class 7", 0.5), ("class 70", 0.2))
    at = desk(*(item(choices=many, best=ranked, predicted="class 7") for _ in range(5)))
    at.press("2")
    at.press("/", *"77", "enter")
    at.press("/", *"77", "down", "enter")
    assert [one for _, one in at.saved] == [label("class 70"), label("class 77"), label("class 770")]
    at.press("/", *"zebra", "enter")
    assert at.review.mode is Mode.SEARCH
    assert "new one" in at.review.message
    at.press("enter")
    assert at.saved[-1] == (3, label("zebra"))
    at.press("/", *"7q", "escape")
    assert (len(at.saved), at.review.has_ended, at.review.typed) == (4, False, "")
    at.press("/")
    at.paste("class 12\nclass 13\n")
    assert (at.review.typed, len(at.saved)) == ("class 12", 4)


def test_several_labels_are_toggled_and_saved_together() -> None:
    several = item(kind=Kind.SEVERAL, labels=("dog", "cat"))
    at = desk(several, replace(several), replace(several))
    assert at.review.toggled == {"dog", "cat"}
    at.press("3", "2", "enter")
    at.press("1", "2", "enter")
    at.press("enter")
    assert [one for _, one in at.saved] == [label("cat,mouse"), label(""), label("cat,dog")]
    assert counts_of(at.review.entries).right == 1
    at.press("left", "left", "left")
    assert at.review.toggled == {"cat", "mouse"}


def test_labels_with_commas_are_not_mixed_up() -> None:
    named = choices_of(["a, b", "c"])
    at = desk(item(kind=Kind.SEVERAL, labels=("a, b", "c"), choices=named))
    at.press("enter")
    assert at.saved == []
    assert "comma" in at.review.message
    at.press("2", "enter")
    assert at.saved == [(0, label("a, b"))]


def test_a_number_is_typed() -> None:
    number = item(kind=Kind.NUMBER, best=(), predicted=None, value=3.25, choices=choices_of(()))
    at = desk(*(replace(number) for _ in range(4)))
    at.press(*"-12,5", "backspace", "6", "enter")
    at.press("enter")
    at.press(*"1e", "enter")
    assert [one for _, one in at.saved] == [label("-12.6"), label("3.25")]
    assert at.review.message == "no number: 1e"
    at.press("clear", "s")
    counts = counts_of(at.review.entries)
    assert (counts.numbers, counts.skipped) == (2, 1)
    assert counts.off == pytest.approx(15.85)
    at.press("q")
    assert at.review.has_ended


def test_a_class_that_the_model_does_not_know_is_not_accepted() -> None:
    at = desk(item(predicted="unknown"), item(predicted=None, choices=choices_of(()), best=()))
    at.press("enter")
    assert (at.saved, at.review.place) == ([], 0)
    at.press("2", "enter")
    assert (len(at.saved), at.review.place) == (1, 1)


def test_what_could_not_be_stored_is_said_again() -> None:
    at = desk()
    at.press("1")
    at.review.entries[0].problem = "a page"
    at.press("left", "1")
    assert at.saved == [(0, label("cat"))] * 2


@pytest.mark.parametrize("key", ["4", "x", "[", "页"])
def test_other_keys_do_nothing_but_say_so(key: str) -> None:
    at = desk()
    at.press(key)
    assert (at.saved, at.review.place) == ([], 0)
    assert key in at.review.message
