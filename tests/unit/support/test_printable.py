"""Text that goes to a terminal."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.support.printable import printable


@pytest.mark.parametrize(
    "text",
    ["", "digits/3.png", "Grüße – 数字.png", "[bold]red[/bold]", "quote ' and \"", "👩‍👩‍👧‍👦.png", "❤️"],
)
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred", "\\x1b[31mred", id="escape sequence"),
        pytest.param("a\tb\nc\rd", "a\\tb\\nc\\rd", id="white space"),
        pytest.param("\x07\x7f\x9b", "\\x07\\x7f\\x9b", id="bell, delete and C1"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="right-to-left override"),
        pytest.param("a\u2028b\u2029", "a\\u2028b\\u2029", id="line ends in disguise"),
        pytest.param("\U000e0041", "\\U000e0041", id="hidden tag beyond 16 bits"),
        pytest.param(os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png", id="byte that is not UTF-8"),
    ],
)
def test_what_a_terminal_could_obey_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text() | st.binary().map(os.fsdecode))
def test_any_text_becomes_one_line_that_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert shown.encode("utf-8").decode("utf-8") == shown


@given(st.text())
def test_printable_text_stays_printable(text: str) -> None:
    assert printable(printable(text)) == printable(text)
