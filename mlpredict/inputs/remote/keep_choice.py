"""What `--keep` says, in the command and in Python."""

from __future__ import annotations

from mlpredict.domain import Keep
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import WrongValue


def keep_of(text: str) -> Keep | KeepIn:
    """What of an image is stored, or below which prefix of a bucket it is.

    Raises:
        WrongValue: it is neither.
    """
    if isinstance(text, KeepIn):
        return text
    if "://" in text:
        from mlpredict.inputs.remote.keeping import bucket_prefix

        return bucket_prefix(text)
    try:
        return Keep(text)
    except ValueError:
        words = ", ".join(word.value for word in Keep)
        raise WrongValue("keep", text, f"expected {words}, or s3://BUCKET/PREFIX/") from None
