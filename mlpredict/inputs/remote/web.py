"""One image from an address of the web: so many bytes and redirects, and from nothing but the web."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from email.message import Message
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    getproxies,
)

from mlpredict.inputs.reading import READ_BYTES, TooManyBytes, Unusable, too_many_bytes
from mlpredict.inputs.remote.names import URI_SAFE, NotFetched, web_address
from mlpredict.inputs.remote.stores import LONGEST_SECONDS, STALLED_SECONDS

REDIRECTS = 5
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.2
TRY_AGAIN = frozenset([408, 425, 429, 500, 502, 503, 504])
"""Statuses that may be others the next time (RFC 9110)."""
ESCAPED = "%?"


class _FewRedirects(HTTPRedirectHandler):
    """Follows redirects to addresses that could have been named themselves."""

    max_redirections = REDIRECTS

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        try:
            web_address(newurl)
        except NotFetched as reason:
            raise Unusable(f"redirected to another address: {reason}") from reason
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def get(url: str, max_bytes: int, take_room: Callable[[int], None]) -> bytes:
    """What lies at an address; `take_room` is told how many bytes it has, before they are read.

    Raises:
        Unusable: with the reason.
        TooManyBytes: it has more than are allowed.
    """
    began = time.monotonic()
    wait = FIRST_WAIT_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _get_once(url, max_bytes, take_room, began)
        except _MayPass as reason:
            if attempt == ATTEMPTS:
                raise Unusable(f"{reason}, tried {ATTEMPTS} times") from reason
            time.sleep(wait)
            wait *= 2
    raise AssertionError


class _MayPass(Exception):
    """What may go better the next time."""


def _get_once(url: str, max_bytes: int, take_room: Callable[[int], None], began: float) -> bytes:
    try:
        request = Request(_ascii(url), headers={"User-Agent": "mlpredict"})  # noqa: S310 - see _opener
        with _opener().open(request, None, STALLED_SECONDS) as answer:
            size = _size_of(answer.headers)
            if size > max_bytes:
                raise TooManyBytes(too_many_bytes(size, max_bytes))
            take_room(size or max_bytes)
            content = _read(answer, max_bytes, began)
    except HTTPError as error:
        error.close()
        # What urllib says of too many redirects has lines.
        told = f"the server answers {error.code} {str(error.reason).partition(chr(10))[0]}"
        if error.code in TRY_AGAIN:
            raise _MayPass(told) from None
        raise Unusable(told) from None
    except URLError as error:
        raise _MayPass(f"no answer: {getattr(error.reason, 'strerror', None) or error.reason}") from None
    except UnicodeError as error:  # of a host with a part that is empty, or longer than there can be
        raise Unusable(f"not the name of a host: {error}") from None
    except (http.client.HTTPException, OSError) as error:
        raise _MayPass(f"the connection was cut: {type(error).__name__}") from None
    if len(content) < size:
        raise _MayPass("the connection was cut")
    return content


def _size_of(headers: Message) -> int:
    """What the server says that is coming; 0 where it says nothing, or no number."""
    told = headers.get("Content-Length", "").strip()
    return int(told) if told.isascii() and told.isdigit() else 0


def _read(answer: IO[bytes], max_bytes: int, began: float) -> bytes:
    parts, length = [], 0
    while part := answer.read(min(READ_BYTES, max_bytes + 1 - length)):
        parts.append(part)
        length += len(part)
        if length > max_bytes:
            raise TooManyBytes(too_many_bytes(None, max_bytes))
        if time.monotonic() - began > LONGEST_SECONDS:
            raise Unusable(f"takes longer than {LONGEST_SECONDS // 60} minutes")
    return b"".join(parts)


def _opener() -> OpenerDirector:
    """What opens addresses of the web and nothing else: urllib's own would open files, too."""
    opener = OpenerDirector()
    for handler in (HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor):
        opener.add_handler(handler())
    # What is asked in the clear lies on this machine: no other one is to see it.
    proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme != "http"}
    opener.add_handler(ProxyHandler(proxies))
    opener.add_handler(_FewRedirects())
    return opener


def _ascii(url: str) -> str:
    """The address in ASCII: what is escaped is left as it is, and a host is as IDNA has it."""
    parts = urlsplit(url)
    if not parts.netloc.isascii():
        parts = parts._replace(netloc=parts.netloc.encode("idna").decode("ascii"))
    return quote(parts._replace(fragment="").geturl(), safe=URI_SAFE + ESCAPED + "[]")
