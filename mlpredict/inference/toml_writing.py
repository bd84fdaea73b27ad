"""`mlpredict.toml` as text: what was understood of a model, spelled out with the reasons."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from mlpredict.domain import ChannelOrder, Preprocessing, Scaling
from mlpredict.inference.choices import REASONS, Choice, Reason
from mlpredict.inference.preprocessing_entries import KEYS, NAMED_SCALES, PRESETS
from mlpredict.inference.sidecar import Sidecar

HEADING = "# How mlpredict understands this model; change what is wrong.\n"
OPTIONAL = ("background", "white", "threshold", "central_crop", "resize_to")
"""Fields of `Preprocessing` that say nothing where they are None."""


def entries(preprocessing: Preprocessing) -> dict[str, Any]:
    """What states a preprocessing in a `mlpredict.toml`; a scaling of None is left to the input's dtype.

        >>> entries(Preprocessing(scaling=NAMED_SCALES["-1..1"]))["scale"]
        '-1..1'

    Raises:
        ValueError: no entry can say its scaling.
    """
    stated: dict[str, Any] = {} if preprocessing.scaling is None else _scaling(preprocessing.scaling)
    stated |= {
        "channels": str(preprocessing.channels),
        "resize": str(preprocessing.resize),
        "antialias": preprocessing.antialias,
        "fit": str(preprocessing.fit),
        "invert": preprocessing.invert,
        "decode": str(preprocessing.decode),
    }
    known = {name: getattr(preprocessing, name) for name in OPTIONAL}
    return stated | {name: value for name, value in known.items() if value is not None}


def _scaling(scaling: Scaling) -> dict[str, Any]:
    for name, known in NAMED_SCALES.items():
        if scaling == known:
            return {"scale": str(name)}
    if scaling == PRESETS["caffe"]["scaling"]:
        return {"preprocess": "caffe"}
    if scaling.divisor == 255 and scaling.per_image is None and len(scaling.mean) == len(scaling.std):
        return {"scale": {"mean": list(scaling.mean), "std": list(scaling.std)}}
    raise ValueError(f"no entry says {scaling}")


def differing(wanted: Preprocessing, present: Preprocessing) -> dict[str, Any]:
    """The entries of a preprocessing that are not those of another."""
    now = entries(present)
    stated = {key: value for key, value in entries(wanted).items() if now.get(key) != value}
    if "preprocess" in stated and wanted.channels is ChannelOrder.BGR:
        # Blue first is what the preset is about.
        stated.pop("channels", None)
    return stated


def as_lines(stated: Mapping[str, Any]) -> list[str]:
    """Entries as lines of TOML, each on one line."""
    return [_line(key, value) for key, value in stated.items()]


def _line(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(_line(name, one) for name, one in value.items())
        return f"{key} = {{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"{key} = [{', '.join(_value(one) for one in value)}]"
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    return tomli_w.dumps({"_": value}).strip().partition(" = ")[2]


def spelled_out(
    sidecar: Sidecar,
    preprocessing: Preprocessing,
    choices: Sequence[Choice],
    meaning: Mapping[str, Any],
) -> str:
    """The text of a `mlpredict.toml` that says all of it, with the reason for each entry.

    What the model's present file says of anything else stays as it is there. `meaning` has the name, the
    labels, the task, and whatever else is not of the preprocessing.
    """
    present = {} if sidecar.path is None else tomllib.loads(sidecar.path.read_text("utf-8"))
    reasons = {one.what: one for one in choices}
    others = {key: value for key, value in present.items() if key not in KEYS}
    said = {**others, **meaning, **entries(preprocessing)}
    if said.get("preprocess") == "caffe" and said.get("channels") == ChannelOrder.BGR:
        del said["channels"]
    lines = [f"{line}{_because(reasons.get(_choice_of(line)))}" for line in as_lines(said)]
    if preprocessing.scaling is None and (scale := reasons.get("scale")) is not None:
        lines.append(f"# Without an entry for it, pixels are {scale.value}{_because(scale)}")
    return HEADING + "".join(f"{line}\n" for line in lines)


def _choice_of(line: str) -> str:
    key = line.partition(" ")[0]
    return "scale" if key == "preprocess" else key


def _because(choice: Choice | None) -> str:
    if choice is None or choice.reason is Reason.FILE:
        return ""
    detail = f": {choice.detail}" if choice.detail else ""
    # A comment ends with its line.
    return "  # " + " ".join(f"{REASONS[choice.reason]}{detail}".split())
