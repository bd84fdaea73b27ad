"""Bodies, and files out of a multipart form, while they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive

from mlpredict.web.errors import Busy, ClientGone, MalformedForm, TooLarge, TooSlow, Unprocessable

FIELD = b"file"
MOST_FILES = 100
MOST_PARTS = 1000
PART_HEAD_BYTES = 16 << 10
FRAMING_BYTES = 64 << 10
"""What boundaries and other fields may add to the files."""

BODY_SECONDS = 60.0

HELD_TIMES = 5
"""So many times its size is held for an upload at worst: the form, what a decoder is sent, the `data:` URI
(4/3 of it), and that again as the statement's parameter and in the driver's buffer."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as the client describes it."""

    filename: str
    contenttype: str | None
    content: bytes


Headers = Iterable[tuple[bytes, bytes]]


async def receive_files(receive: Receive, headers: Headers, most: int, room: Room) -> list[UploadedFile]:
    """The files of the form's field `file`, together not larger than `most` bytes.

    Everything that will be held for them is counted in `room` as they arrive.

    Raises:
        MalformedForm, Unprocessable: there is no such form, or no file in it.
        TooLarge: the body is larger, and is not read on.
        TooSlow, ClientGone: the body does not come to its end.
        Busy: there is no room.
    """
    described = dict(headers)
    limit = most + FRAMING_BYTES
    _check_length(described, limit, most)
    form = _Form(_boundary(described.get(b"content-type", b"")))
    await _receive(receive, limit, most, room, form.feed)
    files = form.finish()
    if sum(len(file.content) for file in files) > most:
        raise _too_large(most)
    return files


async def receive_body(receive: Receive, headers: Headers, most: int, room: Room) -> bytes:
    """A body of at most `most` bytes; all that will be held for it is counted in `room` as it arrives.

    Raises:
        TooLarge: it is larger, and is not read on.
        TooSlow, ClientGone: it does not come to its end.
        Busy: there is no room.
    """
    _check_length(dict(headers), most, most)
    body = bytearray()
    await _receive(receive, most, most, room, body.extend)
    return bytes(body)


def _check_length(headers: Mapping[bytes, bytes], limit: int, said: int) -> None:
    if int(headers.get(b"content-length", b"0")) > limit:
        raise _too_large(said)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request is too large: the limit is {limit:,} bytes.")


async def _receive(
    receive: Receive, limit: int, said: int, room: Room, feed: Callable[[bytes], object]
) -> None:
    """Feed a body while it arrives, up to a limit that is called another one."""
    received = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk = message.get("body", b"")
                received += len(chunk)
                if received > limit:
                    raise _too_large(said)
                room.take(HELD_TIMES * len(chunk))
                feed(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise TooSlow from None


def _boundary(contenttype: bytes) -> bytes:
    kind, options = parse_options_header(contenttype)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Unprocessable("Send the image as a multipart form, in a field named file.")
    return boundary


@dataclass(slots=True)
class _Part:
    """One field of a form, as far as it has arrived."""

    disposition: bytes = b""
    contenttype: bytes | None = None
    head_bytes: int = 0
    content: bytearray = field(default_factory=bytearray)
    wanted: bool = False
    filename: str | None = None


class _Form:
    """Takes a multipart form apart."""

    def __init__(self, boundary: bytes) -> None:
        self._files: list[UploadedFile] = []
        self._part = _Part()
        self._parts = 0
        self._name = self._value = b""
        self._ended = False
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._head_end,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise MalformedForm(f"The body is no multipart form: {error}.") from error

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedForm(f"The body is no multipart form: {error}.") from error

    def finish(self) -> list[UploadedFile]:
        if not self._ended:
            raise MalformedForm("The multipart form has no end.")
        if not self._files:
            raise Unprocessable
        return self._files

    def _begin(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooLarge(f"The form has more than {MOST_PARTS} fields.")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count_head(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count_head(end - start)

    def _count_head(self, more: int) -> None:
        self._part.head_bytes += more
        if self._part.head_bytes > PART_HEAD_BYTES:
            raise MalformedForm("The head of a field in the form is too long.")

    def _header_end(self) -> None:
        name = self._name.lower()
        if name == b"content-disposition":
            self._part.disposition = self._value
        elif name == b"content-type":
            self._part.contenttype = self._value
        self._name = self._value = b""

    def _head_end(self) -> None:
        part = self._part
        _, options = parse_options_header(part.disposition)
        filename = options.get(b"filename")
        if options.get(b"name") == FIELD and filename:
            part.wanted, part.filename = True, _text(filename)
            if len(self._files) == MOST_FILES:
                raise TooLarge(f"The form has more than {MOST_FILES} files.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.wanted:
            self._part.content += memoryview(data)[start:end]

    def _part_end(self) -> None:
        part = self._part
        if part.filename is not None:
            contenttype = None if part.contenttype is None else _text(part.contenttype).strip() or None
            self._files.append(UploadedFile(part.filename, contenttype, bytes(part.content)))
            part.content.clear()

    def _end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@dataclass(slots=True)
class Memory:
    """So many bytes for all the requests of a process; used from its event loop alone."""

    total: int
    taken: int = 0

    def room(self) -> Room:
        """What one request takes of it, given back at the end of a `with` block."""
        return Room(self)


@dataclass(slots=True)
class Room:
    """One request's part of the memory."""

    memory: Memory
    _taken: int = field(default=0, init=False)

    def take(self, count: int) -> None:
        """Have so many bytes more.

        Raises:
            Busy: there are none left.
        """
        if self.memory.taken + count > self.memory.total:
            raise Busy
        self.memory.taken += count
        self._taken += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.memory.taken -= self._taken
        self._taken = 0
