"""The driver's version, told before the driver asks for it.

psycopg and psycopg_binary look their versions up with `importlib.metadata` when they are imported. That takes
longer than to connect and to list predictions: 16 of 307 ms of a prediction, 10 of 177 ms of a list. The name
of the folder that an installer leaves beside a package says the same.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import ModuleType

PACKAGES = ("psycopg", "psycopg_binary")
RECORD = ".dist-info"
"""The end of the folder's name: `psycopg-3.2.1.dist-info`, by "Recording installed projects" of the Python
Packaging User Guide. What is not letters and digits in a project's name is `_`."""


def tell_versions() -> None:
    """Have what the driver asks for at hand; where it is not plain, the driver looks it up as ever."""
    if "psycopg" in sys.modules or "importlib.metadata" in sys.modules:
        return
    for package in PACKAGES:
        version = _installed_version(package)
        if version is not None:
            told = ModuleType(f"{package}.version", "What the installed package's folder is called.")
            told.__dict__["__version__"] = version
            sys.modules[told.__name__] = told


def _installed_version(package: str) -> str | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    beside = os.listdir(os.path.dirname(os.path.dirname(spec.origin)))
    start = f"{package}-"
    found = [
        one[len(start) : -len(RECORD)] for one in beside if one.startswith(start) and one.endswith(RECORD)
    ]
    return found[0] if len(found) == 1 else None
