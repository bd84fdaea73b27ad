"""What is remembered of a model that has been used: what its outputs are like, and what was said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mlpredict.inference.cache_places import make_place, places_to_read, places_to_write
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.support.private_files import read_private


class Uses(NamedTuple):
    """A small file in the cache for each way that a model is used; `usage` names one.

    Where the cache cannot be written they are kept elsewhere; where nothing can be, every use is the first.
    """

    folder: Path
    usage: str

    def facts(self) -> tuple[OutputFacts | None, ...] | None:
        """What each output was found to be like; None for one that has no row of numbers for each image."""
        try:
            return tuple(map(_facts, self._remembered()["outputs"]))
        except (ValueError, KeyError, TypeError):
            # Damaged, it is found out again.
            return None

    def is_first(self, fingerprint: str) -> bool:
        """Whether the model was not used like this before, with the labels and the task it has now."""
        try:
            return bool(self._remembered()["fingerprint"] != fingerprint)
        except (ValueError, KeyError, TypeError):
            return True

    def remember(self, facts: Sequence[OutputFacts | None], fingerprint: str) -> None:
        """Keep both for the next time."""
        from mlpredict.support.whole_file import replacing

        content = json.dumps(
            {
                "usage": self.usage,
                "outputs": [None if one is None else one._asdict() for one in facts],
                "fingerprint": fingerprint,
            }
        ).encode()
        for folder in places_to_write(self.folder):
            with suppress(OSError):
                make_place(folder)
                with replacing(folder / self._name) as file:
                    file.write(content)
                return

    def _remembered(self) -> Any:
        """What a file says; KeyError where there is none, ValueError where it is no JSON."""
        for folder in places_to_read(self.folder):
            with suppress(OSError):
                said = json.loads(read_private(folder / self._name))
                # Another file that was given this name says what another model is like.
                if said["usage"] == self.usage:
                    return said
        raise KeyError(self._name)

    @property
    def _name(self) -> str:
        return f"{self.usage}.json"


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
