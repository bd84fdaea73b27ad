"""Only requests that are being answered count, and health is answered whatever else waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mlpredict.web import app as app_module
from mlpredict.web.app import Limited


def test_health_is_answered_however_many_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "MOST_REQUESTS", 2)

    async def main() -> dict[str, int]:
        gate = asyncio.Event()
        statuses: dict[str, int] = {}

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/slow":
                await gate.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        limited = Limited(answer)

        async def ask(path: str) -> None:
            async def send(message: Any) -> None:
                statuses[path] = message.get("status", statuses.get(path))

            await limited({"type": "http", "path": path, "method": "GET"}, None, send)  # type: ignore[arg-type]

        slow = [asyncio.ensure_future(ask("/slow")) for _ in range(2)]
        await asyncio.sleep(0)
        for path in ("/healthz", "/readyz", "/v1/model"):
            await ask(path)
        gate.set()
        await asyncio.gather(*slow)
        await ask("/docs")
        return statuses

    assert asyncio.run(main()) == {
        "/healthz": 200,
        "/readyz": 200,
        "/v1/model": 503,
        "/slow": 200,
        "/docs": 200,
    }
