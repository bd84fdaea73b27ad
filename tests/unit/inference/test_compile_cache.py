"""Compiled models in their cache; what compiles is replaced, as it takes TensorFlow."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from mlpredict.errors import ModelError
from mlpredict.inference import compilation as compiling
from mlpredict.inference.compilation import compiled_model
from mlpredict.inference.compile_cache import Compiled
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.support import scratch

FILES = ModelFiles(Path("/models/cats"), ModelFormat.SAVED_MODEL, "ab" * 32)
OTHER = ModelFiles(Path("/models/dogs"), ModelFormat.SAVED_MODEL, "cd" * 32)
FLATBUFFER = Compiled(b"a flatbuffer", None, 1e-7, sha256=hashlib.sha256(b"a flatbuffer").hexdigest())
REFUSED = Compiled(None, "it uses operations that LiteRT has not: FlexRFFT", None)


class Workshop:
    """Stands for the compiler process and counts what it is asked for."""

    def __init__(self, notices: list[str]) -> None:
        self.outcome: Compiled | ModelError = FLATBUFFER
        self.jobs = 0
        self.notices = notices

    def compile(self, files: ModelFiles, examples: object, *, trusted: bool) -> Compiled:
        self.jobs += 1
        if isinstance(self.outcome, ModelError):
            raise self.outcome
        return self.outcome

    def get(self, cache: Path, files: ModelFiles = FILES, *, trusted: bool = False) -> Compiled:
        def no_examples(_: object) -> object:
            raise AssertionError("the stand-in needs no examples")

        return compiled_model(files, "cats", cache, no_examples, trusted=trusted)  # type: ignore[arg-type]


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch, notices: list[str]) -> Workshop:
    made = Workshop(notices)
    monkeypatch.setattr(compiling, "_compile_in_process", made.compile)
    return made


def the_file(cache: Path, suffix: str) -> Path:
    (found,) = cache.glob(f"*{suffix}")
    return found


def test_a_model_is_compiled_once(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.get(tmp_path / "new" / "cache") == FLATBUFFER
    assert workshop.get(tmp_path / "new" / "cache") == FLATBUFFER
    assert workshop.jobs == 1
    assert len(workshop.notices) == 2
    assert all("cats" in notice for notice in workshop.notices)


def test_every_model_has_its_own_entry(workshop: Workshop, tmp_path: Path) -> None:
    workshop.get(tmp_path)
    workshop.outcome = Compiled(b"another", None, 0.0)
    assert workshop.get(tmp_path, OTHER).flatbuffer == b"another"
    assert workshop.get(tmp_path).flatbuffer == b"a flatbuffer"


def test_the_reason_why_it_cannot_be_compiled_is_kept_too(workshop: Workshop, tmp_path: Path) -> None:
    workshop.outcome = REFUSED
    assert workshop.get(tmp_path) == REFUSED
    assert workshop.get(tmp_path) == REFUSED
    assert workshop.jobs == 1
    assert [notice for notice in workshop.notices if "FlexRFFT" in notice] == [workshop.notices[-1]]


@pytest.mark.parametrize("suffix", [".tflite", ".json"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="cut"),
        pytest.param(lambda path: path.write_bytes(b"\xff" * 20), id="garbage"),
        pytest.param(lambda path: path.write_bytes(b"[1]"), id="other JSON"),
        pytest.param(lambda path: path.write_bytes(b'{"compiler": 2}'), id="JSON without the facts"),
    ],
)
def test_a_damaged_entry_is_made_again(
    workshop: Workshop, tmp_path: Path, suffix: str, damage: Callable[[Path], object]
) -> None:
    workshop.get(tmp_path)
    damage(the_file(tmp_path, suffix))
    assert workshop.get(tmp_path) == FLATBUFFER
    assert workshop.jobs == 2
    assert workshop.get(tmp_path) == FLATBUFFER
    assert workshop.jobs == 2


def test_what_another_compiler_made_is_made_again(workshop: Workshop, tmp_path: Path) -> None:
    workshop.get(tmp_path)
    facts = the_file(tmp_path, ".json")
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "compiler": 0}))
    workshop.get(tmp_path)
    assert workshop.jobs == 2


@pytest.mark.parametrize("compiled", [FLATBUFFER, REFUSED], ids=["compiled", "not compiled"])
def test_what_was_compiled_in_trust_is_not_used_without(
    workshop: Workshop, tmp_path: Path, compiled: Compiled
) -> None:
    workshop.outcome = compiled._replace(danger="has a Lambda layer")
    assert workshop.get(tmp_path, trusted=True) == workshop.outcome
    with pytest.raises(ModelError, match=r"^/models/cats: has a Lambda layer$") as raised:
        workshop.get(tmp_path)
    assert "--unsafe-model" in str(raised.value.hint)
    assert workshop.get(tmp_path, trusted=True) == workshop.outcome
    assert workshop.jobs == 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -KILL $$", "TensorFlow was killed over it, as happens when memory runs out"),
        ("kill -ABRT $$", "TensorFlow crashed over it (SIGABRT)"),
        ("exit 7", "TensorFlow's process ended with status 7"),
        ("exec sleep 60", "TensorFlow took more than 0 minutes over it, and was ended"),
    ],
)
def test_a_compiler_that_dies_or_hangs_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(compiling, "COMPILER_SECONDS", 0.5)
    with pytest.raises(ModelError) as raised:
        compiled_model(FILES, "cats", tmp_path / "cache", lambda _signature, _evidence: np.zeros(1))
    assert str(raised.value) == f"{FILES.path}: {message}"
    assert not (tmp_path / "cache").exists()


def test_an_entry_that_was_given_another_s_name_is_made_again(workshop: Workshop, tmp_path: Path) -> None:
    workshop.get(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace(FILES.sha256, OTHER.sha256)))
    workshop.get(tmp_path, OTHER)
    assert workshop.jobs == 2


def test_nothing_half_written_is_left(workshop: Workshop, tmp_path: Path) -> None:
    workshop.get(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".tflite"]


def test_a_failure_to_load_is_not_cached(workshop: Workshop, tmp_path: Path) -> None:
    workshop.outcome = ModelError("cats: damaged")
    with pytest.raises(ModelError, match="damaged"):
        workshop.get(tmp_path)
    workshop.outcome = FLATBUFFER
    assert workshop.get(tmp_path) == FLATBUFFER


@pytest.mark.parametrize("name", ["file", "file/cache"])
def test_what_cannot_be_kept_costs_a_notice_and_no_answer(
    workshop: Workshop, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "scratch_folder", lambda: None)
    (tmp_path / "file").write_text("in the way")
    assert workshop.get(tmp_path / name) == FLATBUFFER
    assert f"cannot be kept in {tmp_path / name}" in workshop.notices[-2]
    assert "MLPREDICT_CACHE" in workshop.notices[-2]


def test_a_read_only_cache_has_another_in_its_place(
    workshop: Workshop,
    working_directory: Path,
    public_directory: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (working_directory / "cache").mkdir(0o555)
    temporary = public_directory / "tmp"
    temporary.mkdir()
    temporary.chmod(0o777)
    monkeypatch.setattr(scratch, "scratch_folder", lambda: temporary)
    with unprivileged():
        assert workshop.get(Path("cache/models")) == FLATBUFFER
        assert "cache/models cannot be written (Permission denied)" in workshop.notices[-2]
        said = len(workshop.notices)
        assert workshop.get(Path("cache/models")) == FLATBUFFER
    assert (workshop.jobs, len(workshop.notices)) == (1, said)
    assert list((working_directory / "cache").iterdir()) == []


def test_nothing_of_a_folder_that_others_could_write_is_used(workshop: Workshop, tmp_path: Path) -> None:
    workshop.get(tmp_path)
    workshop.get(tmp_path, OTHER)
    tmp_path.chmod(0o777)
    workshop.get(tmp_path)
    assert workshop.jobs == 3
    assert any("other users can write it" in notice for notice in workshop.notices)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    workshop.get(tmp_path)
    assert workshop.jobs == 3
    # Also what was there for others is made again.
    workshop.get(tmp_path, OTHER)
    assert workshop.jobs == 4


def test_what_another_user_could_have_written_is_made_again(
    workshop: Workshop, tmp_path: Path, notices: list[str]
) -> None:
    workshop.get(tmp_path)
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o077 == 0
    next(tmp_path.glob("*.tflite")).chmod(0o666)
    workshop.get(tmp_path)
    assert workshop.jobs == 2
    assert any("another user can write it" in notice for notice in notices)
    workshop.get(tmp_path)
    assert workshop.jobs == 2
