"""What `--run-key` and `--part` ask for."""

from __future__ import annotations

import pytest

from mlpredict.domain import Pages
from mlpredict.domain.parts import WantedPart, spans, usual_parts
from mlpredict.errors import UsageError
from mlpredict.support.run_parts import require_one_list, sharing_of, wanted_part


@pytest.mark.parametrize(("text", "meant"), [("0/1", (0, 1)), ("3/4", (3, 4)), ("auto", (None, None))])
def test_a_part(text: str, meant: tuple[int | None, int | None]) -> None:
    assert wanted_part(text) == WantedPart(*meant)
    assert str(wanted_part(text)) == text


@pytest.mark.parametrize(
    "text", ["", "4/4", "1", "-1/4", "0/0", "1/2/3", "a/b", "0/100001", " 0/4", "٣/٤", "0/4\n"]
)
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UsageError, match=r"^part="):
        wanted_part(text)


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "a\0b", "k" * 201])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(UsageError, match=r"^run_key="):
        sharing_of(key, None)


def test_a_part_of_nothing() -> None:
    assert sharing_of(None, None) is None
    with pytest.raises(UsageError, match="--part needs --run-key"):
        sharing_of(None, "0/4")


def test_what_has_no_list_beforehand() -> None:
    require_one_list(pages=Pages.FIRST, labelled=False)
    with pytest.raises(UsageError, match="--pages all"):
        require_one_list(pages=Pages.ALL, labelled=False)
    with pytest.raises(UsageError, match="--label-from"):
        require_one_list(pages=Pages.FIRST, labelled=True)


@pytest.mark.parametrize("images", [0, 1, 5, 31, 64, 1000, 123_457])
@pytest.mark.parametrize("parts", [1, 2, 7, 64])
def test_parts_are_all_of_it_and_alike(images: int, parts: int) -> None:
    found = spans(images, parts)
    sizes = [last - first + 1 for first, last in found]
    assert [first for first, _ in found] == [sum(sizes[:part]) for part in range(parts)]
    assert (sum(sizes), len(sizes)) == (images, parts)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("images", "parts"), [(1, 1), (32, 1), (33, 2), (5000, 64), (1 << 20, 1024)])
def test_how_many_parts_there_are_where_nobody_says(images: int, parts: int) -> None:
    assert abs(usual_parts(images) - parts) <= 1
    assert usual_parts(10**12) == 100_000
