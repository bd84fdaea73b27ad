"""Who may ask the server, and where it may listen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlpredict.cli.serve import _origin
from mlpredict.errors import UsageError
from mlpredict.web.access import Rules
from mlpredict.web.errors import Ambiguous, Forbidden, Unauthorized
from mlpredict.web.server.address import listen, resolve, rules_for, url_of

LOCAL = rules_for(resolve("127.0.0.1", 8000), None, insecure=False)
SECRET = Rules(token=b"s3cret")


def request(method: str = "GET", path: str = "/v1/predictions", **headers: str) -> dict[str, Any]:
    """A request as ASGI describes it; underscores stand for hyphens."""
    named = {"host": "127.0.0.1:8000", **headers}
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()]
    return {"method": method, "path": path, "headers": pairs}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "127.0.0.1", "localhost:9", "LOCALHOST", "[::1]:8000", "[::1]"]
)
def test_a_local_server_answers_to_its_own_names(host: str) -> None:
    LOCAL.check(request(host=host))


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org:8000", "", "localhost:x", "localhost.", "[::1", "1:2:3"]
)
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    with pytest.raises(Forbidden):
        LOCAL.check(request(host=host))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_programs_and_the_own_page_may_post(headers: dict[str, str]) -> None:
    LOCAL.check(request("POST", **headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://example.org"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://["},
    ],
)
def test_another_site_may_not_post(headers: dict[str, str]) -> None:
    for rules in (LOCAL, Rules()):
        with pytest.raises(Forbidden):
            rules.check(request("POST", **headers))


def test_the_token_opens_the_door_under_any_name_and_from_any_site() -> None:
    for scheme in ("Bearer", "bearer"):
        SECRET.check(request("POST", host="example.org", origin="http://a", authorization=f"{scheme} s3cret"))


@pytest.mark.parametrize(
    "authorization",
    ["", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret1", "Basic s3cret", "é"],
)
def test_nothing_else_does(authorization: str) -> None:
    with pytest.raises(Unauthorized):
        SECRET.check(request(authorization=authorization))


@pytest.mark.parametrize(
    ("path", "accept", "is_open"),
    [
        ("/healthz", "*/*", True),
        ("/readyz", "*/*", True),
        ("/static/page.js", "*/*", True),
        ("/", "text/html,*/*", True),
        ("/", "*/*", False),
        ("/metrics", "text/html", False),
        ("/docs", "text/html", True),
        ("/manual/http", "*/*", True),
        ("/openapi.json", "text/html", False),
        ("/manuals", "text/html", False),
        ("/v1/model", "text/html", False),
        ("/healthz/", "*/*", False),
        ("/static", "text/html", False),
    ],
)
def test_only_health_and_the_pages_need_no_token(path: str, accept: str, is_open: bool) -> None:
    if is_open:
        SECRET.check(request(path=path, accept=accept))
    else:
        with pytest.raises(Unauthorized):
            SECRET.check(request(path=path, accept=accept))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_a_public_address_needs_a_token_or_a_word(host: str) -> None:
    address = resolve(host, 0)
    with pytest.raises(UsageError, match="is open to other machines"):
        rules_for(address, None, insecure=False)
    assert rules_for(address, "s3cret", insecure=False) == SECRET
    assert rules_for(address, None, insecure=True) == Rules()


def test_a_local_name_is_a_local_address() -> None:
    address = resolve("localhost", 0)
    assert not address.is_public
    with listen(address) as listener:
        assert url_of(address, listener) == f"http://localhost:{listener.getsockname()[1]}/"
        taken = resolve("localhost", listener.getsockname()[1])
        with pytest.raises(UsageError, match="address already in use"):
            listen(taken)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a b", "\0", "é" * 70])
def test_a_host_that_is_none_is_said(host: str) -> None:
    with pytest.raises(UsageError, match="--host"):
        resolve(host, 0)


@pytest.mark.parametrize("name", [b"host", b"authorization"])
@pytest.mark.parametrize("rules", [LOCAL, SECRET, Rules()])
def test_two_headers_of_which_others_may_see_another_are_refused(rules: Rules, name: bytes) -> None:
    twice = request(authorization="Bearer s3cret")
    twice["headers"] += [(name, dict(twice["headers"])[name])]
    with pytest.raises(Ambiguous, match="more than one header"):
        rules.check(twice)


def test_another_site_may_post_only_where_it_is_allowed_by_its_whole_origin() -> None:
    rules = replace(LOCAL, origins=("https://example.org",))
    rules.check(request("POST", origin="https://example.org", sec_fetch_site="cross-site"))
    for origin in ("http://example.org", "https://example.org:444", "https://example.org.evil", "null"):
        with pytest.raises(Forbidden):
            rules.check(request("POST", origin=origin, sec_fetch_site="cross-site"))


@pytest.mark.parametrize("text", ["*", "null", "example.org", "https://example.org/", "https://a b", ""])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--allow-origin"):
        _origin(text)
