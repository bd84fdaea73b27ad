"""An image on its way through a run: named, decoded or rejected, predicted, ready to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlpredict.domain.stored import StoredInput

    Pixels = NDArray[np.uint8 | np.float32]


URI_PART_BYTES = 3 << 20
"""A multiple of three, as so many bytes become four letters."""


class Pages(StrEnum):
    """Which pages of a file, or frames of an animation, are predicted."""

    FIRST = "first"
    ALL = "all"


class Remote(NamedTuple):
    """Where an image lies that is on no disk of this machine.

    `url` is its whole address: a bucket's, as `s3://bucket/key`, or an `https://` one, whose query may be a
    key to it and is therefore in no name. `size` in bytes and `etag` are what a listing says, and once it
    has been fetched what the answer said. `unless_image` is the kind that it is counted as where its first
    bytes are those of no image; None where it is tried in any case.
    """

    url: str
    size: int | None = None
    etag: str | None = None
    unless_image: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image comes from: a path as the user wrote it, or `-` with the bytes read already.

    A `page` of a file counts from 1; None is the first, whatever others there are. A page that has been
    asked for is called after its file, as `scan.tif#2`, and `file` is the file's own name. What is
    `prepared` is a PNG of the pixels as a model saw them, which are taken as they are. `stored` is the input
    that the image is already. What is `remote` has its bytes once they have been fetched. Where nobody asks
    what it looks like, it needs no `miniature`.
    """

    filename: str
    content: bytes | None = None
    page: int | None = None
    file: str | None = None
    prepared: bool = False
    stored: StoredInput | None = None
    remote: Remote | None = None
    miniature: bool = True

    @property
    def path(self) -> str:
        """The name of the file."""
        return self.filename if self.file is None else self.file


class Sample(NamedTuple):
    """A decoded image, ready for the model.

    `content` is the file itself, `sha256` its digest (32 bytes), `width` and `height` the size of
    the original in pixels as its header has it, before EXIF turns it, `pixels` the model's view of
    shape (height, width, channels), 0..255 and RGB: uint8, or float32 where the preprocessing has a
    filter that does not round. `pages` is how many the file has; `notices` say what was assumed of it,
    `details` what is wrong with it and did no harm. `is_model_input` says that the pixels were sent as the
    model sees them, and `content` is a PNG that was made of them. `miniature` is the whole picture, upright,
    as 9 × 8 levels of grey (72 bytes), whatever the model sees of it; nothing where it is not needed.
    """

    position: int
    source: Source
    content: bytes
    contenttype: str
    sha256: bytes
    width: int
    height: int
    pixels: Pixels
    pages: int = 1
    notices: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    is_model_input: bool = False
    miniature: bytes = b""


class Rejected(NamedTuple):
    """A source that gave no prediction, and why, in words a person understands.

    `nowhere` says that its name leads to no file at all. Where it is not fetched, as the model has
    predicted it already, `predicted` is the SHA-256 of its bytes (32): nothing is wrong with it.
    """

    position: int
    source: Source
    reason: str
    nowhere: bool = False
    predicted: bytes | None = None


class Prediction(NamedTuple):
    """What a model said of one sample.

    `values` is the model's output as JSON text whose numbers round-trip float32 exactly; of a map of
    classes it has the share of each. Where the best classes alone are stored, it is an object of their
    probabilities by their numbers. `score` is the probability of the likely class, or its share; both
    are None where the task has no classes.
    """

    values: str
    likely_class: int | None = None
    label: str | None = None
    score: float | None = None
    labels: tuple[str, ...] | None = None
    """Those that hold, the likeliest first, where several may."""
    value: float | None = None
    """The number of a regression, times the model's factor."""
    unit: str | None = None
    """What `value` is counted in."""
    outputs: str | None = None
    """The model's other outputs, by their names, as JSON text."""
    map: bytes | None = None
    """The class of each pixel as a PNG."""


@dataclass(frozen=True, slots=True)
class DataUri:
    """Bytes as a `data:` URI (RFC 2397) made piece by piece: whole it takes a third more than they."""

    contenttype: str
    content: bytes

    def __len__(self) -> int:
        return len(self._head) + 4 * -(-len(self.content) // 3)

    def __str__(self) -> str:
        return "".join(self.parts())

    @property
    def _head(self) -> str:
        return f"data:{self.contenttype};base64,"

    def parts(self) -> Iterator[str]:
        """The URI from its beginning, in pieces of a few megabytes."""
        from binascii import b2a_base64

        yield self._head
        for start in range(0, len(self.content), URI_PART_BYTES):
            part = memoryview(self.content)[start : start + URI_PART_BYTES]
            yield b2a_base64(part, newline=False).decode("ascii")


class NewInput(NamedTuple):
    """An image on its way into the database: a `data:` or `file:` URI, and what `kept` of the original.

    `sha256` is the digest of the original file (32 bytes), `width` and `height` its size in pixels,
    `contenttype` the type of what the URI holds. One that is there already has an `input_id`
    in the place of a URI. `difference_hash` tells what the picture looks like; None where nobody has looked.
    `upload` puts `content`, of several such images, where their URIs say, before they are stored.
    """

    uri: str | DataUri
    kept: str
    sha256: bytes
    contenttype: str
    width: int
    height: int
    input_id: int | None = None
    difference_hash: int | None = None
    content: bytes | None = None
    upload: Callable[[Sequence[NewInput]], None] | None = None


class NewPrediction(NamedTuple):
    """A prediction on its way into the database; `contenttype` is that of the source.

    Only an image that the 2020 program has stored has no `filename`. `version` tells the object of a bucket
    that it was read from, as it was then; None where it was not, or that cannot be told.
    """

    position: int
    filename: str | None
    contenttype: str
    input: NewInput
    prediction: Prediction
    version: bytes | None = None


class Ended(StrEnum):
    """How a run came to its end, where it could still tell."""

    FINISHED = "finished"
    """Everything it was given was tried."""
    INTERRUPTED = "interrupted"
    """A signal ended it, or whoever used it as a library."""


class Run(NamedTuple):
    """One invocation of predict, as the database knows it."""

    run_id: int
    model_id: int
    model: str
