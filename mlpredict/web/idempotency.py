"""Idempotency-Key: a request that is sent again is answered as before, and not done twice.

The header is that of draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from mlpredict.domain import KnownReply, Reply
from mlpredict.web.batches import Outcome
from mlpredict.web.errors import MalformedKey, StillWorking
from mlpredict.web.uploads import Headers, UploadedFile

HEADER = b"idempotency-key"
LONGEST_KEY = 255

STRING = re.compile(rb'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A string of a structured field (RFC 9651, 3.3.3), which the draft asks for."""

BARE = re.compile(rb"[!#-+\--:<-\[\]-~]+")
"""What most clients send: signs of ASCII, but no quotes, commas, semicolons and backslashes."""

WAIT_SECONDS = 30.0
"""For so long a request waits for an earlier one of the same key."""

SCOPE_SALT = b"mlpredict idempotency"

MakeReply = Callable[[Sequence[Outcome]], Reply]


def key_of(headers: Headers) -> bytes | None:
    """The key of a request, without the quotes; None where it has none.

    Raises:
        MalformedKey: it is none.
    """
    given = next((value.strip() for name, value in headers if name == HEADER), None)
    if given is None:
        return None
    if match := STRING.fullmatch(given):
        key = re.sub(rb"\\(.)", rb"\1", match[1])
    else:
        key = given if BARE.fullmatch(given) else b""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise MalformedKey
    return key


def scope_of(token: bytes | None) -> bytes:
    """What keeps the keys of one token's clients apart from those of another's.

    Whoever reads the database should not find the token by trying: so it takes long to make.
    """
    return b"" if token is None else hashlib.scrypt(token, salt=SCOPE_SALT, n=1 << 14, r=8, p=1)


def digest_of(parts: Iterable[bytes]) -> bytes:
    """The SHA-256 of parts that are told apart."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def digest_of_files(files: Sequence[UploadedFile]) -> bytes:
    """What a form asks: whoever sends it again may draw another boundary."""
    return digest_of(
        part
        for file in files
        for part in (
            file.filename.encode("utf-8", "replace"),
            (file.contenttype or "").encode(),
            file.content,
        )
    )


@dataclass(frozen=True, slots=True)
class Call:
    """What a client calls, by which key, and the digest of what it asks, which is made when it is needed."""

    route: str
    key: bytes | None
    digest: Callable[[], bytes]


@dataclass(slots=True)
class Asked:
    """A request with a key, and how its reply is made of what became of its images."""

    key: bytes
    digest: bytes
    make: MakeReply
    made: Reply | None = None
    """The reply that was made last: it is the one that has been stored."""

    def reply(self, outcomes: Sequence[Outcome]) -> Reply:
        """Make the reply, and know it."""
        self.made = self.make(outcomes)
        return self.made


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a process: its requests of the same one are answered one after the other."""

    scope: bytes
    """What tells the server's clients and its model from others that use the database."""
    _locks: WeakValueDictionary[bytes, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def name(self, route: str, key: bytes) -> bytes:
        """What a key is called in the database."""
        return digest_of((self.scope, route.encode(), key))

    @asynccontextmanager
    async def turn(self, name: bytes) -> AsyncIterator[None]:
        """A block that one request of a key is in.

        Raises:
            StillWorking: the others take too long.
        """
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise StillWorking from None
        try:
            yield
        finally:
            lock.release()


class Lookups:
    """Asks the database for replies, for all that wait at once: one connection does for any number of them.

    Used from one event loop.
    """

    def __init__(self, read: Callable[[list[bytes]], Awaitable[Mapping[bytes, KnownReply]]]) -> None:
        self._read = read
        self._waiting: dict[bytes, asyncio.Future[KnownReply | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def reply(self, name: bytes) -> KnownReply | None:
        """What was answered to a request; None where nothing was.

        Raises:
            DatabaseError: the database does not tell.
        """
        answer: asyncio.Future[KnownReply | None] = asyncio.get_running_loop().create_future()
        # Requests of one key take turns: nobody else waits for the same.
        self._waiting[name] = answer
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await self._read(list(asked))
            except Exception as error:  # noqa: BLE001 - those who wait raise it
                _settle(asked.values(), error)
            else:
                for name, answer in asked.items():
                    _settle([answer], found.get(name))


def _settle(
    answers: Iterable[asyncio.Future[KnownReply | None]], result: KnownReply | Exception | None
) -> None:
    for answer in answers:
        if answer.done():  # whoever asked has gone
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
