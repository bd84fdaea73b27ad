"""Changes are made a few at a time, and what the database does not allow has a status of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from mlpredict.api.connections import Connections
from mlpredict.errors import NotPermitted, ReadOnly
from mlpredict.web import changes as changes_module
from mlpredict.web.changes import AT_ONCE, Changes
from mlpredict.web.errors import ChangesWait, NotAllowed, ReadOnlyNow, RequestError


def run(test: Callable[[Changes], Awaitable[None]]) -> None:
    async def main() -> None:
        changes = Changes(Connections(None, 0))
        await test(changes)
        await asyncio.to_thread(changes.close)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "kind", "status"), [(NotPermitted, NotAllowed, 403), (ReadOnly, ReadOnlyNow, 409)]
)
def test_what_is_not_allowed_has_its_status(
    error: type[Exception], kind: type[RequestError], status: int
) -> None:
    def change(_database: Connections) -> None:
        raise error

    async def test(changes: Changes) -> None:
        with pytest.raises(kind) as refused:
            await changes.make(change)
        assert refused.value.status == status

    run(test)


def test_few_are_made_at_a_time_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "SECONDS", 0.05)
    go = threading.Event()
    made = []

    def change(_database: Connections) -> None:
        go.wait(60)
        made.append(1)

    async def test(changes: Changes) -> None:
        waiting = [asyncio.ensure_future(changes.make(change)) for _ in range(AT_ONCE + 3)]
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in ends} == {ChangesWait}
        go.set()
        while len(made) < AT_ONCE:
            await asyncio.sleep(0.005)
        assert await changes.make(lambda _database: "done") == "done"
        assert len(made) == AT_ONCE

    run(test)
