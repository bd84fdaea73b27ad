"""What a file is: by its first bytes, and by its name where that says something."""

from __future__ import annotations

import os

HEAD_BYTES = 132
"""So many of a file's first bytes tell what it is: DICOM has its mark behind 128 bytes of anything."""

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"qoif": "QOI",
    b"8BPS": "Photoshop",
}
# Too short to tell an image from a text that happens to begin like one.
WEAK_SIGNATURES = {b"BM": "BMP", b"\xff\x0a": "JPEG XL"}

# Camera RAW that says so; others (NEF, ARW, DNG, PEF) are TIFF files, and only their tags tell.
RAW_SIGNATURES = {
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FUJIFILMCCD-RAW": "RAF",
    b"FOVb": "X3F",
    b"\0MRM": "MRW",
}
# At the beginning, and after eight bytes.
CR2_MARK = (b"II*\0", b"CR")

# The major and compatible brands of ISO base media files (ISO/IEC 14496-12, 23008-12), as Apple, Nokia and
# Android write them: still images, collections, bursts and sequences.
HEIC_BRANDS = frozenset(
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"]
)
AVIF_BRANDS = frozenset([b"avif", b"avis"])
CR3_BRAND = b"crx "

DICOM = "DICOM"
RAW = "camera RAW"
HEIC = "HEIC"
TIFF = "TIFF"
JPEG_XL = "JPEG XL"

BY_FIRST_BYTE: dict[bytes, list[tuple[bytes, str]]] = {}
"""What a file may be that begins with a byte: signatures and kinds, those that leave no doubt first."""

for _signature, _kind in [
    *((signature, f"{RAW} ({name})") for signature, name in RAW_SIGNATURES.items()),
    *SIGNATURES.items(),
    *WEAK_SIGNATURES.items(),
]:
    BY_FIRST_BYTE.setdefault(_signature[:1], []).append((_signature, _kind))

RAW_SUFFIXES = frozenset(
    [
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".fff",
        ".iiq",
        ".k25",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".raw",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    ]
)
DICOM_SUFFIXES = frozenset([".dcm", ".dicom", ".dic"])

HOW_TO_CONVERT = {
    DICOM: "convert it to PNG or TIFF, for example with dcmj2pnm (DCMTK)",
    RAW: "convert it to TIFF or JPEG, for example with darktable-cli or dcraw_emu (LibRaw)",
}
"""What is no picture before somebody has chosen how it is shown: tones, colours, a window of values."""

IMAGE_SUFFIXES = frozenset(
    [
        ".apng",
        ".avif",
        ".avifs",
        ".bmp",
        ".dib",
        ".gif",
        ".heic",
        ".heics",
        ".heif",
        ".heifs",
        ".hif",
        ".ico",
        ".j2c",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpc",
        ".jpe",
        ".jpeg",
        ".jpf",
        ".jpg",
        ".jpx",
        ".jxl",
        ".mpo",
        ".pbm",
        ".pcx",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".sgi",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
"""What is predicted inside a folder, whatever it holds. A file that is named is tried by any name."""


def begun_as(content: bytes) -> str | None:
    """The format that the first bytes promise, also where two of them may be chance."""
    for signature, name in BY_FIRST_BYTE.get(content[:1], ()):
        if content.startswith(signature):
            return f"{RAW} (CR2)" if signature == CR2_MARK[0] and content[8:10] == CR2_MARK[1] else name
    return _inner(content)


def certain_kind(head: bytes) -> str | None:
    """The same where the first bytes leave no doubt, whatever the file is called."""
    kind = begun_as(head)
    return None if any(map(head.startswith, WEAK_SIGNATURES)) else kind


def unreadable_kind(content: bytes) -> str | None:
    """`DICOM`, or `camera RAW (CR2)` with the maker's name for it; None for anything else."""
    kind = begun_as(content)
    return kind if is_unreadable(kind) else None


def is_unreadable(kind: str | None) -> bool:
    """Whether a kind that `begun_as` tells is no picture yet."""
    return kind is not None and (kind == DICOM or kind.startswith(RAW))


def how_to_convert(kind: str) -> str:
    """What helps with a file of a kind that `unreadable_kind` knows."""
    return HOW_TO_CONVERT[DICOM if kind == DICOM else RAW]


def suffix_of(name: str) -> str:
    """The suffix of a file's name in lower case, with its dot; empty where there is none."""
    return os.path.splitext(name)[1].lower()


def suffix_says_something(suffix: str) -> bool:
    """Whether a suffix is known to stand for a kind of file."""
    import mimetypes

    kind = mimetypes.types_map.get(suffix) if suffix else None
    return kind is not None and kind != "application/octet-stream"


def _inner(content: bytes) -> str | None:
    """Formats that have something else before what tells them."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WebP"
    if content[6:14] == b"HEAPCCDR":
        return f"{RAW} (CRW)"
    if content[4:8] == b"ftyp":
        return _of_brands(content)
    return DICOM if content[128:132] == b"DICM" else None


def _of_brands(content: bytes) -> str | None:
    length = min(int.from_bytes(content[:4]), HEAD_BYTES)
    major, rest = content[8:12], content[16 : max(16, length)]
    brands = {major, *(rest[at : at + 4] for at in range(0, len(rest), 4))}
    if major == CR3_BRAND:
        return f"{RAW} (CR3)"
    if brands & AVIF_BRANDS:
        return "AVIF"
    return HEIC if brands & HEIC_BRANDS else None
