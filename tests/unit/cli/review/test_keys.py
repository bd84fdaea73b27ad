"""What comes from a keyboard, in whatever pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.cli.review.keys import LATE_SECONDS, STRING_SECONDS, Answer, Event, Key, Parser, Pasted

SEQUENCES = {
    b"a": Key("a"),
    b"\r": Key("enter"),
    b"\n": Key("enter"),
    b"\x7f": Key("backspace"),
    "é".encode(): Key("é"),
    "猫".encode(): Key("猫"),
    b"\x1b[D": Key("left"),
    b"\x1bOD": Key("left"),
    b"\x1b[1;5D": Key("left"),
    b"\x1b[C": Key("right"),
    b"\x1b[3~": Key("delete"),
    b"\x1b[200~1\r2\r\x1b[201~": Pasted("1\r2\r"),
    b"\x1b_Gi=31;OK\x1b\\": Answer("APC", "Gi=31;OK"),
    b"\x1b[?62;4;22c": Answer("CSI c", "?62;4;22"),
    b"\x1bP>|iTerm2 3.5\x1b\\": Answer("DCS", ">|iTerm2 3.5"),
    b"\x1b]10;rgb:0/0/0\x07": Answer("OSC", "10;rgb:0/0/0"),
    b"\x1b[6;20;10t": Answer("CSI t", "6;20;10"),
}


def events(*pieces: bytes) -> list[Event]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece, 0.0)]


@pytest.mark.parametrize(("sequence", "event"), SEQUENCES.items(), ids=repr)
def test_a_sequence_is_one_event(sequence: bytes, event: Event) -> None:
    assert events(sequence) == [event]
    assert events(*(sequence[place : place + 1] for place in range(len(sequence)))) == [event]


@given(st.lists(st.sampled_from(list(SEQUENCES)), max_size=8), st.data())
def test_sequences_may_come_in_any_pieces(sequences: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(sequences)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert events(*pieces) == [SEQUENCES[one] for one in sequences]


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    for event in events(data):
        if isinstance(event, Key) and len(event.name) == 1:
            assert event.name.isprintable()


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param(b"\x1b[[A", id="a function key of Linux' console"),
        pytest.param(b"\x1b[M !!", id="a mouse"),
        pytest.param(b"\x1b[<0;10;5M", id="another mouse"),
        pytest.param(b"\x1b7", id="with Alt"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"\x00\x01\x16", id="control characters"),
        pytest.param(b"\x1b[15~", id="F5"),
    ],
)
def test_what_is_no_key_of_ours_labels_nothing(sequence: bytes) -> None:
    assert [one for one in events(sequence) if isinstance(one, Key)] == []
    assert events(sequence, b"7")[-1] == Key("7")


def test_an_escape_alone_is_a_key_after_a_while_and_the_rest_of_an_arrow_may_be_late() -> None:
    parser = Parser()
    assert parser.feed(b"\x1b", 0.0) == []
    assert parser.is_waiting
    assert parser.wait_over(0.05) == []
    assert parser.wait_over(0.2) == [Key("escape")]
    assert parser.feed(b"[D", 0.5) == [Key("left")]
    assert parser.feed(b"\x1b", 1.0) == []
    assert parser.wait_over(1.2) == [Key("escape")]
    assert parser.feed(b"[", 1.3 + LATE_SECONDS) == [Key("[")]


def test_an_answer_that_never_ends_is_given_up() -> None:
    parser = Parser()
    assert parser.feed(b"\x1bP7", 0.0) == []  # Alt-P, and a class
    assert parser.feed(b"7", STRING_SECONDS + 1) == [Key("7")]


def test_a_string_that_another_sequence_ends_is_none() -> None:
    assert events(b"\x1b]x\x1b[D") == [Key("left")]


def test_a_paste_is_as_long_as_it_comes_and_no_longer_than_memory() -> None:
    parser = Parser()
    assert parser.feed(b"\x1b[200~", 0.0) == []
    for second in range(1, 6):
        assert parser.feed(b"7\r" * 18_000, float(second)) == []
    (pasted,) = parser.feed(b"\x1b[201~", 6.0)
    assert isinstance(pasted, Pasted)
    assert 0 < len(pasted.text) <= 65536
    assert parser.feed(b"7", 6.0) == [Key("7")]
