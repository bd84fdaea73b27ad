"""What decodes images here: the libraries and their versions, without importing any that is not used."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import PIL
from PIL import _imaging

DECODERS = ("imagecodecs", "pillow-heif", "tifffile")
"""The packages beside Pillow that decode, by their names on PyPI; each brings its own C libraries."""

CODECS = (
    {"libjpeg-turbo": "libjpeg_turbo_version", "libjpeg": "jpeglib_version"},
    {"zlib-ng": "zlib_ng_version", "zlib": "zlib_version"},
    {"openjpeg": "jp2klib_version"},
    {"libtiff": "libtiff_version"},
)
"""The libraries within Pillow, and what Pillow calls their versions; of two, the first that it has."""

PACKAGE_FOLDERS = ("site-packages", "dist-packages")
METADATA = ("dist-info", "egg-info")


def decoder_facts() -> dict[str, Any]:
    """Pillow, the libraries within it, and the other decoders that are installed, each with its version."""
    found = installed()
    return {
        "pillow": PIL.__version__,
        "codecs": dict(filter(None, map(_codec, CODECS))),
        "decoders": {name: found[name] for name in DECODERS if name in found},
    }


def _codec(names: Mapping[str, str]) -> tuple[str, str] | None:
    for name, attribute in names.items():
        words = str(getattr(_imaging, attribute, None) or "").split()
        # That of libtiff stands among others.
        if (version := next((word for word in words if word[0].isdigit()), None)) is not None:
            return name, version
    return None


@cache
def installed() -> dict[str, str]:
    """The versions of installed packages, by the names of their metadata's folders.

    `importlib.metadata` takes a tenth of a second for the same.
    """
    versions: dict[str, str] = {}
    for folder in sys.path:
        if os.path.basename(folder) in PACKAGE_FOLDERS:
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            for name in names:
                stem, _, kind = name.rpartition(".")
                if kind in METADATA:
                    package, _, version = stem.partition("-")
                    versions.setdefault(package.replace("_", "-").lower(), version.partition("-")[0])
    return versions
