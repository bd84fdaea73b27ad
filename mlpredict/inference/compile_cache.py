"""What came of compiling a model, kept on disk by the model's hash."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlpredict import settings
from mlpredict.inference.cache_places import make_place, places_to_read, places_to_write
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.signature import Signature
from mlpredict.support.logs import get_logger
from mlpredict.support.private_files import NotPrivate, read_private

logger = get_logger(__name__)

COMPILER_VERSION = 5
"""Raised when the same model would come out differently; what older versions cached is then rebuilt."""

PACKAGES = ("tensorflow", "keras", "tf_keras")
"""Of another version of these, what failed is tried again."""


class Compiled(NamedTuple):
    """The outcome of compiling: a flatbuffer, or the reason why there is none."""

    flatbuffer: bytes | None
    reason: str | None
    difference: float | None
    danger: str | None = None
    """What the model would do beside computing; known because it was trusted when it was compiled."""
    evidence: Evidence = Evidence()
    """What its graph tells of the pixels it takes."""
    sha256: str | None = None
    """Of the flatbuffer, in hexadecimal, where it has been kept."""


class Failure(NamedTuple):
    """Why a model could not even be loaded, in words that follow its name."""

    reason: str
    hint: str | None
    trusted: bool
    """Whether it was loaded in trust: without, something else may be wrong with it."""
    signature: Signature | None = None
    """Where it was loaded, and what it takes was no image."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Failure:
        """What `to_json` made of one."""
        signature = value["signature"]
        known = None if signature is None else Signature.from_json(signature)
        return cls(value["reason"], value["hint"], value["trusted"], known)

    def to_json(self) -> dict[str, Any]:
        """The failure as JSON takes it."""
        return {**self._asdict(), "signature": None if self.signature is None else self.signature.to_json()}


class CacheEntry(NamedTuple):
    """Two files by the model's hash; the small one, written last, vouches for the large one.

    Where the folder cannot be written they are kept in another one.
    """

    folder: Path
    sha256: str

    def read(self) -> Compiled | Failure | None:
        """What was kept; None where there is nothing, or nothing that still holds."""
        return next((kept for place in places_to_read(self.folder) if (kept := self._read(place))), None)

    def _read(self, folder: Path) -> Compiled | Failure | None:
        try:
            return self._kept(folder, json.loads(read_private(self._facts(folder))))
        except NotPrivate as error:
            logger.warning(f"warning: {error.filename} is not used: {error.strerror}")
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Missing or damaged, it is made again.
            return None

    def _kept(self, folder: Path, facts: dict[str, Any]) -> Compiled | Failure | None:
        # Who could move files in the folder could give one model another's answers.
        if (facts["compiler"], facts.get("model_sha256")) != (COMPILER_VERSION, self.sha256):
            return None
        digest = facts["flatbuffer_sha256"]
        if digest is None and facts["versions"] != versions():
            return None
        if (failure := facts.get("failure")) is not None:
            return Failure.from_json(failure)
        flatbuffer = None if digest is None else read_private(self._flatbuffer(folder))
        if flatbuffer is not None and hashlib.sha256(flatbuffer).hexdigest() != digest:
            return None
        evidence = Evidence.from_json(facts["evidence"])
        return Compiled(flatbuffer, facts["reason"], facts["difference"], facts["danger"], evidence, digest)

    def write(self, outcome: Compiled | Failure) -> None:
        """Keep an outcome in place of an earlier one, and say so where it is not kept in the folder.

        Raises:
            OSError: it cannot be written anywhere.
        """
        places = places_to_write(self.folder)
        usual = next(places)
        try:
            self._write(usual, outcome)
        except OSError as error:
            if (other := next(places, None)) is None:
                raise
            self._write(other, outcome)
            homeless = settings.NO_PLACE in usual.parents
            why = f"{usual} cannot be written ({error.strerror})"
            logger.warning(
                f"{'this user has no home directory' if homeless else why}, and prepared models are kept in"
                f" {other}; set {settings.CACHE} to a folder where they may stay"
            )

    def _write(self, folder: Path, outcome: Compiled | Failure) -> None:
        from mlpredict.support.whole_file import replacing

        make_place(folder)
        facts: dict[str, Any] = {
            "compiler": COMPILER_VERSION,
            "model_sha256": self.sha256,
            "flatbuffer_sha256": None,
        }
        match outcome:
            case Failure():
                facts |= {"versions": versions(), "failure": outcome.to_json()}
            case Compiled(flatbuffer=None):
                facts |= {"versions": versions()}
            case Compiled(flatbuffer=bytes() as flatbuffer):
                facts["flatbuffer_sha256"] = hashlib.sha256(flatbuffer).hexdigest()
                with replacing(self._flatbuffer(folder)) as file:
                    file.write(flatbuffer)
        if isinstance(outcome, Compiled):
            facts |= {
                "reason": outcome.reason,
                "difference": outcome.difference,
                "danger": outcome.danger,
                "evidence": outcome.evidence.to_json(),
            }
        with replacing(self._facts(folder)) as file:
            file.write(json.dumps(facts, indent=2).encode())

    def _facts(self, folder: Path) -> Path:
        return folder / f"{self.sha256}.json"

    def _flatbuffer(self, folder: Path) -> Path:
        return folder / f"{self.sha256}.tflite"


def versions() -> dict[str, str | None]:
    """The versions of what loads and converts models, by name."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {"python": sys.version.partition(" ")[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
