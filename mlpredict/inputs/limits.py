"""What one image file may cost."""

from __future__ import annotations

from dataclasses import dataclass

# So much a decoder may take, however low the limits are.
LEAST_MEMORY = 100_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image file may cost: pixels by its header, bytes of the file, processor time in seconds."""

    max_pixels: int = 100_000_000
    max_bytes: int = 100_000_000
    seconds: float = 20.0

    @property
    def memory(self) -> int:
        """What the file and its decoded form may take together, in bytes.

        It is less than four bytes a pixel, which Pillow needs for colours, as nobody expects a command
        for images to take half a gigabyte. Where files may be larger, so may this.
        """
        return max(self.max_pixels * 16 // 5, 2 * self.max_bytes, LEAST_MEMORY)


USUAL_LIMITS = Limits()
