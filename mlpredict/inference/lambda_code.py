"""The bytecode in a Lambda layer: only the Python that wrote it can run it, and nothing in it says which.

What tells is the form: Python changed how a code object is written in 3.8 and 3.11, and how its
instructions are numbered and spaced in nearly every version since. Other bytecode does not fail
cleanly: it crashes the process, or computes something else.
"""

from __future__ import annotations

import binascii
import codecs
import dis
import marshal
import struct
import sys
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

# CPython's Python/marshal.c: a code object, and the string of bytes that holds its instructions.
TYPE_CODE, TYPE_BYTES, FLAG_REF = ord("c"), ord("s"), 0x80

INSTRUCTIONS_AT = 1 + 5 * 4
"""Since 3.11 five numbers of 4 bytes come before the instructions: arguments (three kinds), stack, flags."""

PREFIX = frozenset({"COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP"})
"""What may come before the instruction that every function begins with since 3.11."""


def codes_in(described: Mapping[str, Any]) -> Iterator[str]:
    """The bytecode in the configuration of a Lambda layer, or of a lambda, as text.

    Keras 1 and 2 keep `[code, defaults, closure]` in the layer or in a `__lambda__`, Keras 3 keeps
    it by names.
    """
    config = described.get("config")
    if not isinstance(config, Mapping):
        return
    for key in ("function", "output_shape", "mask", "value", "code"):
        match config.get(key):
            case [str() as code, *_] if key != "code" and config.get(f"{key}_type", "lambda") == "lambda":
                yield code
            case str() as code if key == "code":
                yield code


def looks_like_ours(code: str) -> bool:
    """Whether bytecode may be of this Python; it is not taken apart for that."""
    raw = _raw(code)
    head = INSTRUCTIONS_AT + 5
    if len(raw) < head or raw[0] & ~FLAG_REF != TYPE_CODE or raw[INSTRUCTIONS_AT] & ~FLAG_REF != TYPE_BYTES:
        return False
    (length,) = struct.unpack_from("<I", raw, INSTRUCTIONS_AT + 1)
    for operation in raw[head : head + length : 2]:
        name = dis.opname[operation]
        if name not in PREFIX:
            return name == "RESUME"
    return False


def is_ours(code: str) -> bool:
    """Whether bytecode is of this Python: every instruction is known, and where it should be.

    For trusted files alone: taking bytecode apart may crash on what was made to.
    """
    if not looks_like_ours(code):
        return False
    try:
        function = marshal.loads(_raw(code))  # noqa: S302 - the file is trusted
    except (ValueError, EOFError, TypeError):
        return False
    return isinstance(function, CodeType) and _is_well_formed(function)


def _is_well_formed(function: CodeType) -> bool:
    try:
        instructions = list(dis.get_instructions(function))
    except (IndexError, ValueError, KeyError, TypeError):
        return False
    if any(one.opname == "CACHE" or one.opname.startswith("<") for one in instructions):
        return False
    ends = [*(one.offset for one in instructions[1:]), len(function.co_code)]
    # Behind some instructions is room for the interpreter's own notes, empty when it is written.
    if any(any(function.co_code[one.offset + 2 : end]) for one, end in zip(instructions, ends, strict=True)):
        return False
    return all(_is_well_formed(inner) for inner in function.co_consts if isinstance(inner, CodeType))


def this_python() -> str:
    """The version of this Python, as people say it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _raw(code: str) -> bytes:
    """Base64 since Keras 2.1; before that every byte was a character."""
    try:
        return codecs.decode(code.encode("ascii"), "base64")
    except (UnicodeEncodeError, binascii.Error):
        return code.encode("raw_unicode_escape")
