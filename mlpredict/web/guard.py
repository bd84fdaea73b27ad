"""The door: what may not be asked is answered here."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlpredict.web.answers import error_response
from mlpredict.web.errors import RequestError
from mlpredict.web.rules import Rules

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """Answers what the rules forbid, and passes on the rest."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            self._rules.check(scope)
        except RequestError as error:
            await error_response(error)(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)
