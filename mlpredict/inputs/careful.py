"""Decoding few images, without fear of any."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlpredict.domain import ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.limits import USUAL_LIMITS, Limits

if TYPE_CHECKING:
    from mlpredict.inputs.decoders import Decoders


class CarefulDecoder:
    """Decodes what is harmless in this process, and anything else in one that it starts for it.

    Any thread may use it; what is not harmless is decoded one at a time. Use it in a `with` statement,
    or close it: that ends the process.
    """

    def __init__(self, spec: ImageSpec, limits: Limits = USUAL_LIMITS) -> None:
        self._spec = spec
        self._limits = limits
        self._apart: Decoders | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that was started."""
        if self._apart is not None:
            self._apart.close()

    def decode(self, position: int, source: Source) -> Sample | Rejected:
        """Decode a source."""
        from mlpredict.inputs.decode import decode_if_harmless

        decoded = decode_if_harmless(position, source, self._spec, self._limits)
        if decoded is not None:
            return decoded
        with self._turn:
            if self._apart is None:
                from mlpredict.inputs.decoders import Decoders

                self._apart = Decoders(1)
            return self._apart.decode_one(position, source, self._spec, self._limits)
