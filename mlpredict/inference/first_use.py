"""What is remembered of a model that has been used: what its outputs are like, and what was said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mlpredict.inference.output_facts import OutputFacts
from mlpredict.support.private_files import make_private_folder, read_private


class Uses(NamedTuple):
    """A small file in the cache for each way that a model is used; `usage` names one.

    Where the cache cannot be written, every use is the first.
    """

    folder: Path
    usage: str

    def facts(self) -> tuple[OutputFacts | None, ...] | None:
        """What each output was found to be like; None for one that has no row of numbers for each image."""
        try:
            return tuple(map(_facts, json.loads(read_private(self._path))["outputs"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Missing or damaged, it is found out again.
            return None

    def is_first(self, fingerprint: str) -> bool:
        """Whether the model was not used like this before, with the labels and the task it has now."""
        try:
            return bool(json.loads(read_private(self._path))["fingerprint"] != fingerprint)
        except (OSError, ValueError, KeyError, TypeError):
            return True

    def remember(self, facts: Sequence[OutputFacts | None], fingerprint: str) -> None:
        """Keep both for the next time."""
        from mlpredict.support.whole_file import replacing

        content = json.dumps(
            {"outputs": [None if one is None else one._asdict() for one in facts], "fingerprint": fingerprint}
        ).encode()
        with suppress(OSError):
            make_private_folder(self.folder)
            with replacing(self._path) as file:
                file.write(content)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.usage}.json"


def _facts(known: Mapping[str, Any] | None) -> OutputFacts | None:
    if known is None:
        return None
    return OutputFacts(
        tuple(int(size) for size in known["shape"]),
        bool(known["within_unit"]),
        bool(known["sums_to_one"]),
        bool(known["pixels_sum_to_one"]),
        int(known["json_bytes"]),
        bool(known["integers"]),
    )
