"""Numbers that PostgreSQL's columns take, from numbers that they do not."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Container

BIGINT = 1 << 63

GLOB_PARTS = re.compile(r"\[[!^]?+.[^\]]*\]|.", re.DOTALL)
"""A set in brackets holds at least one character, and the first may be a closing bracket."""


def bigint(number: int) -> int:
    """The number, or the nearest that has 64 bits; no id is that far out."""
    return max(-BIGINT, min(number, BIGINT - 1))


def real(number: float) -> float:
    """The nearest float32: zero or infinity where PostgreSQL would complain of the number."""
    try:
        (rounded,) = struct.unpack("f", struct.pack("f", number))
    except OverflowError:
        return math.copysign(math.inf, number)
    return float(rounded)


def storable(text: str) -> str:
    """Text without what a UTF-8 database refuses: NUL, and bytes that are not UTF-8."""
    return (
        text.replace("\0", "\N{SYMBOL FOR NULL}")
        .encode("utf-8", "surrogateescape")
        .decode("utf-8", "replace")
    )


def encode_filename(name: str, unheld: Container[str] = ()) -> tuple[str, bytes | None]:
    """A file's name as text, and its bytes where the text is not the whole truth.

    `unheld` are texts that the database cannot hold.
    """
    text = storable(name)
    if text in unheld:
        text = in_ascii(text)
    return text, None if text == name else os.fsencode(name)


def in_ascii(text: str) -> str:
    """Text that every database can hold, with question marks for the rest."""
    return text.encode("ascii", "replace").decode()


def decode_filename(text: str | None, raw: bytes | None) -> str | None:
    """The name that `encode_filename` was given; None where the row has none."""
    return text if raw is None else os.fsdecode(raw)


def glob_to_regex(pattern: str) -> str:
    """A POSIX regular expression, as PostgreSQL takes it, for a shell pattern with `*`, `?` and `[…]`.

    A pattern without a slash is one of a name's last part.
    """
    body = "".join(_translate(part) for part in GLOB_PARTS.findall(pattern))
    return f"^{body}$" if "/" in pattern else f"(^|/){body}$"


def _translate(part: str) -> str:
    match part:
        case "*":
            return ".*"
        case "?":
            return "."
        case _ if len(part) > 1:
            negated = part[1] in "!^"
            inside = re.sub(r"[^\w-]", r"\\\g<0>", part[2 if negated else 1 : -1])
            return f"[^{inside}]" if negated else f"[{inside}]"
        case _:
            return part if part.isalnum() or part in "_/" else f"\\{part}"
