"""The manual as it is served: every page, with links that work and nothing from elsewhere."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

import mlpredict
from mlpredict.web.markdown import page_of
from mlpredict.web.routes.manual import manual_pages, manual_router
from tests.page.stand_in import served

NAMES = sorted(path.stem for path in (Path(mlpredict.__file__).parent / "manual").glob("*.md"))


@pytest.fixture(scope="module")
def connection() -> Iterator[http.client.HTTPConnection]:
    app = FastAPI(redirect_slashes=False)
    app.include_router(manual_router())
    with served(app) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"))
        yield connection
        connection.close()


def ask(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, str]:
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    return response, response.read().decode()


def test_every_page_is_served_and_listed(connection: http.client.HTTPConnection) -> None:
    assert sorted(manual_pages()) == NAMES
    _, listed = ask(connection, "/manual/")
    for name, page in manual_pages().items():
        answer, text = ask(connection, f"/manual/{name}")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert text.count("<h1>") == 1
        assert f'<a href="{name}">{page.title}</a>' in listed
        again, _ = ask(connection, f"/manual/{name}", {"If-None-Match": answer.headers["etag"]})
        assert again.status == 304
    assert ask(connection, "/manual/nosuch")[0].status == 404
    answer, _ = ask(connection, "/manual")
    assert (answer.status, answer.headers["location"]) == (308, "manual/")


def test_every_link_leads_somewhere(connection: http.client.HTTPConnection) -> None:
    pages = {name: ask(connection, f"/manual/{name}")[1] for name in NAMES}
    for name, text in pages.items():
        for link in re.findall(r'<a (?:class="\w+" )?href="([^"]+)"', text):
            if link.startswith(("https://", "../")):
                continue
            page, _, fragment = link.partition("#")
            assert page in ("", *NAMES), (name, link)
            assert not fragment or f'id="{fragment}"' in pages[page or name], (name, link)


def test_nothing_runs_and_nothing_comes_from_elsewhere(connection: http.client.HTTPConnection) -> None:
    for name in NAMES:
        answer, text = ask(connection, f"/manual/{name}")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in policy
        assert not re.search(r"<script|\sstyle=|\son[a-z]+=|src=\"https?:", text)


def test_what_markdown_may_not_do_is_text() -> None:
    page = page_of(
        "# A & B\n\nOne *two*. Three.\n\n<script>alert(1)</script>\n\n## It's `code`, too\n\n"
        "[page](other.md#part) [file](../x.py) [bad](javascript:alert(1))\n\n"
        "| | b |\n|-|-|\n| 1 | 2 |\n\n```sh\necho '<b>'\n```\n",
        frozenset({"other"}),
    )
    assert (page.title, page.summary) == ("A & B", "One two.")
    assert page.sections == (("its-code-too", "It's code, too"),)
    assert "<script" not in page.html
    assert '<a href="other#part">page</a> file [bad]' in page.html
    assert page.html.count("<th>") == 1
    assert "<code>echo '&lt;b&gt;'\n</code>" in page.html
