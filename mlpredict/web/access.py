"""Who may ask: nobody without the token where there is one, and no other site where there is none."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlpredict.web.errors import Ambiguous, Forbidden, RequestError, Unauthorized
from mlpredict.web.responses import error_response

ALIVE = "/healthz"
READY = "/readyz"
STATIC = "/static/"
DOCS = "/docs"
MANUAL = "/manual"
REPORT = "/report"
REVIEW = "/review"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE = ("same-origin", "none")

Request_ = Mapping[str, Any]
"""A request, as ASGI describes it."""

ONLY_ONCE = (b"host", b"authorization", b"idempotency-key")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask.

    `token` is the bearer token that every call needs; `hosts` are the names that a request may call
    the server by, in lower case and without a port: another name is one that a foreign site has made
    lead here (DNS rebinding). None is no restriction. `origins` are the other sites whose pages may ask.
    """

    token: bytes | None = None
    hosts: frozenset[str] | None = None
    origins: tuple[str, ...] = ()

    def check(self, scope: Request_) -> None:
        """Let a request pass, or say why it is not to be answered.

        Raises:
            Ambiguous: it says twice whom it asks, or who asks.
            Unauthorized: it has no key, or a wrong one.
            Forbidden: it comes from another origin or host than those allowed.
        """
        _refuse_ambiguous(scope)
        headers = dict(scope["headers"])
        if self.token is not None:
            if not _is_open(scope) and not self._has_token(headers):
                raise Unauthorized
            return
        if self.hosts is not None and _hostname(headers.get(b"host", b"")) not in self.hosts:
            raise Forbidden("This server is not reached by that name.")
        if scope["method"] in SAFE_METHODS or headers.get(b"origin", b"").decode("latin-1") in self.origins:
            return
        if _is_from_another_site(headers):
            raise Forbidden

    def _has_token(self, headers: Mapping[bytes, bytes]) -> bool:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        assert self.token is not None
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token)


def _refuse_ambiguous(scope: Request_) -> None:
    """Whoever stands before this server may have looked at the other of two headers (RFC 9112, 3.2)."""
    names = [name for name, _ in scope["headers"]]
    for name in ONLY_ONCE:
        if names.count(name) > 1:
            raise Ambiguous(f"The request has more than one header {name.decode().title()}.")


def wants_page(scope: Request_) -> bool:
    """Whether a browser asks for the page, and not a program for an answer."""
    if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
        return False
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"])


def _is_open(scope: Request_) -> bool:
    """Whether everybody may ask for this: the pages hold nothing, and ask for the token themselves."""
    path = scope["path"]
    if path in (ALIVE, READY, DOCS, MANUAL, REPORT, REVIEW) or path.startswith((STATIC, f"{MANUAL}/")):
        return True
    return wants_page(scope)


def _hostname(host: bytes) -> str:
    """The name in a Host header, without its port."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return name if colon and port.isdecimal() else text


def _is_from_another_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that another site's page sends this."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site.decode("latin-1") not in OWN_SITE
    origin = headers.get(b"origin")
    if origin is None:
        return False
    host = headers.get(b"host", b"").lower()
    return origin.lower() not in (b"http://" + host, b"https://" + host)


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
            await error_response(error, scope["path"])(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)
