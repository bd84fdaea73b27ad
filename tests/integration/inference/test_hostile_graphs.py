"""Models that reach for files are refused before anything of them runs; honest ones of their kind are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlpredict.inference.allowed_operations import ALLOWED, RESTORING
from tests.conftest import Command
from tests.make_hostile_graphs import SECRET

REFUSED = {
    "mapped": "has the operation ImmutableConst, which is not among those that models are known to need",
    "records": "has the operation RecordInput, which is not among",
    "vocabulary": "has the operation FixedUnigramCandidateSampler, which is not among",
    "overwrites": "would run the operation Save to restore its variables, which reaches beyond the model",
    "elsewhere": "would restore its variables from another file than its own",
    "table_outside": "would read another file, ../../secret",
    "table_linked": "would read another file, words.txt",
    "dotted_lambda.keras": "has a Lambda layer",
    "dotted_model.keras": "has a TFSMLayer, which would load another model",
    "dotted_utility.keras": "needs keras.utils.get_file, which is no part of Keras",
    "utility.keras": "needs keras.utils.get_file, which is no part of Keras",
    "inner.keras": "needs keras.src.utils.file_utils.get_file, which is no part of Keras",
}
HONEST = ("honest", "from_another", "table", "plain.keras")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("graphs")
    program = [sys.executable, "-m", "tests.make_hostile_graphs", str(made)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


def test_what_reaches_for_a_file_is_refused_and_nothing_of_it_runs(folder: Path) -> None:
    said = json.loads((folder / "said.json").read_text())
    assert said.keys() == {*REFUSED, *HONEST}
    for name, expected in REFUSED.items():
        assert said[name].startswith(f"{folder / name}: {expected}"), said[name]
    assert (folder / "secret").read_text() == SECRET


@pytest.mark.parametrize("name", HONEST)
def test_honest_models_of_the_same_kind_load(folder: Path, name: str) -> None:
    said = json.loads((folder / "said.json").read_text())[name]
    assert said.startswith(f"{name}: pixels 0..1"), said


def test_the_command_refuses_them_as_well(mlpredict: Command, folder: Path, digits: list[Path]) -> None:
    done = mlpredict("predict", "--no-store", "--model", folder / "overwrites", digits[0])
    assert done.returncode == 4
    assert done.stderr.decode().endswith("reaches beyond the model; --unsafe-model runs it all the same\n")
    assert (folder / "secret").read_text() == SECRET


LISTED = """
import sys, tensorflow
from tensorflow.core.framework.op_def_pb2 import OpList
from tensorflow.python.client import pywrap_tf_session as session
registered = OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
for one in registered.op:
    print(one.name, *(attribute.name for attribute in one.attr))
"""


def test_every_allowed_operation_exists_and_none_is_told_of_a_file() -> None:
    shown = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True)
    registered = {name: attributes for name, *attributes in map(str.split, shown.stdout.splitlines())}
    assert registered.keys() >= ALLOWED | RESTORING
    telling = ("file", "memory_region", "address", "url", "container_path", "token")
    for name in ALLOWED:
        assert not [one for one in registered[name] if any(word in one.lower() for word in telling)], name
