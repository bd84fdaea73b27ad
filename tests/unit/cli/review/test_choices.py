"""Which key is which class."""

from __future__ import annotations

import string

import pytest

from mlpredict.cli.review.choices import choices_of

NAMES = [f"class {number}" for number in range(40)]


def test_labels_of_one_character_are_their_own_keys() -> None:
    digits = choices_of([str(digit) for digit in range(10)])
    assert [digits.label(str(digit), ()) for digit in range(10)] == [str(digit) for digit in range(10)]
    letters = choices_of(list(string.ascii_uppercase))
    assert letters.label("q", ()) == "Q"
    assert letters.is_taken("s")
    both = choices_of(["a", "A", "猫"])
    assert [both.label(key, ()) for key in ("a", "A", "猫")] == ["a", "A", "猫"]


def test_names_have_digits_and_then_letters_that_do_nothing_else() -> None:
    choices = choices_of(NAMES[:12])
    assert [choices.label(key, ()) for key in "1290ab"] == [NAMES[place] for place in (0, 1, 8, 9, 10, 11)]
    assert choices.label("c", ()) is None
    assert not any(choices_of(NAMES[:33]).is_taken(key) for key in "suq/!")
    assert choices.key_of(NAMES[9], 0) == "0"


@pytest.mark.parametrize("labels", [NAMES, [str(number) for number in range(12)]], ids=["many", "numbers"])
def test_digits_are_the_likeliest_ones_where_there_are_too_many(labels: list[str]) -> None:
    choices = choices_of(labels)
    assert choices.are_ranked
    assert choices.label("1", [labels[7], labels[3]]) == labels[7]
    assert choices.label("3", [labels[7], labels[3]]) is None
    assert choices.label("a", labels) is None
    assert choices.key_of(labels[7], 0) == "1"


def test_a_class_is_found_by_a_part_of_its_name() -> None:
    choices = choices_of(
        ["golden retriever", "retriever", "Labrador_retriever", "tabby cat", "polecat", "cat"]
    )
    assert choices.found("cat", []) == ["cat", "tabby cat", "polecat"]
    assert choices.found("retr", ["Labrador_retriever"])[:2] == ["retriever", "Labrador_retriever"]
    assert choices.found("labrador r", []) == ["Labrador_retriever"]
    assert choices.found("zebra", []) == []
    assert len(choices.found("", [])) == 6
