"""The few files that the documents load, by addresses that change with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpredict.report_page.page import PARTS

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that a document loads."""

    content: bytes
    mediatype: str


def static_files() -> Mapping[str, StaticFile]:
    """Every file in `static/`, by its name, and what reports look like."""
    paths = [*sorted(FOLDER.iterdir()), PARTS]
    return {path.name: StaticFile(path.read_bytes(), TYPES[path.suffix]) for path in paths}


def static_version(files: Mapping[str, StaticFile]) -> str:
    """Digits that change with the content of any file, for addresses that may be cached for ever."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
    return digest.hexdigest()[:12]
