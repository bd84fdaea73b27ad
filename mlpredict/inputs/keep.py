"""What of an image is stored, as a URI that says what it holds."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from mlpredict.domain import Keep, NewInput, Sample


def new_input(sample: Sample, keep: Keep, preprocessing: str) -> NewInput:
    """The input that a sample becomes.

    `preprocessing` names how the pixels were made: two models that see an image alike share it.
    """
    kept: str = keep
    contenttype = sample.contenttype
    match keep:
        case Keep.ORIGINAL:
            uri = data_uri(contenttype, sample.content)
        case Keep.REFERENCE:
            uri = Path(sample.source.filename).absolute().as_uri()
        case Keep.MODEL_INPUT:
            kept, contenttype = f"{keep}/{preprocessing}", "image/png"
            uri = data_uri(contenttype, _png(sample))
    return NewInput(uri, kept, sample.sha256, contenttype, sample.width, sample.height)


def data_uri(contenttype: str, content: bytes) -> str:
    """Bytes as a `data:` URI (RFC 2397)."""
    return f"data:{contenttype};base64,{base64.b64encode(content).decode('ascii')}"


def _png(sample: Sample) -> bytes:
    pixels = sample.pixels[..., 0] if sample.pixels.shape[2] == 1 else sample.pixels
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
