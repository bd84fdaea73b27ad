"""Forms are taken apart however they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpredict.web import uploads
from mlpredict.web.errors import (
    Busy,
    ClientGone,
    MalformedForm,
    RequestError,
    TooLarge,
    TooSlow,
    Unprocessable,
)
from mlpredict.web.uploads import HELD_TIMES, Memory, UploadedFile, receive_files
from tests.serving import BOUNDARY, FORM, File, form

HEADERS = [(b"content-type", FORM["Content-Type"].encode())]


def received(
    *chunks: bytes, headers: Sequence[tuple[bytes, bytes]] = HEADERS, most: int = 10_000, room: int = 500_000
) -> list[UploadedFile]:
    """The files of a form that arrives in such pieces; behind the last one the client hangs up."""

    def messages() -> Iterator[dict[str, Any]]:
        for number, chunk in enumerate(chunks, 1):
            yield {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        while True:
            yield {"type": "http.disconnect"}

    iterator = messages()

    async def receive() -> dict[str, Any]:
        return next(iterator)

    memory = Memory(room)
    with memory.room() as taken:
        files = asyncio.run(receive_files(receive, headers, most, taken))
        assert memory.taken == HELD_TIMES * sum(map(len, chunks))
    assert memory.taken == 0
    return files


@given(
    files=st.lists(
        st.tuples(st.binary(max_size=200), st.text("abcé €.", min_size=1).map(str.strip).filter(bool)),
        min_size=1,
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 600), max_size=6),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_form_is_the_same_in_whatever_pieces_it_arrives(
    files: list[tuple[bytes, str]], cuts: list[int]
) -> None:
    body = form(*(File(content, name) for content, name in files))
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    chunks = [body[start:end] for start, end in pairwise(places)]
    assert received(*chunks) == [UploadedFile(name, "image/png", content) for content, name in files]


@given(body=st.binary(max_size=300), prefix=st.integers(0, 120))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_whatever_arrives_is_a_form_or_refused(body: bytes, prefix: int) -> None:
    valid = form(File(b"content"))
    for damaged in (valid[:prefix] + body, body + valid, valid[:prefix] + body + valid[prefix:]):
        try:
            received(damaged)
        except RequestError as error:
            assert error.detail  # noqa: PT017 - most are refused, some are forms by chance


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'filename="a.png"', "a.png"),
        (b'filename="\xc3\xa9.png"', "é.png"),
        (b'filename="\xe9.png"', "é.png"),
        (b'filename="a\\"b.png"', 'a"b.png'),
        (b"filename=a.png", "a.png"),
        (b'filename="../../etc/passwd"', "../../etc/passwd"),
    ],
)
def test_a_file_keeps_the_name_the_client_gave(raw: bytes, expected: str) -> None:
    body = b"--%b\r\nContent-Disposition: form-data; name=file; %b\r\n\r\nx\r\n--%b--\r\n"
    boundary = BOUNDARY.encode()
    assert received(body % (boundary, raw, boundary)) == [UploadedFile(expected, None, b"x")]


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        ((form(),), Unprocessable),
        ((form(File(b"x"), field_name="other"),), Unprocessable),
        ((form(File(b"x", name="")),), Unprocessable),
        ((form(File(b"x"))[:-10],), MalformedForm),
        ((form(File(b"x"))[:-10], b"", b""), MalformedForm),
        ((b"",), MalformedForm),
        ((b"nothing of the kind",), MalformedForm),
        ((form(File(b"x", name="n" * 20_000)),), MalformedForm),
        ((form(*[File(b"x")] * 101),), TooLarge),
        ((form(*[File(b"x")] * 1001, field_name="other"),), TooLarge),
        ((form(File(b"x" * 10_001)),), TooLarge),
        ((b"x" * 50_000, b"x" * 50_000), MalformedForm),
        ((form(File(b"x" * 5000)), *[b"x" * 10_000] * 8), TooLarge),
    ],
)
def test_what_is_no_form_is_refused(chunks: tuple[bytes, ...], error: type[RequestError]) -> None:
    with pytest.raises(error):
        received(*chunks)


@pytest.mark.parametrize(
    "contenttype",
    [
        b"",
        b"image/png",
        b"multipart/form-data",
        b"multipart/mixed; boundary=x",
        b"multipart/form-data; boundary=",
    ],
)
def test_a_body_that_is_called_something_else_is_refused(contenttype: bytes) -> None:
    with pytest.raises(Unprocessable):
        received(form(File(b"x")), headers=[(b"content-type", contenttype)])


def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    with pytest.raises(TooLarge):
        received(headers=[*HEADERS, (b"content-length", b"1000000")])


def test_a_client_may_hang_up_in_the_middle() -> None:
    async def receive() -> dict[str, Any]:
        return next(messages)

    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": form(File(b"x"))[:50], "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    with Memory(HELD_TIMES * 1000).room() as room, pytest.raises(ClientGone):
        asyncio.run(receive_files(receive, HEADERS, 1000, room))


def test_a_client_may_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BODY_SECONDS", 0.05)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"", "more_body": True}

    with Memory(HELD_TIMES * 1000).room() as room, pytest.raises(TooSlow):
        asyncio.run(receive_files(receive, HEADERS, 1000, room))


def test_uploads_have_so_much_room_together() -> None:
    memory = Memory(HELD_TIMES * 1000)
    body = form(File(b"x" * 400))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    with memory.room() as first:
        asyncio.run(receive_files(receive, HEADERS, 1000, first))
        with memory.room() as second, pytest.raises(Busy):
            asyncio.run(receive_files(receive, HEADERS, 1000, second))
    with memory.room() as third:
        assert asyncio.run(receive_files(receive, HEADERS, 1000, third))
