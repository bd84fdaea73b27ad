"""One page that needs nothing else: no script, no file beside it, nothing of the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Whatever a label or a file's name may hold, the browser runs and loads nothing."""

STYLE = Path(__file__).with_name("style.css")
PARTS = Path(__file__).with_name("parts.css")
"""What facts, plots, tables and pictures look like, in this page and in others."""


def page(title: str, body: Iterable[str]) -> str:
    """A whole page of these parts."""
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>{_styles()}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{shown(title)}</h1>\n<p class="quiet">mlpredict, {shown(made)}</p>\n'
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _styles() -> str:
    return STYLE.read_text("utf-8") + PARTS.read_text("utf-8")


def shown(text: object) -> str:
    """Text that is only text in a page, whatever it holds."""
    return escape(str(text).encode("utf-8", "replace").decode())


def remarks(said: Sequence[str]) -> Iterator[str]:
    """What a reader should know of how something was measured, if there is anything."""
    if said:
        yield '<div class="remarks">' + "".join(f"<p>{shown(one)}.</p>" for one in said) + "</div>"


def facts(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Names, what there is to say of each, and a smaller word beside it."""
    items = "".join(
        f"<div><dt>{shown(name)}</dt><dd>{shown(value)}<small>{shown(more)}</small></dd></div>"
        for name, value, more in pairs
    )
    return f'<dl class="facts">{items}</dl>'


def table(name: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that may be wider than the page; cells are text."""
    head = "".join(f'<th scope="col">{shown(one)}</th>' for one in headings)
    body = "".join(
        f'<tr><th scope="row">{shown(first)}</th>{"".join(f"<td>{shown(one)}</td>" for one in rest)}</tr>'
        for first, *rest in rows
    )
    return scrolled(name, f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def scrolled(name: str, content: str) -> str:
    """Something wide, which keys and fingers can scroll."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{shown(name)}">{content}</div>'


def figure(drawing: str, caption: str, name: str = "") -> str:
    """A plot with its caption."""
    content = scrolled(name, drawing) if name else drawing
    return f"<figure>{content}<figcaption>{shown(caption)}</figcaption></figure>"


def pictures(items: Iterable[tuple[str | None, str]]) -> str:
    """Pictures as `data:` URIs, each with what is said of it, which is HTML."""
    parts = []
    for uri, said in items:
        picture = '<div class="none">no picture</div>' if uri is None else f'<img src="{uri}" alt="">'
        parts.append(f"<li>{picture}{said}</li>")
    return f'<ul class="pictures">{"".join(parts)}</ul>'
