"""What was understood of a model, for a person and for programs: `mlpredict model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpredict.domain import EngineName
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.compile_cache import CacheEntry, Compiled
from mlpredict.inference.described import Described, describe
from mlpredict.inference.keras_file import written_by
from mlpredict.inference.model import Model
from mlpredict.inference.model_files import ModelFormat, open_model, own_files
from mlpredict.inference.preprocessing_entries import KEYS
from mlpredict.inference.signature import TensorSpec
from mlpredict.inference.toml_writing import OPTIONAL, spelled_out

ALWAYS_SHOWN = ("channels", "resize", "antialias", "fit", "invert", "decode")
"""Fields of `Preprocessing` that always hold something, in the order of its steps but for the first."""


@dataclass(frozen=True, slots=True)
class Understood:
    """All that is known of a model that is loaded; make one with `understood`."""

    described: Described
    model: Model
    written_by: str | None
    """The version of the Keras that saved it, where the file tells."""
    size: int
    """Bytes of the model's own files."""
    difference: float | None
    """The largest difference between LiteRT and TensorFlow, where they were compared."""
    not_on_litert: str | None
    """Why LiteRT does not run it."""

    @property
    def place(self) -> Path:
        """Where its `mlpredict.toml` is, or is to be."""
        return self.described.sidecar.path or self.described.files.sidecar

    @property
    def steps(self) -> tuple[Choice, ...]:
        """The preprocessing step by step, with the reasons."""
        chosen = {one.what: one for one in self.model.choices}
        preprocessing = self.model.spec.preprocessing
        always = [name for name in ALWAYS_SHOWN if name != "channels" or self.model.spec.channels > 1]
        names = [*always, *(name for name in OPTIONAL if getattr(preprocessing, name) is not None)]
        usual = [Choice(name, _word(getattr(preprocessing, name)), Reason.DEFAULT) for name in names]
        reasons = [chosen.get(one.what, one) for one in usual]
        found = [one._replace(value=known.value) for one, known in zip(reasons, usual, strict=True)]
        return chosen["scale"], *found

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, by the names that `output = …` chooses one by."""
        own = self.model.engine.signature.outputs
        return tuple(one._replace(name=name) for one, name in zip(own, self.model.output_names, strict=True))

    @property
    def meaning(self) -> tuple[Choice, ...]:
        """What was decided about the outputs, with the reasons."""
        return tuple(one for one in self.model.choices if one.what not in KEYS)

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        identity, engine = self.model.identity, self.model.engine
        return {
            "name": identity.name,
            "fingerprint": identity.fingerprint,
            "path": identity.path,
            "format": identity.format,
            "written_by": self.written_by,
            "size_bytes": self.size,
            "sha256": self.described.files.sha256,
            "engine": engine.name,
            "difference": self.difference,
            "not_on_litert": self.not_on_litert,
            "input": _tensor(engine.signature.inputs[0]),
            "outputs": [_tensor(output) for output in self.outputs],
            "preprocessing": [one._asdict() for one in self.steps],
            "task": identity.task,
            "activation": self.model.reader.activation,
            "labels": identity.labels,
            "meaning": [one._asdict() for one in self.meaning],
        }

    def toml(self) -> str:
        """The text of a `mlpredict.toml` that says all of it.

        Raises:
            ValueError: the scaling that the file's metadata state cannot be said there.
        """
        return spelled_out(
            self.described.sidecar, self.model.spec.preprocessing, self.model.choices, self._meaning()
        )

    def _meaning(self) -> Mapping[str, Any]:
        identity = self.model.identity
        threshold = next((one.value for one in self.model.choices if one.what == "score_threshold"), None)
        meaning = {
            "name": identity.name,
            "labels": list(identity.labels) if identity.labels else None,
            "task": str(identity.task),
            "activation": str(self.model.reader.activation),
            # Where it is stated, the other outputs are not kept.
            "output": self.described.sidecar.output,
            "score_threshold": None if threshold is None else self.model.reader.score_threshold,
        }
        return {key: value for key, value in meaning.items() if value is not None}


def understood(model: Model, labels: str | None, cache: Path) -> Understood:
    """All that is known of a model that was loaded with these labels and this cache.

    Raises:
        ModelError: its files have changed meanwhile, and cannot be read any more.
    """
    described = describe(open_model(Path(model.identity.path)), labels)
    files = described.files
    kept = CacheEntry(cache / "models", files.sha256).read()
    compiled = kept if isinstance(kept, Compiled) and files.format is not ModelFormat.TFLITE else None
    on_litert = model.engine.name is EngineName.LITERT
    return Understood(
        described=described,
        model=model,
        written_by=_written_by(files.path, files.format),
        size=sum(path.stat().st_size for path in own_files(files)),
        difference=compiled.difference if compiled and on_litert else None,
        not_on_litert=compiled.reason if compiled and not on_litert else None,
    )


def _written_by(path: Path, kind: ModelFormat) -> str | None:
    return written_by(path) if kind in (ModelFormat.KERAS, ModelFormat.H5) else None


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "shape": spec.shape, "dtype": spec.dtype}
