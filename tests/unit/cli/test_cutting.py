"""Names and labels cut to so many columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlpredict.cli.cutting import cut_end, cut_middle, cut_path, width_of

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NAMES = (
    "shapes/validation/triangle/IMG_1999.jpg",
    "x/" + "n" * 200 + ".jpg",
    "图片/测试/很长的文件名字照片.png",
    f"{FAMILY}/{FAMILY} party.png",
    "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301.png",
    "-",
    "",
    "/",
    "a/b/c/",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [*range(13), 24, 40, 60, 72, 80, 100, 200])
@pytest.mark.parametrize("cut", [cut_end, cut_middle, cut_path])
def test_nothing_is_wider_than_it_may_be_and_what_fits_is_whole(
    name: str, width: int, cut: Callable[[str, int], str]
) -> None:
    shown = cut(name, width)
    assert width_of(shown) <= width
    assert shown == name or width_of(name) > width


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (39, "shapes/validation/triangle/IMG_1999.jpg"),
        (38, "…/validation/triangle/IMG_1999.jpg"),
        (33, "…/triangle/IMG_1999.jpg"),
        (22, "…/IMG_1999.jpg"),
        (13, "IMG_1999.jpg"),
        (9, "IMG_….jpg"),
    ],
)
def test_the_last_part_of_a_path_stays_longest(width: int, shown: str) -> None:
    assert cut_path("shapes/validation/triangle/IMG_1999.jpg", width) == shown


def test_a_suffix_stays() -> None:
    assert cut_path("n" * 200 + ".jpg", 12).endswith(".jpg")


def test_what_is_drawn_as_one_is_not_taken_apart() -> None:
    assert cut_end(f"{FAMILY}{FAMILY}{FAMILY}", 8) == f"{FAMILY}…"
    assert cut_end("e\u0301" * 4, 3) == "e\u0301e\u0301…"
