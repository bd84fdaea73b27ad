"""What `--run-key` and `--part` ask for, and what cannot be asked for with them."""

from __future__ import annotations

import re

from mlpredict.domain import Pages
from mlpredict.domain.parts import AUTO, MOST_PARTS, Sharing, WantedPart
from mlpredict.errors import UsageError, WrongValue

NUMBERED = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
LONGEST_KEY = 200
"""In characters."""


def sharing_of(key: str | None, part: str | None) -> Sharing | None:
    """The run that a process takes part in; None without a key.

    Raises:
        UsageError: it is no key, or no part, or a part of nothing.
    """
    if key is None:
        if part is not None:
            raise UsageError("--part needs --run-key KEY: that is what all parts of a run have in common")
        return None
    if not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise WrongValue("run_key", key, f"expected one to {LONGEST_KEY} printable characters")
    return Sharing(key, WantedPart() if part is None else wanted_part(part))


def wanted_part(text: str) -> WantedPart:
    """`I/N` or `auto`.

    Raises:
        WrongValue: it is neither.

    Example:
        >>> wanted_part("0/4")
        WantedPart(number=0, parts=4)
    """
    if text == AUTO:
        return WantedPart()
    found = NUMBERED.fullmatch(text)
    if found is None:
        raise WrongValue("part", text, f"expected I/N, as 0/4, or {AUTO}")
    number, count = int(found[1]), int(found[2])
    if count > MOST_PARTS:
        raise WrongValue("part", text, f"at most {MOST_PARTS:,} parts")
    if number >= count:
        last = f"the last of {count} is {count - 1}/{count}" if count else "no run has none"
        raise WrongValue("part", text, f"parts are counted from 0, and {last}")
    return WantedPart(number, count)


def require_one_list(*, pages: Pages, labelled: bool) -> None:
    """Refuse what has no list of images that is the same for all processes before any file is read.

    Raises:
        UsageError: with the reason.
    """
    if pages is Pages.ALL:
        raise UsageError(
            "--run-key and --pages all exclude each other: how many pages a file has is known when it is"
            " read, and a position has to mean the same image in every process before that"
        )
    if labelled:
        raise UsageError(
            "--run-key and --label-from exclude each other: labels are stored after their images, and a"
            " process that is killed between the two would leave images without",
            hint="when the run is finished, mlpredict label --from-folders DIR labels all of it",
        )
