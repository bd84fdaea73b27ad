"""The documents for browsers: rendered once, of templates that escape, with what a browser may do of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response

TEMPLATES = Path(__file__).parent / "templates"

# Scripts and styles come from files of ours alone, and no script may make HTML out of text.
WITH_SCRIPTS = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

WITHOUT_SCRIPTS = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Document:
    """A page of HTML, with the policy that browsers are to hold it to."""

    html: str
    policy: str = WITH_SCRIPTS
    more: Mapping[str, str] = field(default_factory=dict)
    """Other headers."""

    def response(self, request: Request) -> Response:
        """The document, or that it has not changed since it was asked for last."""
        content = self.html.encode()
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {
            "Content-Security-Policy": self.policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "ETag": etag,
            **self.more,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type="text/html")


def render(template: str, **values: Any) -> str:
    """A template with what it says of the values escaped."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
