"""What a browser and a program are given at the page's addresses, without a browser."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.domain import ImageSpec
from mlpredict.web.documents import TEMPLATES
from mlpredict.web.routes.page import render_page
from mlpredict.web.static_files import FOLDER, static_files, static_version
from tests.page.conftest import GREY
from tests.page.stand_in import DIGITS, Store, model, served, stand_in

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
VERSION = static_version(static_files())
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def connection() -> Iterator[http.client.HTTPConnection]:
    with served(stand_in(Store(), model(), GREY)) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"))
        yield connection
        connection.close()


def ask(
    connection: http.client.HTTPConnection,
    path: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
) -> tuple[http.client.HTTPResponse, str]:
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    return response, response.read().decode(errors="replace")


def test_a_browser_gets_the_page(connection: http.client.HTTPConnection) -> None:
    response, text = ask(connection, "/", BROWSER)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Vary"] == "Accept"
    assert "<title>mnist-convnet · mlpredict</title>" in text
    assert text.split("<datalist")[1].count("<option ") == len(DIGITS)
    response, text = ask(connection, "/", {**BROWSER, "If-None-Match": response.headers["ETag"]})
    assert (response.status, text) == (304, "")
    response, text = ask(connection, "/", BROWSER, "HEAD")
    assert (response.status, text) == (200, "")


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_a_program_gets_the_answer_of_the_api(connection: http.client.HTTPConnection, accept: str) -> None:
    response, text = ask(connection, "/", {"Accept": accept})
    assert response.status == 200
    assert json.loads(text) == {"error": "Use GET /predictions/ instead of the root route!"}


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(
    connection: http.client.HTTPConnection,
) -> None:
    response, text = ask(connection, "/", BROWSER)
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src")} == {"'self'"}
    assert policy["connect-src"] == "'self' blob:"  # what the page has been answered already, as a file
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)|https?:", text)


def test_every_file_is_served_with_its_type_for_good(connection: http.client.HTTPConnection) -> None:
    for name, file in static_files().items():
        response, text = ask(connection, f"/static/{VERSION}/{name}")
        assert response.status == 200
        assert file.mediatype == "image/png" or text.encode() == file.content
        assert response.headers["Content-Type"].startswith(file.mediatype)
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        f"/static/{VERSION}/missing.js",
        f"/static/{VERSION}/../templates/page.html",
        f"/static/{VERSION}/..%2ftemplates%2fpage.html",
        f"/static/{VERSION}/",
        "/static/000000000000/page.js",
    ],
)
def test_nothing_else_is_served(connection: http.client.HTTPConnection, path: str) -> None:
    response, _text = ask(connection, path)
    assert response.status == 404


def test_what_a_model_says_of_itself_is_text() -> None:
    text = render_page(model(labels=("cat", HOSTILE), name=HOSTILE), GREY, VERSION)
    assert "<script>alert" not in text
    assert text.count("&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 4


@pytest.mark.parametrize(
    ("spec", "labels", "facts", "has_board"),
    [
        (ImageSpec(28, 28, 1), DIGITS, "28×28 grey, 10 labels", True),
        (ImageSpec(None, None, 3), ("cat", "dog"), "any×any colour, 2 labels", False),
        (ImageSpec(96, 128, 4), None, "128×96 colour and alpha", False),
    ],
)
def test_the_page_says_what_the_model_takes(
    spec: ImageSpec, labels: tuple[str, ...] | None, facts: str, has_board: bool
) -> None:
    text = render_page(model(labels=labels), spec, VERSION)
    assert f'<span class="facts">{facts}</span>' in text
    assert ("<canvas" in text) == has_board


def test_an_address_changes_with_any_file() -> None:
    files = static_files()
    assert static_version({**files, "page.css": files["icon.svg"]}) != VERSION
    assert re.fullmatch(r"[0-9a-f]{12}", VERSION)


def test_the_scripts_make_no_markup_and_load_only_what_is_there() -> None:
    scripts = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.js"))}
    assert scripts
    for name, text in scripts.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), name
        imported = re.findall(r'from "\./([^"]+)"', text)
        assert set(imported) <= set(scripts), name
        assert len(imported) == len(re.findall(r"^import |^\} from ", text, re.MULTILINE)), name


def test_the_template_names_every_element_that_a_script_looks_for() -> None:
    document = "".join(path.read_text("utf-8") for path in sorted(TEMPLATES.glob("*.html")))
    for path in FOLDER.glob("*.js"):
        for name in re.findall(r'getElementById\("([^"]+)"\)', Path(path).read_text("utf-8")):
            assert f'id="{name}"' in document, f"{path.name}: {name}"
