"""What a model's predictions are made with here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpredict.domain.environments import Environment

if TYPE_CHECKING:
    from mlpredict.inference.model import Model


def environment_of(model: Model) -> Environment:
    """The environment of a model that is loaded."""
    import numpy as np

    from mlpredict.inputs.decoder_facts import decoder_facts
    from mlpredict.pipeline.recording import PIXELS_VERSION
    from mlpredict.support.machine import machine_facts

    return Environment(
        {
            **model.facts,
            "pixels": PIXELS_VERSION,
            **decoder_facts(),
            "numpy": np.__version__,
            **machine_facts(),
        }
    )
