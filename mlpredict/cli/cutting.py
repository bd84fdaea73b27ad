"""Text cut to so many columns of a terminal, where a character takes none, one or two."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len, split_graphemes

ELLIPSIS = "…"
LEAST_NAME = 8
"""Columns for the last part of a path from which on it is worth more than the folder before it."""


UNCERTAIN = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]")
"""What joins, colours or enlarges emoji: where one terminal draws one, another draws several."""

SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def width_of(text: str) -> int:
    """How many columns a text takes, of one line and printable; at most, where terminals differ."""
    if text.isascii():
        return len(text)
    return cell_len(text.replace("\N{ZERO WIDTH JOINER}", "")) + 2 * len(SKIN_TONES.findall(text))


def is_uncertain(text: str) -> bool:
    """Whether some terminals need fewer columns for it than others."""
    return not text.isascii() and UNCERTAIN.search(text) is not None


def cut_end(text: str, width: int) -> str:
    """The beginning of a text, with an ellipsis behind it where it is cut."""
    if width_of(text) <= width:
        return text
    return _first(text, width - 1) + ELLIPSIS if width > 0 else ""


def cut_middle(text: str, width: int) -> str:
    """The beginning and the end of a text, with an ellipsis between them where it is cut."""
    if width_of(text) <= width:
        return text
    if width < 3:
        return cut_end(text, width)
    ending = (width - 1) // 2
    return _first(text, width - 1 - ending) + ELLIPSIS + _last(text, ending)


@lru_cache(maxsize=1024)
def cut_path(name: str, width: int) -> str:
    """A file's name cut so that what tells files apart stays: its last part, then the folders before it.

    Example:
        >>> cut_path("shapes/validation/triangle/IMG_1999.jpg", 26)
        '…/triangle/IMG_1999.jpg'
        >>> cut_path("shapes/validation/triangle/IMG_1999.jpg", 12)
        'IMG_1999.jpg'
        >>> cut_path("shapes/validation/triangle/IMG_1999.jpg", 9)
        'IMG_….jpg'
    """
    if width_of(name) <= width:
        return name
    *folders, last = name.split("/")
    kept = last
    for folder in reversed(folders):
        longer = f"{folder}/{kept}"
        if width_of(f"{ELLIPSIS}/{longer}") > width:
            break
        kept = longer
    shown = f"{ELLIPSIS}/{kept}"
    if width_of(shown) <= width:
        return shown
    return cut_middle(last, width)


def _first(text: str, width: int) -> str:
    """As much of the beginning as fits; what is drawn as one is not taken apart."""
    taken = end = 0
    for start, end, _ in split_graphemes(text)[0]:
        taken += width_of(text[start:end])
        if taken > width:
            return text[:start]
    return text[:end]


def _last(text: str, width: int) -> str:
    """As much of the end as fits."""
    taken = 0
    for start, end, _ in reversed(split_graphemes(text)[0]):
        taken += width_of(text[start:end])
        if taken > width:
            return text[end:]
    return text
