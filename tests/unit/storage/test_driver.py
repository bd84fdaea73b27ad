"""What is told of the driver is what the installation says."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

AFTER = """
import sys
import mlpredict.storage
told = "importlib.metadata" not in sys.modules
import psycopg, psycopg.pq
print(told, "importlib.metadata" in sys.modules, psycopg.pq.__impl__, psycopg.__version__)
"""


def imported(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_driver_is_imported_without_looking_up_its_version() -> None:
    assert imported(AFTER) == ["True", "False", "binary", metadata.version("psycopg")]


def test_a_driver_that_is_there_already_stays_as_it_is() -> None:
    code = "import psycopg, psycopg.version as own; import mlpredict.storage; print(psycopg.version is own)"
    assert imported(code) == ["True"]


def test_two_records_of_an_installation_say_nothing() -> None:
    code = (
        "import os; real = os.listdir\n"
        "os.listdir = lambda path: [*real(path), 'psycopg-0.1.dist-info', 'psycopg_binary-0.1.dist-info']\n"
        "import mlpredict.storage; os.listdir = real\n"
    )
    assert imported(code + AFTER) == ["True", "True", "binary", metadata.version("psycopg")]
