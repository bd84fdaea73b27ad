"""What is remembered of a model that has been used: what its outputs are like, and what was said of it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mlpredict.inference.outputs import OutputFacts


@dataclass(frozen=True, slots=True)
class Uses:
    """A small file in the cache for each way that a model is used; `usage` names one.

    Where the cache cannot be written, every use is the first.
    """

    folder: Path
    usage: str

    def facts(self) -> OutputFacts | None:
        """What the outputs were found to be like."""
        try:
            known = json.loads(self._path.read_bytes())["outputs"]
            shape = tuple(int(size) for size in known["shape"])
            return OutputFacts(shape, bool(known["within_unit"]), bool(known["sums_to_one"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Missing or damaged, it is found out again.
            return None

    def is_first(self, fingerprint: str) -> bool:
        """Whether the model was not used like this before, with the labels and the task it has now."""
        try:
            return bool(json.loads(self._path.read_bytes())["fingerprint"] != fingerprint)
        except (OSError, ValueError, KeyError, TypeError):
            return True

    def remember(self, facts: OutputFacts, fingerprint: str) -> None:
        """Keep both for the next time."""
        from mlpredict.support.whole_file import replacing

        content = json.dumps({"outputs": asdict(facts), "fingerprint": fingerprint}).encode()
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as file:
                file.write(content)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.usage}.json"
