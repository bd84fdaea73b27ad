"""What TensorFlow and Keras complain of, on one line: the cause alone, without places and settings."""

from __future__ import annotations

import re

MAX_LENGTH = 300

ESCAPES = re.compile(r"\x1b\[\d*m")
"""Colours for a terminal."""

TRACEBACK = re.compile(
    r"^(?:Graph execution error:|Detected at node .*|  .*|<stack traces .*)$", re.MULTILINE
)
"""Where a graph's operations were made, with a traceback of each; the cause comes after them."""

LAYER = re.compile(r"^Exception encountered when calling .*$", re.MULTILINE)
"""In which layer it happened, before the cause."""

# The place of an operation and what it was given, around the cause.
AROUND = re.compile(r"^\{\{.*?\}\} |\s*\[\[\{\{.*|\s*\[Op:.*|\s*Arguments received by .*", re.DOTALL)
MISSING = re.compile(r"(?:Could not (?:deserialize|locate)|Unknown) [\w ]+?:? '([^']+)'")


def why(error: BaseException) -> str:
    """The cause of an error that TensorFlow or Keras raised."""
    # Keras puts it last, behind the whole configuration.
    cause = ESCAPES.sub("", str(error)).rpartition("Exception encountered:")[2]
    if match := MISSING.search(cause):
        return f"it needs {match[1]}, which is no part of Keras"
    if isinstance(error, NameError):
        return f"its code uses {error.name}, which is not in the file"
    words = " ".join(LAYER.sub("", TRACEBACK.sub("", cause)).split())
    sentence = AROUND.sub("", words).partition(". ")[0]
    # A KeyError quotes its message.
    return sentence.strip("\"'. ")[:MAX_LENGTH] or type(error).__name__
