"""The `.keras` files of Keras 2.12 to 2.14, whose weights have other places than those of any later Keras.

The format is an archive of `config.json`, `metadata.json` and `model.weights.h5`. In the last of them
every layer is a group named after the way from the model to it: by attributes, and in a list by the
layer's class with a number. These versions went through a model's attributes in alphabetic order, in
which `_layer_checkpoint_dependencies` comes before `layers`; there every layer with weights stands twice,
and until 2.14 both counted (keras/saving/saving_lib.py of those versions).
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpredict.inference.keras_file import major_version

FIRST = "_layer_checkpoint_dependencies"
WEIGHTS = "model.weights.h5"
UNIQUE_SINCE = (2, 14)


def is_of_2_12_to_2_14(archive: zipfile.ZipFile) -> bool:
    """Whether the weights lie where these versions put them."""
    import h5py

    with archive.open(WEIGHTS) as weights, h5py.File(weights) as file:
        return any(_parts(name)[0] == FIRST for name in file)


def load_2_12_to_2_14(archive: zipfile.ZipFile, *, trusted: bool) -> Any:
    """The model, not compiled.

    Raises:
        ValueError: the weights in the file are not exactly those of the model.
    """
    import h5py
    import tf_keras

    config = _as_later(json.loads(archive.read("config.json")))
    config["compile_config"] = None
    model = tf_keras.utils.deserialize_keras_object(config, safe_mode=not trusted)
    with archive.open(WEIGHTS) as weights, h5py.File(weights) as file:
        restoring = _Restoring(_stored(file), twice=_version(archive) < UNIQUE_SINCE)
        restoring.restore(model, ())
        restoring.check()
    return model


def _as_later(config: Any) -> Any:
    """A configuration of 2.12 as later versions write it; theirs stays as it is.

    Numbers of numpy became plain ones, and the modules that are not for users moved.
    """
    match config:
        case {"class_name": "__numpy__", "config": {"value": int() | float() as number}}:
            return number
        case Mapping():
            changed = {key: _as_later(value) for key, value in config.items()}
            module = changed.get("module")
            if isinstance(module, str) and module.startswith("keras.engine."):
                changed["module"] = module.replace("keras.", "keras.src.", 1)
            return changed
        case list():
            return [_as_later(part) for part in config]
        case _:
            return config


def _version(archive: zipfile.ZipFile) -> tuple[int, ...]:
    version = json.loads(archive.read("metadata.json")).get("keras_version", "")
    assert major_version(version) is not None
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _stored(file: Any) -> dict[tuple[str, ...], dict[str, Any]]:
    """The variables of every layer by the way to it; Keras on Windows wrote the way with backslashes."""
    import h5py

    stored: dict[tuple[str, ...], dict[str, Any]] = {}

    def keep(name: str, item: Any) -> None:
        *way, last = _parts(name)
        if isinstance(item, h5py.Dataset) and way[-1:] == ["vars"] and way[0] == FIRST:
            stored.setdefault(tuple(way[:-1]), {})[last] = item

    file.visititems(keep)
    return stored


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")


@dataclass(slots=True)
class _Restoring:
    """A model's layers visited in the order in which they were saved."""

    stored: dict[tuple[str, ...], dict[str, Any]]
    twice: bool
    """Whether a layer that stands in a list twice counts twice."""
    visited: set[int] = field(default_factory=set)

    def restore(self, layer: Any, way: tuple[str, ...]) -> None:
        if id(layer) in self.visited:
            return
        self.visited.add(id(layer))
        variables = self.stored.pop(way, {})
        if hasattr(layer, "load_own_variables"):
            layer.load_own_variables(variables)
        for name, value in _attributes(layer):
            if _is_layer(value):
                self.restore(value, (*way, name))
            elif isinstance(value, list | tuple | set | dict):
                members = value.values() if isinstance(value, Mapping) else value
                self._restore_all(members, (*way, name))

    def check(self) -> None:
        """Raise ValueError if there are variables that no layer has asked for."""
        if self.stored:
            raise ValueError(
                f"it has weights that its layers have no place for: {'/'.join(min(self.stored))}"
            )

    def _restore_all(self, members: Iterable[Any], way: tuple[str, ...]) -> None:
        from tf_keras.src.utils.generic_utils import to_snake_case

        counted: Counter[str] = Counter()
        for member in members:
            if not _is_layer(member) or (not self.twice and id(member) in self.visited):
                continue
            kind = to_snake_case(type(member).__name__)
            name = f"{kind}_{counted[kind]}" if counted[kind] else kind
            counted[kind] += 1
            self.restore(member, (*way, name))


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    from tf_keras.src.saving.saving_lib import ATTR_SKIPLIST

    for name in sorted(dir(layer)):
        if name.startswith("__") or name in ATTR_SKIPLIST - {FIRST}:
            continue
        try:
            value = getattr(layer, name)
        except Exception:  # noqa: BLE001, S112 - a property may fail in any way, and then holds no layer
            continue
        yield name, value


def _is_layer(value: object) -> bool:
    import tf_keras

    return isinstance(value, tf_keras.layers.Layer | tf_keras.metrics.Metric)
