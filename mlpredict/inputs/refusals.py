"""What a decoder raised → why there is no image, in words a person understands."""

from __future__ import annotations

import re
import struct

from PIL import Image, UnidentifiedImageError

from mlpredict.inputs.kinds import begun_as, how_to_convert, unreadable_kind
from mlpredict.inputs.limits import Limits
from mlpredict.support.units import in_bytes, in_pixels

# What Pillow knows of, and what is no picture.
NO_PICTURES = {
    "HDF5": "HDF5",
    "GRIB": "GRIB",
    "BUFR": "BUFR",
    "MPEG": "MPEG",
    "IPTC": "IPTC",
    "MCIDAS": "McIdas",
}
# Pillow's names for formats, where a person has another.
FORMAT_NAMES = {"JPEG2000": "JPEG 2000", "WEBP": "WebP", "MPO": "JPEG", "HEIF": "HEIC", "JXL": "JPEG XL"}
# What of a file a decoder has not: its own words are those of its source code.
LACKING = {
    "its compression": re.compile(r"compression|codec", re.IGNORECASE),
    "its colour masks": re.compile(r"bitfields", re.IGNORECASE),
    "its kind of pixels": re.compile(r"pixel|mode|bit|depth|colou?r", re.IGNORECASE),
}
ENDS_EARLY = re.compile(
    r"truncat|unexpected end|unrecognized data stream|not enough|too short|incomplete|only got|reached eof",
    re.IGNORECASE,
)
UNSUPPORTED = re.compile(r"unsupported|not supported|not implemented|unknown|unimplemented", re.IGNORECASE)
LONGEST = 100


def reason(error: Exception, content: bytes, format_: str | None, limits: Limits) -> str:
    """Why a file gives no image; `format_` is what Pillow took it for, if for anything."""
    if format_ in NO_PICTURES:
        return f"a file of {NO_PICTURES[format_]}, which holds no picture"
    format_ = FORMAT_NAMES.get(format_ or "", format_) or begun_as(content)
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
    lacking = next((told for told, pattern in LACKING.items() if pattern.search(words)), None)
    return f"a kind of {file} that cannot be decoded" + (f" ({lacking})" if lacking else "")


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
