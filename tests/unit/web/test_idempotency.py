"""Keys are read as they are written, and requests of the same one do not get in each other's way."""

from __future__ import annotations

import asyncio

import pytest

from mlpredict.domain import KnownReply, Reply
from mlpredict.errors import DatabaseError
from mlpredict.web import idempotency
from mlpredict.web.errors import MalformedKey, StillWorking
from mlpredict.web.idempotency import Keys, Lookups, digest_of, digest_of_files, key_of, scope_of
from mlpredict.web.uploads import UploadedFile


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (b"8e03978e-40d5-43dd", b"8e03978e-40d5-43dd"),
        (b'"8e03978e-40d5-43dd"', b"8e03978e-40d5-43dd"),
        (b'  "a b"  ', b"a b"),
        (rb'"a \"b\" \\c"', rb'a "b" \c'),
        (b"a:b/c+d=e~f._!", b"a:b/c+d=e~f._!"),
        (b"x" * 255, b"x" * 255),
    ],
)
def test_a_key_is_what_is_in_the_quotes_or_all_of_it(header: bytes, key: bytes) -> None:
    assert key_of([(b"host", b"x"), (b"idempotency-key", header)]) == key


def test_most_requests_have_none() -> None:
    assert key_of([(b"host", b"x")]) is None


@pytest.mark.parametrize(
    "header",
    [b"", b'""', b'"', b'"a', b'a"', rb'"a\b"', b"a b", b"a,b", b"a;b", b"a\\b", b'"\xc3\xa4"', b"x" * 256],
)
def test_anything_else_is_none(header: bytes) -> None:
    with pytest.raises(MalformedKey):
        key_of([(b"idempotency-key", header)])


def test_parts_are_told_apart() -> None:
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])
    one, two = UploadedFile("a", None, b"bc"), UploadedFile("ab", None, b"c")
    assert digest_of_files([one]) != digest_of_files([two])
    assert digest_of_files([one]) == digest_of_files([UploadedFile("a", None, b"bc")])


def test_tokens_routes_and_models_have_their_own_keys() -> None:
    scopes = [scope_of(None), scope_of(b"one"), scope_of(b"two")]
    assert len(set(scopes)) == 3
    assert scope_of(b"one") == scopes[1]
    keys = Keys(scopes[0])
    assert keys.name("/a", b"k") == Keys(scopes[0]).name("/a", b"k")
    assert len({keys.name("/a", b"k"), keys.name("/b", b"k"), Keys(scopes[1]).name("/a", b"k")}) == 3


def test_the_second_waits_for_the_first_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(b"")
    order: list[str] = []

    async def one(name: bytes, word: str, seconds: float) -> None:
        async with keys.turn(name):
            await asyncio.sleep(seconds)
            order.append(word)

    async def main() -> None:
        await asyncio.gather(one(b"a", "first", 0.05), one(b"a", "second", 0), one(b"b", "other", 0))
        assert order == ["other", "first", "second"]
        monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.02)
        async with keys.turn(b"a"):
            with pytest.raises(StillWorking):
                await one(b"a", "late", 0)
        await one(b"a", "after", 0)
        assert order[3:] == ["after"]
        assert not keys._locks

    asyncio.run(main())


def test_replies_are_looked_up_together() -> None:
    known = KnownReply(bytes(32), Reply(200, b"{}"))
    asked: list[list[bytes]] = []

    async def read(names: list[bytes]) -> dict[bytes, KnownReply]:
        asked.append(names)
        await asyncio.sleep(0.01)
        if b"bad" in names:
            raise DatabaseError("gone")
        return {name: known for name in names if name.startswith(b"k")}

    async def main() -> None:
        lookups = Lookups(read)
        names = [b"%c%d" % (letter, number) for letter in b"ku" for number in range(20)]
        found = await asyncio.gather(*map(lookups.reply, names))
        assert found == [known] * 20 + [None] * 20
        assert sum(map(len, asked)) == 40
        assert len(asked) <= 2
        failed = await asyncio.gather(*map(lookups.reply, [b"bad", b"k"]), return_exceptions=True)
        assert [type(one) for one in failed] == [DatabaseError, DatabaseError]
        assert await lookups.reply(b"k") == known

    asyncio.run(main())
