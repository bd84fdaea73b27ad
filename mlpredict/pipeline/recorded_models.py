"""The model that made predictions, found again: where it was, where it is said to be, or as compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mlpredict.domain import EngineName, model_label
from mlpredict.domain.verification import RecordedModel
from mlpredict.errors import ModelError
from mlpredict.inference.cache_places import places_to_read
from mlpredict.inference.engines import tensorflow_is_installed
from mlpredict.inference.model import Model, load_model
from mlpredict.inference.model_files import ModelFiles, ModelFormat, open_model
from mlpredict.inference.recorded import Altered, is_recorded, load_recorded, was_given
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

COMPILED = "models"
"""The folder of the cache that compiled models are in."""


class Found(NamedTuple):
    """A model ready to run, and what is wrong with what is recorded of it, if anything."""

    model: Model
    altered: str | None = None


class NotHere(NamedTuple):
    """Why a model cannot be run; `is_fault` where what is recorded of it has been changed."""

    reason: str
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """Where models are looked for: at `given` first, where somebody says that one is."""

    cache: Path
    given: Path | None = None
    trusted: bool = False

    def find(self, recorded: RecordedModel, engine: str | None) -> Found | NotHere:
        """The model of a fingerprint, on the engine that its predictions were made with if that is there."""
        wanted = EngineName.TENSORFLOW if engine == EngineName.TENSORFLOW else EngineName.AUTO
        seen: list[str] = []
        for place in self._places(recorded):
            try:
                files = open_model(place)
            except ModelError as error:
                seen.append(error.message)
                continue
            if is_recorded(files.sha256, recorded):
                found = self._loaded(files, recorded, wanted)
                if isinstance(found, Found) and wanted is EngineName.AUTO:
                    self._tell_of_another_use(files, recorded)
                return found
            if files.sha256 in recorded.files_sha256:
                return self._altered(files, recorded, wanted)
            used = self._by_itself(files, recorded, wanted)
            if isinstance(used, Found):
                return used
            seen.append(used)
        if (compiled := self._compiled(recorded)) is not None:
            return self._loaded(compiled, recorded, EngineName.LITERT)
        return NotHere(f"{_called(recorded)} is not here: {'; '.join(seen)}")

    def _places(self, recorded: RecordedModel) -> Iterator[Path]:
        if self.given is not None:
            yield self.given
        yield from (Path(path) for path in recorded.paths if self.given is None or Path(path) != self.given)

    def _loaded(self, files: ModelFiles, recorded: RecordedModel, wanted: EngineName) -> Found | NotHere:
        if wanted is EngineName.TENSORFLOW and not tensorflow_is_installed():
            wanted = EngineName.AUTO
        try:
            return Found(load_recorded(files, recorded, wanted, self.cache, trusted=self.trusted))
        except Altered:
            return self._altered(files, recorded, wanted)
        except ModelError as error:
            return NotHere(f"{_called(recorded)} cannot be run: {error.message}")

    def _altered(self, files: ModelFiles, recorded: RecordedModel, wanted: EngineName) -> Found | NotHere:
        """The same files, and yet another fingerprint: somebody has changed what is recorded of them."""
        found = self._by_itself(files, recorded, wanted)
        return found if isinstance(found, Found) else NotHere(_altered(recorded), is_fault=True)

    def _by_itself(self, files: ModelFiles, recorded: RecordedModel, wanted: EngineName) -> Found | str:
        """The model as it is used now, if that has the fingerprint; else what it is."""
        try:
            model = load_model(files.path, engine=wanted, cache=self.cache, trusted=self.trusted)
        except ModelError as error:
            return error.message
        if model.identity.fingerprint != recorded.fingerprint:
            return f"{files.path} is {model.identity} now"
        return Found(model, _altered(recorded))

    def _tell_of_another_use(self, files: ModelFiles, recorded: RecordedModel) -> None:
        """Say where the files are there, and something else is said of them by now."""
        if was_given(recorded, "labels"):
            return
        now = self._by_itself(files, recorded, EngineName.AUTO)
        if isinstance(now, str):
            logger.info(
                f"{now}: its mlpredict.toml or the labels beside it have changed; verified is"
                f" {_called(recorded)}, as it was recorded"
            )

    def _compiled(self, recorded: RecordedModel) -> ModelFiles | None:
        """What was compiled from the model's files, which may be gone."""
        for folder in places_to_read(self.cache / COMPILED):
            for entry in sorted(folder.glob("*.tflite")):
                if is_recorded(entry.stem, recorded):
                    path = Path(recorded.paths[0] if recorded.paths else recorded.name)
                    logger.debug(f"{_called(recorded)}: as it was compiled, {entry}")
                    return ModelFiles(path, ModelFormat(recorded.format), entry.stem)
        return None


def _altered(recorded: RecordedModel) -> str:
    return (
        f"what the database says of {_called(recorded)} is not what its fingerprint was made of:"
        " its labels, task, activation or preprocessing have been changed there"
    )


def _called(recorded: RecordedModel) -> str:
    return model_label(recorded.name, recorded.fingerprint)
