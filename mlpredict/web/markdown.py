"""Pages of the manual, from Markdown to HTML that fits the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

SCHEME = re.compile(r"(?:https?|mailto):")
PAGE = re.compile(r"(?P<name>[a-z0-9-]+)\.md(?P<fragment>#.*)?")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its title, its first sentence as text, and all of it as HTML without the title."""

    title: str
    summary: str
    html: str
    sections: tuple[tuple[str, str], ...]
    """The ids and texts of its headings."""


def page_of(markdown: str, pages: frozenset[str]) -> Page:
    """A page of the manual, with links to the others, of which `pages` are the names."""
    tokens = _parser().parse(markdown)
    title = _title(tokens)
    body = tokens[3:] if title else tokens
    sections = tuple(_with_anchors(body))
    _empty_headers_as_cells(body)
    for token in body:
        if token.type == "inline":
            token.children = list(_with_addresses(token.children or (), pages))
    html = cast("str", _parser().renderer.render(body, _parser().options, {}))
    return Page(title, _summary(body), html, sections)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for kind in ("table_open", "table_close", "fence", "code_block"):
        parser.add_render_rule(kind, _wide)
    return parser


def _wide(_renderer: RendererHTML, tokens: Sequence[Token], index: int, *_settings: object) -> str:
    """Tables and code in a box of their own, which scrolls, also by keyboard."""
    token = tokens[index]
    if token.type == "table_close":
        return "</table></div>\n"
    if token.type == "table_open":
        return '<div class="wide" role="group" aria-label="Table" tabindex="0"><table>\n'
    return f'<pre tabindex="0"><code>{escapeHtml(token.content)}</code></pre>\n'


def _title(tokens: Sequence[Token]) -> str:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return _plain(tokens[1])
    return ""


def _summary(tokens: Sequence[Token]) -> str:
    """The first sentence of the first paragraph; nothing where the page begins with something else."""
    if len(tokens) < 2 or tokens[0].type != "paragraph_open":
        return ""
    return re.split(r"(?<=[.:])\s", _plain(tokens[1]), maxsplit=1)[0].removesuffix(":")


def _plain(inline: Token) -> str:
    return "".join(" " if one.type == "softbreak" else one.content for one in inline.children or ())


def _with_anchors(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Give headings ids, as links name them: the words in lower case, joined by hyphens."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = _plain(inline)
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            opening.attrSet("id", anchor)
            yield anchor, text


def _empty_headers_as_cells(tokens: Sequence[Token]) -> None:
    """A header that says nothing is none to a screen reader."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and not inline.content:
            opening.tag = closing.tag = "td"


def _with_addresses(tokens: Sequence[Token], pages: frozenset[str]) -> Iterator[Token]:
    """Links lead to pages of the manual as they are served; those to other files are text."""
    opened: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href")), pages)
            opened.append(address is not None)
            if address is None:
                continue
            token.attrSet("href", address)
        elif token.type == "link_close" and not opened.pop():
            continue
        yield token


def _address(link: str, pages: frozenset[str]) -> str | None:
    if SCHEME.match(link) or link.startswith("#"):
        return link
    found = PAGE.fullmatch(link)
    return f"{found['name']}{found['fragment'] or ''}" if found and found["name"] in pages else None
