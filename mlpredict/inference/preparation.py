"""How images become a model's input: what is said of it, what its file tells, and what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlpredict.domain import Preprocessing
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.described import Described
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.preprocessing_entries import NAMED_SCALES, PRESETS, scale_name
from mlpredict.inference.signature import Signature, TensorSpec

ALWAYS_TOLD = ("resize", "fit")


def prepared(
    described: Described, signature: Signature, evidence: Evidence
) -> tuple[Preprocessing, tuple[Choice, ...]]:
    """The preprocessing of a model's first input, with the reasons for each of its parts."""
    said = described.sidecar
    choices = [
        Choice(one, _value(said.preprocessing, one), Reason.FILE)
        for one in sorted(said.stated - {"scaling", *ALWAYS_TOLD})
    ]
    tensor = signature.inputs[0]
    usual, because = _usual(described, signature, evidence)
    preprocessing = said.preprocessing._replace(
        **{key: value for key, value in usual.items() if key not in said.stated}
    )
    for one in ALWAYS_TOLD:
        reason = Reason.FILE if one in said.stated else Reason.CONVENTION if one in usual else Reason.DEFAULT
        detail = because if reason is Reason.CONVENTION else ""
        choices.append(Choice(one, _value(preprocessing, one), reason, detail))
    if "scaling" in said.stated:
        scaled = preprocessing.scaling
        assert scaled is not None
        scale = Choice("scale", scale_name(scaled), Reason.FILE)
    elif "scaling" in usual:
        scale = Choice("scale", scale_name(usual["scaling"]), Reason.CONVENTION, because)
    else:
        preprocessing, scale = _scaled(preprocessing, described, tensor, evidence, _classes(signature))
    return preprocessing, (scale, *choices)


def _usual(described: Described, signature: Signature, evidence: Evidence) -> tuple[Mapping[str, Any], str]:
    """What is known of a family of models that this one belongs to, as fields of `Preprocessing`."""
    from mlpredict.inference.teachable_machine import recognised

    family = recognised(described.files, signature, evidence, lambda: described.label_files)
    if family is None:
        return {}, ""
    usual = dict(PRESETS["teachable-machine"])
    if not signature.inputs[0].dtype.startswith("float"):
        del usual["scaling"]
    return usual, family


def _scaled(
    preprocessing: Preprocessing,
    described: Described,
    tensor: TensorSpec,
    evidence: Evidence,
    classes: int | None,
) -> tuple[Preprocessing, Choice]:
    """The scaling that nobody has stated in a `mlpredict.toml`."""
    if np.dtype(tensor.dtype).kind in "iu":
        return preprocessing, Choice("scale", _whole(tensor), Reason.CONVENTION, f"usual for {tensor.dtype}")
    if described.metadata is not None and (stated := described.metadata.scaling) is not None:
        return preprocessing._replace(scaling=stated), Choice("scale", scale_name(stated), Reason.METADATA)
    from mlpredict.inference.pixel_range import doubt, found_range

    found = found_range(evidence, classes)
    if found is None:
        return preprocessing, Choice("scale", "0..1", Reason.DEFAULT, doubt(evidence) or "")
    choice = Choice("scale", found.scale, Reason.LAYER, found.because)
    # The default is not spelled out: models that were given 0..1 all along keep their fingerprint.
    known = None if found.scale == "0..1" else NAMED_SCALES[found.scale]
    return preprocessing._replace(scaling=known), choice


def _whole(tensor: TensorSpec) -> str:
    """What an input of integers is given."""
    if tensor.takes_pixels:
        return "as they are" if tensor.dtype == "uint8" else "minus 128"
    return "0..1" if tensor.quantisation else "0..255"


def _classes(signature: Signature) -> int | None:
    shape = signature.outputs[0].shape if signature.outputs else ()
    return shape[-1] if len(shape) == 2 else None


def _value(preprocessing: Preprocessing, name: str) -> str:
    return str(getattr(preprocessing, name))
