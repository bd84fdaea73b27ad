"""A request with an Idempotency-Key that is sent again gets its first answer, and stores nothing more."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.proxy import Proxy
from tests.serving import BOUNDARY, Answer, File, Served, form, serving
from tests.tcp_server import TcpServer

CLIENTS = 8
ROUTES = {"/v1/predictions": 201, "/prediction/": 200, "/prediction": 200}
Count = Callable[[], tuple[int, int, int]]


@pytest.fixture(scope="module")
def images(digits: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in digits]


def counted(dsn: str) -> tuple[int, int, int]:
    """How many predictions, failures and keys there are."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM failures),"
            " (SELECT count(*) FROM idempotency_keys)"
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.fixture
def count(dsn_of_module: str) -> Count:
    return lambda: counted(dsn_of_module)


def post(served: Served, key: str, *files: File, path: str = "/v1/predictions", **headers: str) -> Answer:
    return served.post(path, *files, headers={"Idempotency-Key": key, **headers})


@pytest.mark.parametrize("path", ROUTES)
def test_the_answer_is_the_same_and_nothing_is_stored_twice(
    served: Served, count: Count, images: list[bytes], path: str
) -> None:
    key = f"first{path}"
    first = post(served, f'"{key}"', File(images[0]), path=path)
    assert first.status == ROUTES[path]
    stored = count()
    again = post(served, f'"{key}"', File(images[0]), path=path)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert count() == stored
    # Whoever sends it again draws another boundary, and some do without the quotes.
    body = form(File(images[0])).replace(BOUNDARY.encode(), b"another")
    kind = {"Content-Type": "multipart/form-data; boundary=another", "Idempotency-Key": key}
    assert served.ask(path, method="POST", body=body, headers=kind).body == first.body
    assert count() == stored


def test_failures_are_answered_and_recorded_once(served: Served, count: Count, images: list[bytes]) -> None:
    broken = File(images[1][:99], "broken.png")
    before = count()
    answers = [post(served, "all-broken", broken) for _ in range(2)]
    answers += [post(served, "all-broken", broken, path="/prediction/") for _ in range(2)]
    assert [one.status for one in answers] == [422, 422, 400, 400]
    assert answers[0].body == answers[1].body
    assert answers[2].body == answers[3].body
    assert count() == (before[0], before[1] + 2, before[2] + 2)


def test_another_request_by_the_same_key_is_refused(
    served: Served, count: Count, images: list[bytes]
) -> None:
    assert post(served, "reused", File(images[2])).status == 201
    stored = count()
    for files in (
        [File(images[3])],
        [File(images[2], "other.png")],
        [File(images[2], type="image/x-png")],
        [File(images[2]), File(images[2])],
    ):
        answer = post(served, "reused", *files)
        assert answer.status == 422
        assert "Idempotency-Key" in answer.json["detail"]
    assert count() == stored


@pytest.mark.parametrize(
    "key", ["", '""', "two words", '"open', 'x"y', "a,b", "ä", "x" * 256, f'"{"x" * 256}"', '"a";b=1']
)
def test_what_is_no_key_is_refused(served: Served, count: Count, images: list[bytes], key: str) -> None:
    stored = count()
    answer = post(served, key.encode().decode("latin-1"), File(images[0]))
    assert answer.status == 400
    assert "Idempotency-Key" in answer.json["detail"]
    assert count() == stored


@pytest.mark.parametrize(
    "key", ["x" * 255, '"with \\"quotes\\" and spaces"', "8e03978e-40d5-43dd-bc93-6894a57f9324"]
)
def test_what_is_a_key_is_taken(served: Served, images: list[bytes], key: str) -> None:
    assert post(served, key, File(images[0])).status == 201


def test_two_keys_are_ambiguous(served: Served) -> None:
    body = form(File(b"x"))
    head = [
        "POST /v1/predictions HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(body)}",
        "Idempotency-Key: a",
        "Idempotency-Key: b",
        "",
        "",
    ]
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as client:
        client.sendall("\r\n".join(head).encode() + body)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_an_answer_is_kept_for_a_day(
    served: Served, dsn_of_module: str, count: Count, images: list[bytes]
) -> None:
    first = post(served, "expires", File(images[4]))
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours'")
        assert post(served, "expires", File(images[4])).body == first.body
        connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
        predictions, _, _ = count()
        later = post(served, "expires", File(images[4]))
        assert later.status == 201
        assert later.body != first.body
        # The others went in passing.
        assert count()[::2] == (predictions + 1, 1)


def test_requests_of_one_key_at_once_get_one_answer(
    environment: dict[str, str], dsn: str, images: list[bytes]
) -> None:
    with serving(environment, "--dsn", dsn, "--workers", "2") as served, ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(10):
            files = [File(image) for image in images[: number + 1]]
            answers = list(pool.map(lambda _, n=number, f=files: post(served, f"k{n}", *f), range(CLIENTS)))
            assert {one.status for one in answers} == {201}
            assert len({one.body for one in answers}) == 1
    assert served.said == []
    assert counted(dsn) == (sum(range(1, 11)), 0, 10)


def test_a_key_outlives_the_server_and_is_nothing_to_clients_of_another_token(
    environment: dict[str, str], dsn: str, images: list[bytes]
) -> None:
    answers = []
    for token in ("one", "one", "two"):
        with serving(environment, "--dsn", dsn, "--token", token) as served:
            key = {"Authorization": f"Bearer {token}"}
            answers.append(post(served, "lasting", File(images[0]), **key))
    assert answers[0].body == answers[1].body != answers[2].body
    assert counted(dsn) == (2, 0, 2)
    with psycopg.connect(dsn) as connection:
        kept = connection.execute("SELECT idempotency_keys::text FROM idempotency_keys").fetchall()
    assert "lasting" not in str(kept)


def test_an_answer_that_is_lost_with_the_database_is_had_by_sending_again(
    environment: dict[str, str], proxy: Proxy, tcp_server: TcpServer, images: list[bytes]
) -> None:
    """The commit is made, and neither the server nor its client is told."""
    with serving(environment, "--dsn", proxy.dsn(tcp_server.dsn)) as served:
        assert post(served, "before", File(images[1])).status == 201
        seen = proxy.commits
        proxy.swallows = lambda commit: commit > seen
        lost = post(served, "lost", File(images[0]))
        proxy.swallows = lambda _commit: False
        found = post(served, "lost", File(images[0]))
        while found.status == 503:
            found = post(served, "lost", File(images[0]))
    assert lost.status in (201, 503)
    assert found.status == 201
    assert counted(tcp_server.dsn) == (2, 0, 2)
