"""The script that pg_restore prints of a dump: statements and rows, in the schema that they are to go into.

PostgreSQL's programs restore into schemas of the dump's own names only. All names in a script have their
schema in front, so another one can be put there: outside of strings, comments and functions' bodies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import IO, NamedTuple

from mlpredict.errors import DatabaseError

PIECE_BYTES = 1 << 20
"""What is sent at once, or a little more."""

WORD = rb"[A-Za-z_\x80-\xff][\w$\x80-\xff]*"
NAME = rb"(?:" + WORD + rb'|"(?:[^"]|"")*")'
STRING = rb"'(?:[^']|'')*'"

COPY = re.compile(rb"COPY .* FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
FOR_PSQL_ALONE = re.compile(rb"\\(?:un)?restrict [0-9A-Za-z]+\n")
"""It keeps psql from obeying backslashes in a dump; here nobody does."""

TRANSACTION = (b"BEGIN;\n", b"COMMIT;\n")
"""There is one around all of it already."""

ENCODING = b"SET client_encoding "
"""What follows is to be read otherwise, so it is sent apart."""

OPENING = re.compile(rb"--|/\*|'|\"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$")
ESCAPING = re.compile(rb"(?:\A|[^\w$\x80-\xff])[eE]\Z")
ESCAPED_END = re.compile(rb"(?:[^'\\]|\\.)*'", re.DOTALL)

MADE_PREDICTIONS = re.compile(
    rb"^CREATE (?:UNLOGGED )?TABLE (" + NAME + rb")\.predictions \(\n(.*?)^\)", re.MULTILINE | re.DOTALL
)
INPUT_ID = re.compile(rb"^ *inputid ", re.MULTILINE)

TOKEN = re.compile(
    rb"""
      ^CREATE[ ]SCHEMA[ ](?P<made>NAME);\n
    | ^COMMENT[ ]ON[ ]SCHEMA[ ](?P<told>NAME)[ ]IS[ ]E?STRING;\n
    | (?P<extending>WITH[ ]SCHEMA[ ])(?P<extended>NAME)
    | (?P<setting>SET[ ]"?search_path"?[ ]TO[ ])(?P<path>STRING(?:,[ ]STRING)*)
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<body>\$(?P<tag>(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?)\$.*?\$(?P=tag)\$)
    | (?P<escaped>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<calling>(?:pg_catalog\.)?setval\()?(?P<string>STRING)(?P<cast>::(?:pg_catalog\.)?reg[a-z]+)?
    | (?P<before>\.?)(?P<name>NAME)(?P<rest>(?:\.(?:NAME)?)*)
    """.replace(b"NAME", NAME).replace(b"STRING", STRING),
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
EACH_STRING = re.compile(STRING)
LEADING_NAME = re.compile(b"(" + NAME + rb")(?=\.)")


class Torn(DatabaseError):
    """The script ends in the middle."""


class Statements(NamedTuple):
    """Text for the server."""

    text: bytes

    @property
    def sets_encoding(self) -> bool:
        """Whether the text behind it is to be read otherwise."""
        return self.text.startswith(ENCODING, self.text.rfind(b"\n", 0, -1) + 1)


class Rows(NamedTuple):
    """A `COPY … FROM stdin`, and what is copied; to be read before the next piece is asked for."""

    statement: bytes
    data: Iterator[bytes]


def pieces(script: IO[bytes]) -> Iterator[Statements | Rows]:
    """What a script consists of, in its order, none of it much larger than `PIECE_BYTES`.

    Raises:
        Torn: it ends within a statement or the rows of a table.
        DatabaseError: it has commands for psql.
    """
    held: list[bytes] = []
    size = 0
    quotes = _Quotes()
    while line := script.readline():
        if quotes.are_closed:
            if COPY.fullmatch(line):
                yield Statements(b"".join(held))
                held, size = [], 0
                yield Rows(line, _rows(script))
                continue
            if line in TRANSACTION or FOR_PSQL_ALONE.fullmatch(line):
                continue
            if line.startswith(b"\\"):
                raise DatabaseError(f"it has a command for psql: {line.decode(errors='replace').strip()}")
        quotes.read(line)
        held.append(line)
        size += len(line)
        if quotes.are_closed and (
            line.startswith(ENCODING) or (size >= PIECE_BYTES and line.endswith(b";\n"))
        ):
            yield Statements(b"".join(held))
            held, size = [], 0
    if not quotes.are_closed:
        raise Torn
    yield Statements(b"".join(held))


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size, begins = 0, True
    while part := script.readline(PIECE_BYTES):
        if begins and part == END_OF_ROWS:
            yield b"".join(held)
            return
        begins = part.endswith(b"\n")
        held.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    raise Torn


class _Quotes:
    """Whether a line begins within a string, a name, a comment or a body that an earlier one has begun."""

    def __init__(self) -> None:
        self._open = b""
        self._escapes = False

    @property
    def are_closed(self) -> bool:
        return not self._open

    def read(self, line: bytes) -> None:
        """Go on to the end of a line."""
        at = 0
        while at < len(line):
            at = self._close(line, at) if self._open else self._find_opening(line, at)

    def _find_opening(self, line: bytes, at: int) -> int:
        found = OPENING.search(line, at)
        if found is None or found[0] == b"--":
            return len(line)
        self._open = b"*/" if found[0] == b"/*" else found[0]
        self._escapes = found[0] == b"'" and bool(
            ESCAPING.search(line[max(found.start() - 2, 0) : found.start()])
        )
        return found.end()

    def _close(self, line: bytes, at: int) -> int:
        if self._escapes:
            found = ESCAPED_END.match(line, at)
            end = found.end() if found else -1
        else:
            end = line.find(self._open, at)
            end = end if end < 0 else end + len(self._open)
        if end < 0:
            return len(line)
        self._open = b""
        return end


def schemas_of(text: bytes) -> list[bytes]:
    """The schemas in which statements make a table `predictions` like ours or the 2020 program's."""
    made = MADE_PREDICTIONS.findall(text)
    return [unquoted(name) for name, columns in made if INPUT_ID.search(columns)]


def unquoted(name: bytes) -> bytes:
    """A name as it is, from a name in SQL."""
    return name[1:-1].replace(b'""', b'"') if name.startswith(b'"') else name


def renaming(old: bytes, new: bytes, quoted: bytes) -> Callable[[bytes], bytes]:
    """What puts the schema `new`, as SQL `quoted`, in the place of `old`; it is taken to be there."""

    def of_name(name: bytes) -> bytes:
        return quoted if unquoted(name) == old else name

    def of_path(path: bytes) -> bytes:
        return EACH_STRING.sub(lambda one: _literal(new) if one[0] == _literal(old) else one[0], path)

    def of_string(string: bytes) -> bytes:
        inside = string[1:-1].replace(b"''", b"'")
        return _literal(LEADING_NAME.sub(lambda one: of_name(one[1]), inside, count=1))

    def of_token(token: re.Match[bytes]) -> bytes:
        match token.lastgroup:
            case "made" | "told" as what if unquoted(token[what]) == old:
                return b""
            case "extended":
                return token["extending"] + of_name(token["extended"])
            case "path":
                return token["setting"] + of_path(token["path"])
            case "string" | "cast" if token["calling"] or token["cast"]:
                return (token["calling"] or b"") + of_string(token["string"]) + (token["cast"] or b"")
            case "rest" if token["rest"] and not token["before"]:
                return of_name(token["name"]) + token["rest"]
        return token[0]

    return lambda text: TOKEN.sub(of_token, text)


def _literal(text: bytes) -> bytes:
    return b"'" + text.replace(b"'", b"''") + b"'"


def choose(found: Collection[bytes], wanted: bytes) -> bytes:
    """Which of the schemas with our tables is meant.

    Raises:
        DatabaseError: there is none, or there are several and none is the one that is wanted.
    """
    if wanted in found:
        return wanted
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise DatabaseError("it is a dump without mlpredict's tables")
    names = ", ".join(name.decode(errors="replace") for name in found)
    raise DatabaseError(
        f"it holds mlpredict's tables in several schemas: {names}",
        hint="the search path of the DSN must begin with one of these",
    )
