"""What goes wrong with a request, each with the status that says so."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from mlpredict.errors import Cancelled, DatabaseError, DatabaseRefuses, first_line
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)


class RequestError(Exception):
    """The request cannot be answered; the docstring of a kind is what the client is told."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    retry_after: ClassVar[int | None] = None
    """In seconds, where the same may succeed later."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or first_line(type(self))
        super().__init__(self.detail)


class Ambiguous(RequestError):
    """The request has a header twice that it may have once."""


class MalformedKey(RequestError):
    """An Idempotency-Key has 1 to 255 signs of ASCII; quote it where it has spaces or punctuation."""


class KeyReused(RequestError):
    """This Idempotency-Key was sent with another request; a new request needs a new key."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class StillWorking(RequestError):
    """The request of this Idempotency-Key is still being answered; try again in a moment."""

    status = HTTPStatus.CONFLICT
    retry_after = 1


class MalformedForm(RequestError):
    """The body is no multipart form."""


class ClientGone(RequestError):
    """The client has hung up."""


class TooSlow(RequestError):
    """The request took too long to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(RequestError):
    """The request is too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NotAnImage(RequestError):
    """None of the files is an image."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(RequestError):
    """The form has no file in a field named file."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Missing(RequestError):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Unauthorized(RequestError):
    """This server asks for a token: Authorization: Bearer TOKEN."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(RequestError):
    """This is not for other sites."""

    status = HTTPStatus.FORBIDDEN


class NotAllowed(RequestError):
    """The role that this server has in the database may not change this; the server's log says more."""

    status = HTTPStatus.FORBIDDEN


class ReadOnlyNow(RequestError):
    """The database may only be read, and nothing in it be changed."""

    status = HTTPStatus.CONFLICT


class OneOfPages(RequestError):
    """The image is a page of several, whose file has one label: mlpredict label FILE LABEL gives it that."""

    status = HTTPStatus.CONFLICT


class Busy(RequestError):
    """Too many images are waiting already; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 1


class Crowded(RequestError):
    """Too many requests are being answered already; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 1


class TooMuchWork(RequestError):
    """The images take too long to decode, and none was stored; send fewer at a time."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 5


class ChangesWait(RequestError):
    """What changes the database waits for others too long; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 5


class ReportsWait(RequestError):
    """Other reports are being made already; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 5


class TooLong(RequestError):
    """This takes the database too long; choose fewer predictions by a filter."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class DatabaseAway(RequestError):
    """The database does not answer at the moment; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 2


class DatabaseRefusing(RequestError):
    """The database refuses what this needs, and would again; the server's log says why."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def unavailable(error: DatabaseError) -> RequestError:
    """What a client is told of a database's error; it is logged, with what to do about it."""
    if isinstance(error, Cancelled):
        return TooLong()
    logger.error(error.in_full)
    return DatabaseRefusing() if isinstance(error, DatabaseRefuses) else DatabaseAway()
