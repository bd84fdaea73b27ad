"""The manual as it is served: every page, with links that work and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

import mlpredict
from mlpredict.web.markdown import page_of
from mlpredict.web.routes.manual import manual_pages, manual_router

NAMES = sorted(path.stem for path in (Path(mlpredict.__file__).parent / "manual").glob("*.md"))


def client() -> TestClient:
    app = FastAPI(redirect_slashes=False)
    app.include_router(manual_router())
    return TestClient(app)


def test_every_page_is_served_and_listed() -> None:
    assert sorted(manual_pages()) == NAMES
    listed = client().get("/manual/").text
    for name, page in manual_pages().items():
        answer = client().get(f"/manual/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.text.count("<h1>") == 1
        assert f'<a href="{name}">{page.title}</a>' in listed
        assert (
            client().get(f"/manual/{name}", headers={"If-None-Match": answer.headers["etag"]}).status_code
            == 304
        )
    assert client().get("/manual/nosuch").status_code == 404
    assert client().get("/manual", follow_redirects=False).headers["location"] == "manual/"


def test_every_link_leads_somewhere() -> None:
    for name in NAMES:
        text = client().get(f"/manual/{name}").text
        for link in re.findall(r'<a (?:class="\w+" )?href="([^"]+)"', text):
            if link.startswith(("https://", "../")):
                continue
            page, _, fragment = link.partition("#")
            assert page in ("", *NAMES), (name, link)
            if fragment:
                assert f'id="{fragment}"' in client().get(f"/manual/{page or name}").text, (name, link)


def test_nothing_runs_and_nothing_comes_from_elsewhere() -> None:
    for name in NAMES:
        answer = client().get(f"/manual/{name}")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in policy
        assert not re.search(r"<script|\sstyle=|\son[a-z]+=|src=\"https?:", answer.text)


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
