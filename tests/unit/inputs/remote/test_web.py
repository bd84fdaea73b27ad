"""Images of the web, from servers that say odd things; all of them are on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlpredict.inputs.reading import TooManyBytes, Unusable
from mlpredict.inputs.remote import web
from mlpredict.inputs.remote.reading import room_enough

CONTENT = b"an image"


class Odd(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/round" else 200)
        lengths = {"/": str(len(CONTENT)), "/words": "eight", "/less": "-5", "/more": str(10**9)}
        if self.path in lengths:
            self.send_header("Content-Length", lengths[self.path])
        if self.path == "/round":
            self.send_header("Location", "/round")
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.mark.parametrize("path", ["/", "/none", "/words", "/less"])
def test_the_length_is_told_or_found(server: str, path: str) -> None:
    assert web.get(f"{server}{path}", 1000, room_enough) == CONTENT


def test_what_is_asked_in_the_clear_goes_by_no_proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert web.get(f"{server}/", 1000, room_enough) == CONTENT


def test_more_than_is_allowed_is_not_read(server: str) -> None:
    with pytest.raises(TooManyBytes):
        web.get(f"{server}/more", 1000, room_enough)
    with pytest.raises(TooManyBytes):
        web.get(f"{server}/none", 5, room_enough)


def test_redirects_without_end_are_told_in_one_line(server: str) -> None:
    with pytest.raises(Unusable, match=r"^the server answers 302 .*$") as caught:
        web.get(f"{server}/round", 1000, room_enough)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example", "ü" * 70 + ".example"])
def test_what_is_no_name_of_a_host_is_told(host: str) -> None:
    with pytest.raises(Unusable, match="not the name of a host"):
        web.get(f"https://{host}/a.png", 1000, room_enough)


def test_an_address_is_asked_for_in_ascii() -> None:
    asked = web._ascii("https://bücher.example:8443/ä b%20c.png?q=ü#part")
    assert asked == "https://xn--bcher-kva.example:8443/%C3%A4%20b%20c.png?q=%C3%BC"
