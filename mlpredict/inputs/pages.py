"""Every page of files that have several, each as an image of its own: `scan.tif#2`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count

from mlpredict.domain import Rejected, Sample, Source

PAGE_MARK = "#"
"""Between a file's name and the number of a page of it, which counts from 1."""
PAGE_NAME = re.compile(r"#([1-9][0-9]{0,8})$")


def page_name(name: str, page: int) -> str:
    """What a page of a file is called."""
    return f"{name}{PAGE_MARK}{page}"


def page_of(name: str | None) -> int:
    """Which page a name stands for; the first where it does not tell.

    Example:
        >>> page_of("scan.tif#2"), page_of("scan.tif")
        (2, 1)
    """
    return asked_page(name) or 1


def asked_page(name: str | None) -> int | None:
    """Which page was asked for that is called so; None where none was.

    Example:
        >>> asked_page("scan.tif#2"), asked_page("scan.tif")
        (2, None)
    """
    found = PAGE_NAME.search(name or "")
    return int(found[1]) if found else None


def first_pages(found: Iterable[Source | Rejected]) -> Iterator[Source | Rejected]:
    """The sources with their first page asked for: that there are others is not told then."""
    for item in found:
        yield replace(item, page=1) if isinstance(item, Source) else item


def with_all_pages(
    items: Iterable[Sample | Rejected], decode: Callable[[int, Source], Sample | Rejected]
) -> Iterator[Sample | Rejected]:
    """Decoded first pages, each before the other pages of its file, which are decoded now; numbered anew."""
    positions = count()
    for item in items:
        if isinstance(item, Rejected) or item.pages == 1:
            yield item._replace(position=next(positions))
            continue
        for page in range(1, item.pages + 1):
            name, position = page_name(item.source.filename, page), next(positions)
            source = replace(item.source, filename=name, page=page, file=item.source.path)
            if page == 1:
                yield item._replace(position=position, source=source)
            else:
                yield decode(position, source)
