"""Requests that are too large, too slow, or go away in the middle."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from tests.conftest import environment_of_command
from tests.serving import BOUNDARY, File, Served, form, serving

LIMIT = 200_000


@pytest.fixture(scope="module")
def limited(
    dsn_of_module: str, cache_home: object, public_directory: object, compiled: None
) -> Iterator[Served]:
    """A server that takes little."""
    environment = environment_of_command(cache_home, public_directory)  # type: ignore[arg-type]
    with serving(environment, "--dsn", dsn_of_module, "--max-upload", "200kB") as server:
        yield server


def head(length: int | None, **headers: str) -> bytes:
    """The head of a POST whose body has this length, or comes in chunks."""
    lines = ["POST /prediction/ HTTP/1.1", "Host: 127.0.0.1"]
    lines.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
    lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=10)


def test_a_form_up_to_the_limit_is_taken(limited: Served) -> None:
    assert limited.post("/prediction/", File(b"x" * LIMIT)).json == {
        "detail": "File 'image.png': not an image"
    }
    answer = limited.post("/prediction/", File(b"x" * (LIMIT + 1)))
    assert (answer.status, answer.json) == (
        413,
        {"detail": "The request is too large: the limit is 200,000 bytes."},
    )


def test_a_larger_one_is_refused_before_it_is_sent(limited: Served) -> None:
    with connect(limited) as client:
        client.sendall(head(10**9, Expect="100-continue"))
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_never_ends_is_refused_while_it_arrives(limited: Served) -> None:
    with connect(limited) as client:
        client.sendall(head(None))
        start = form(File(b""))[: -len(BOUNDARY) - 8]
        client.sendall(b"%x\r\n%b\r\n" % (len(start), start))
        chunk = b"%x\r\n%b\r\n" % (10_000, b"x" * 10_000)
        sent = 0
        answer = b""
        client.settimeout(0.01)
        while not answer and sent < 100 * LIMIT:
            try:
                client.sendall(chunk)
                sent += 10_000
                answer = client.recv(1000)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert sent < 10 * LIMIT


def test_clients_that_go_away_leave_nothing_behind(limited: Served, dsn_of_module: str) -> None:
    body = form(File(b"x" * 1000))
    for part in (0, 10, len(body) // 2, len(body) - 1):
        with connect(limited) as client:
            client.sendall(head(len(body)) + body[:part])
    for _ in range(5):  # these are answered, and nobody listens
        with connect(limited) as client:
            client.sendall(head(len(body)) + body)
    deadline = time.monotonic() + 60
    while "mlpredict_images_in_work 0.0" not in limited.ask("/metrics").body.decode():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert limited.ask("/healthz").status == 200
    with psycopg.connect(dsn_of_module) as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)


def test_a_head_without_end_is_cut_off(limited: Served) -> None:
    with connect(limited) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        sent = 0
        with suppress(ConnectionError):  # which one notices depends on who is faster
            while sent < 10_000_000 and (sent < 1_000_000 or client.recv(1)):
                client.sendall(b"X-%d: %b\r\n" % (sent, b"x" * 1000))
                sent += 1000
        assert sent <= 1_000_000


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /prediction/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\x1b[2J HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(limited: Served, request_: bytes) -> None:
    with connect(limited) as client:
        client.sendall(request_)
        assert client.recv(1000).startswith(b"HTTP/1.1 4")
    assert limited.ask("/healthz").status == 200


def test_several_requests_may_be_on_their_way_at_once(limited: Served) -> None:
    with connect(limited) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
        received = b""
        while received.count(b'{"status":"alive"}') < 5:
            chunk = client.recv(10_000)
            assert chunk
            received += chunk


def test_a_foreign_name_or_site_is_refused(limited: Served) -> None:
    assert limited.ask("/healthz", headers={"Host": "example.org"}).status == 403
    answer = limited.post("/prediction/", File(b"x"), headers={"Origin": "http://example.org"})
    assert (answer.status, answer.json) == (403, {"detail": "This is not for other sites."})
    assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/model", "/predictions/", "/docs"])
def test_head_is_answered_wherever_get_is(limited: Served, path: str) -> None:
    head, get = limited.ask(path, method="HEAD"), limited.ask(path)
    assert (head.status, get.status, head.body) == (200, 200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert limited.ask("/prediction/", method="HEAD").status == 405


@pytest.mark.parametrize("more", [b"Host: localhost", b"Authorization: Basic a\r\nAuthorization: Basic b"])
def test_two_headers_for_one_are_refused(limited: Served, more: bytes) -> None:
    with connect(limited) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + b"\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_page_of_an_allowed_site_may_ask(dsn: str, environment: dict[str, str], compiled: None) -> None:
    with serving(environment, "--dsn", dsn, "--token", "s3cret", "--allow-origin", "https://a.org") as served:
        for origin, allowed in (("https://a.org", "https://a.org"), ("https://b.org", None)):
            asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            asking["Access-Control-Request-Headers"] = "authorization"
            before = served.ask("/v1/predictions", method="OPTIONS", headers=asking)
            named = {name.lower(): value for name, value in before.headers.items()}
            assert named.get("access-control-allow-origin") == allowed
            assert (before.status == 200) == (allowed is not None)
        answer = served.post("/v1/predictions", File(b"x"), headers={"Origin": "https://a.org"})
        assert answer.status == 401  # the token is needed all the same
