"""What the package logs when nobody, or somebody, listens."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOG = """
from mlpredict.support.logs import get_logger
get_logger("mlpredict.some.module").error("trouble")
"""


@pytest.mark.parametrize(
    ("before", "printed"),
    [
        pytest.param("", "", id="nobody listens"),
        pytest.param(
            "import logging; logging.basicConfig()", "ERROR:mlpredict.some.module:trouble\n", id="one"
        ),
    ],
)
def test_a_library_prints_nothing_by_itself(before: str, printed: str) -> None:
    ran = subprocess.run([sys.executable, "-c", before + LOG], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("", printed)


def test_loading_a_model_and_opening_a_store_make_the_package_silent() -> None:
    code = "import mlpredict.inference.model, mlpredict.storage.retrying, logging\n"
    code += "logging.getLogger('mlpredict.anything').error('trouble')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
