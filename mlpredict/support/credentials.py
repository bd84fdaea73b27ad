"""Passwords of PostgreSQL's DSNs, kept out of what is said of arguments in which they should not be."""

from __future__ import annotations

import re

# Compiled when they are needed, which is hardly ever.
URL = r"(postgres(?:ql)?(?:\+\w+)?:/{1,2}[^\s:/@]*:)(?!\d+(?:[/?,\s]|$))(?:.*@|\S*)"
"""What is behind the user of a URL, up to the last `@`; a port behind a host is none."""

KEYWORD = r"(?i)(\bpassword\s*=).*"
"""To the end of the line: where an unquoted password ends, nobody knows."""


def without_passwords(text: str) -> str:
    """The text with `…` in the place of what a DSN in it has for a password.

    Example:
        >>> without_passwords("postgresql://me:secret@db/x: no such file")
        'postgresql://me:…@db/x: no such file'
    """
    if "postgres" in text:
        text = re.sub(URL, lambda found: f"{found[1]}…{'@' if found[0].endswith('@') else ''}", text)
    if "assword" in text:
        text = re.sub(KEYWORD, r"\1…", text)
    return text
