"""Names for files and folders, whatever the database says that an image or a label is called."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import PurePosixPath

from mlpredict.support.printable import printable

NAME_BYTES = 255
"""The longest name that usual file systems take."""

SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".dib", ".bmp"),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k"),
    "HEIF": (".heic", ".heif", ".hif"),
    "PPM": (".pnm", ".pgm", ".ppm", ".pbm"),
}
"""What a file of a format is called; a name that has any of its format's suffixes is kept as it is."""

NO_IMAGE = (".bin",)
"""Nothing opens it by itself."""

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
RESERVED_CHARACTERS = frozenset('<>:"/\\|?*%')
RESERVED_NAMES = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE
)
"""Names of devices on Windows, whatever suffix they have."""

BLOOM_BITS = 1 << 24
BLOOM_HASHES = 4


def image_name(stored: str | None, kind: str | None, otherwise: str) -> str:
    """The last part of a stored name, with the suffix of its format; `otherwise` where that is no name.

    `kind` is the format by Pillow's name, None for what is no image. Nothing in the name leads to another
    folder, hides the file, or is taken for an option or a command.
    """
    last = PurePosixPath((stored or "").replace("\\", "/")).name
    name = printable(last).lstrip(".-").replace("/", "_").replace("\\", "_")
    suffixes = NO_IMAGE if kind is None else SUFFIXES.get(kind, (f".{kind.lower()}",))
    name = name or otherwise
    if not name.lower().endswith(suffixes):
        name += suffixes[0]
    return name if len(os.fsencode(name)) <= NAME_BYTES else otherwise + suffixes[0]


def portable(name: str) -> str:
    """The name with what Windows does not take replaced, and none of its devices."""
    stem = "".join("_" if one in RESERVED_CHARACTERS else one for one in name).rstrip(". ")
    return f"_{stem}" if RESERVED_NAMES.fullmatch(stem) else stem


def with_mark(name: str, mark: str) -> str:
    """The name with a mark before its suffix, shortened where it would be too long.

    Example:
        >>> with_mark("7.png", "1f3c")
        '7-1f3c.png'
    """
    stem, suffix = os.path.splitext(name)
    end = f"-{mark}{suffix}"
    return _shortened(stem, NAME_BYTES - len(os.fsencode(end))) + end


def folder_name(label: str) -> str:
    """A folder for a label: itself where every system takes that, else with %XX for what one does not.

    Different labels have different folders, but for capitals and the two ways to write accents.

    Example:
        >>> folder_name("cat"), folder_name("a/b"), folder_name(".."), folder_name("con")
        ('cat', 'a%2Fb', '%2E%2E', '%63on')
    """
    escaped = "".join(one if _is_plain(one) else _percent(one) for one in label)
    if not escaped:
        return "%"
    if escaped[0] == "." or RESERVED_NAMES.fullmatch(escaped):
        escaped = _percent(escaped[0]) + escaped[1:]
    if escaped[-1] in ". ":
        escaped = escaped[:-1] + _percent(escaped[-1])
    if len(escaped.encode()) > NAME_BYTES:
        escaped = f"{_shortened(escaped, NAME_BYTES - 9)}-{digest_of(label)}"
    return escaped


def same_folder(name: str) -> str:
    """What names have in common that a file system may take for one and the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def digest_of(text: str) -> str:
    """Eight hexadecimal digits that tell texts apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


class Folders:
    """The folders of labels, no two of which are one to any file system."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, label: str) -> str:
        """The folder of a label; that of one which differs by capitals alone has a mark."""
        folder = self._folders.get(label)
        if folder is None:
            folder = folder_name(label)
            if same_folder(folder) in self._taken:
                folder = f"{_shortened(folder, NAME_BYTES - 9)}-{digest_of(label)}"
            self._taken.add(same_folder(folder))
            self._folders[label] = folder
        return folder


class Names:
    """Names that were given already, in two megabytes, however many there are.

    Among a million one of 400 is taken for given that is not, which costs it a mark.
    """

    def __init__(self) -> None:
        self._bits = bytearray(BLOOM_BITS // 8)

    def is_new(self, name: str) -> bool:
        """Whether a name is given for the first time, to any file system; it is given then."""
        digest = hashlib.blake2b(same_folder(name).encode("utf-8", "surrogatepass")).digest()
        new = False
        for start in range(0, 8 * BLOOM_HASHES, 8):
            place = int.from_bytes(digest[start : start + 8]) % BLOOM_BITS
            mask = 1 << (place & 7)
            new = new or not self._bits[place >> 3] & mask
            self._bits[place >> 3] |= mask
        return new


def _is_plain(character: str) -> bool:
    return character not in RESERVED_CHARACTERS and printable(character) == character


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _shortened(text: str, most: int) -> str:
    """As much of the beginning as has so many bytes."""
    return os.fsencode(text)[:most].decode("utf-8", "ignore")
