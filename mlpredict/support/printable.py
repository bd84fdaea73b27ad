"""Text that may go to a terminal: nothing in it is taken for a command."""

from __future__ import annotations

import os
import unicodedata

# Cc: control characters, escape among them; Cf: marks that reorder or hide text; Cs: bytes that are
# not UTF-8, as the file system gave them; Zl, Zp: line ends in disguise.
UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
ZERO_WIDTH_JOINER = "\N{ZERO WIDTH JOINER}"


def printable(text: str) -> str:
    """The text on one line, with whatever a terminal could obey written as an escape sequence."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if is_safe(character) else _escaped(character) for character in text)


def is_safe(character: str) -> bool:
    """Whether a terminal shows a character, and does nothing else."""
    # Emoji of several people or colours are held together by joiners.
    return character == ZERO_WIDTH_JOINER or unicodedata.category(character) not in UNSAFE_CATEGORIES


def escaped_bytes(character: str) -> str:
    """The bytes of a character as C's strings have them, and so printf, and COPY of PostgreSQL."""
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _escaped(character: str) -> str:
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
