"""What can go wrong, each kind with the exit status the command line reports it by, and in what words."""

from __future__ import annotations

from typing import ClassVar

SHOWN = 100
"""Characters of a value that a message repeats."""


class MlpredictError(Exception):
    """Something went wrong.

    The docstring of a kind is its default message. `hint` says what the user can do about it.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or first_line(type(self))
        self.hint = hint
        super().__init__(self.message)

    @property
    def in_full(self) -> str:
        """The message and what to do about it, on one line."""
        between = " " if self.message.endswith("?") else "; "
        return f"{self.message}{between}{self.hint}" if self.hint else self.message


class OutputError(MlpredictError):
    """The output cannot be written."""


class NotKept(OutputError):
    """An image cannot be put where it is to be kept."""


class UsageError(MlpredictError):
    """The command line asks for something that makes no sense."""

    exit_status = 2


class WrongValue(UsageError):
    """A parameter of a function, or the option of that name, has a value that it does not take.

    Example:
        >>> error = WrongValue("store_top", 0, "expected a number from 1 on")
        >>> error.message
        'store_top=0: expected a number from 1 on'
        >>> error.in_full
        '--store-top 0: expected a number from 1 on'
    """

    def __init__(self, name: str, given: str | int, why: str, *, hint: str | None = None) -> None:
        shown = given if isinstance(given, int) or len(given) <= SHOWN else f"{given[: SHOWN - 1]}…"
        super().__init__(f"{name}={shown!r}: {why}", hint=hint)
        self._as_option = f"--{name.replace('_', '-')} {shown}: {why}"

    @property
    def in_full(self) -> str:
        """The message as the command line words it, and what to do about it."""
        return f"{self._as_option}; {self.hint}" if self.hint else self._as_option


class ImageError(MlpredictError):
    """The image cannot be predicted."""


class DatabaseError(MlpredictError):
    """The database cannot be used."""

    exit_status = 3


class TransientDatabaseError(DatabaseError):
    """The database fails at the moment; the same may succeed when it is tried again."""


class BeingMoved(TransientDatabaseError):
    """Rows of this run are on their way into a partition, and more of them must wait until they are there."""


class DatabaseRefuses(DatabaseError):
    """The database refuses it, and would refuse it again."""


class NotPermitted(DatabaseRefuses):
    """The role may not do this in the database."""


class ReadOnly(DatabaseError):
    """The database stores nothing at the moment: it may only be read."""


class Cancelled(DatabaseError):
    """The database has given up, as it was told to."""


class NoSpace(DatabaseError):
    """The database's disk is full."""


class SchemaOutdated(DatabaseError):
    """The database does not hold the tables this version needs."""


class AlreadyAnswered(MlpredictError):
    """Requests have been answered already, and nothing was stored of them this time.

    `keys` are theirs.
    """

    def __init__(self, keys: frozenset[bytes] = frozenset()) -> None:
        super().__init__()
        self.keys = keys


class InputsGone(MlpredictError):
    """Images that were to be predicted again have been deleted; nothing was stored of their batch.

    `input_ids` are theirs.
    """

    def __init__(self, input_ids: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.input_ids = input_ids


class StoredElsewhere(MlpredictError):
    """Another process has stored some of it meanwhile, and nothing was stored this time.

    `positions` are those.
    """

    def __init__(self, positions: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.positions = positions


class ModelError(MlpredictError):
    """The model cannot be used."""

    exit_status = 4


class NotFound(MlpredictError):
    """There is no such prediction."""

    exit_status = 5


class OutOfMemory(MlpredictError):
    """There is not enough memory."""


class Interrupted(MlpredictError):
    """Ended by a Ctrl-C before everything was done."""

    exit_status = 130


class Terminated(Interrupted):
    """Ended by SIGTERM before everything was done."""

    exit_status = 143


def first_line(kind: type) -> str:
    """The first line of a docstring, which is the default message of an error."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def describe_os_error(error: OSError) -> str:
    """The reason of an `OSError` in words, without its number and without the file's name."""
    match error:
        case FileNotFoundError():
            return "no such file or folder"
        case PermissionError():
            return "no permission to read it"
        case _:
            return (error.strerror or str(error)).lower()
