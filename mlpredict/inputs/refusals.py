"""What a decoder raised → why there is no image, in words a person understands."""

from __future__ import annotations

import re
import struct

from PIL import Image, UnidentifiedImageError

from mlpredict.inputs.kinds import begun_as, how_to_convert, unreadable_kind
from mlpredict.inputs.limits import Limits
from mlpredict.support.units import in_bytes, in_pixels

# Pillow's own words, where they are about the file; what Python says of its objects helps nobody.
TOLD_BY_PILLOW = (OSError, SyntaxError, ValueError, RuntimeError)
NOT_ABOUT_THE_FILE = re.compile(
    r"b'|object|unpack|literal|buffer|argument|index|bytes|codec|tuple|sequence|attribute|range|string|str\b"
    r"|\bint\b|float|decoder error|cannot load this image|broken data stream|error code|tile cannot extend"
    r"|\bNone|integer|errno|raw mode|memory|cannot find loader|compressed data|decompress|recursion"
    r"|^bad image data$",
    re.IGNORECASE,
)
ENDS_EARLY = re.compile(
    r"truncat|unexpected end|unrecognized data stream|not enough|too short|incomplete|only got|reached eof",
    re.IGNORECASE,
)
UNSUPPORTED = re.compile(r"unsupported|not supported|not implemented|unknown|unimplemented", re.IGNORECASE)
LONGEST = 100


def reason(error: Exception, content: bytes, format_: str | None, limits: Limits) -> str:
    """Why a file gives no image; `format_` is what Pillow took it for, if for anything."""
    format_ = format_ or begun_as(content)
    words = str(error).strip().partition("\n")[0][:LONGEST]
    match error:
        case UnidentifiedImageError():
            return _unidentified(content)
        case MemoryError():
            return _takes_too_much(limits)
        case Image.DecompressionBombError():
            return _bomb(words, limits)
        case EOFError() | struct.error():
            return "truncated"
    if "out of memory" in words.lower():
        return _takes_too_much(limits)
    if ENDS_EARLY.search(words):
        return "truncated"
    if "MAX_TEXT" in words:
        return "too large: text or a colour profile in it, once unpacked"
    if isinstance(error, NotImplementedError) or UNSUPPORTED.search(words):
        return _of_a_kind(words, format_)
    if words and isinstance(error, TOLD_BY_PILLOW) and not NOT_ABOUT_THE_FILE.search(words):
        return f"damaged: {_lower_first(words)}"
    return f"damaged: its {format_ or 'image'} data cannot be decoded"


def _takes_too_much(limits: Limits) -> str:
    return f"too large: decoding it takes more than {in_bytes(limits.memory)} of memory"


def _bomb(words: str, limits: Limits) -> str:
    count = re.search(r"\d+", words)
    told = in_pixels(int(count[0])) if count else "the image"
    if count and int(count[0]) <= limits.max_pixels:
        return f"too large: {told} take more than {in_bytes(limits.memory)} of memory"
    return f"too large: {told}, limit {in_pixels(limits.max_pixels)}"


def _of_a_kind(words: str, format_: str | None) -> str:
    file = f"{format_} file" if format_ else "file"
    return f"a kind of {file} that cannot be decoded" + (f" ({_lower_first(words)})" if words else "")


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


def _unidentified(content: bytes) -> str:
    if kind := unreadable_kind(content):
        return f"a {kind} file; {how_to_convert(kind)}"
    if name := begun_as(content):
        return f"damaged: it begins as {name} and does not go on as such"
    if b"PNG" in content[:8].upper():
        return "damaged: it begins almost as PNG, as if it had been sent as text"
    return "not an image" if _looks_like_text(content) else "not an image, or of an unknown format"


def _looks_like_text(content: bytes) -> bool:
    head = content[:1024]
    return b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
