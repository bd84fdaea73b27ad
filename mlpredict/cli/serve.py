"""`mlpredict serve`: the HTTP API."""

from __future__ import annotations

import os
import re
from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli import garbage
from mlpredict.cli.options import Dsn, Labels, ModelPath, Quiet, ReadDsn, UnsafeModel, Verbose
from mlpredict.cli.quiet_libraries import quiet_libraries
from mlpredict.cli.reading import primary_and_replica
from mlpredict.errors import UsageError
from mlpredict.support.units import parse_size

HOST = "127.0.0.1"
PORT = 8000
MAX_UPLOAD = "64MB"
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
PACKAGES = (
    "fastapi",
    "httptools",
    "jinja2",
    "prometheus_client",
    "psycopg_pool",
    "python_multipart",
    "uvicorn",
)

ADDRESS = "Where it listens"
CLIENTS = "Who may ask, and for what"

Host = Annotated[
    str,
    typer.Option("--host", metavar="HOST", help="The address to listen on.", rich_help_panel=ADDRESS),
]
Port = Annotated[
    int,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        metavar="N",
        help="The port; 0 takes a free one.",
        rich_help_panel=ADDRESS,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        metavar="N",
        help="Processes that share the port.",
        rich_help_panel=ADDRESS,
    ),
]
MaxUpload = Annotated[
    str,
    typer.Option("--max-upload", metavar="SIZE", help="Refuse larger requests.", rich_help_panel=CLIENTS),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="What clients must send as a bearer token; better $MLPREDICT_TOKEN, which others cannot see.",
        show_default=False,
        rich_help_panel=CLIENTS,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Listen on a public address without a token.",
        show_default=False,
        rich_help_panel=CLIENTS,
    ),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        metavar="ORIGIN",
        help="Let this site's pages ask, as https://example.org; may be repeated.",
        show_default=False,
        rich_help_panel=CLIENTS,
    ),
]


def serve(
    host: Host = HOST,
    port: Port = PORT,
    model: ModelPath = None,
    labels: Labels = None,
    unsafe_model: UnsafeModel = False,
    workers: Workers = 1,
    max_upload: MaxUpload = MAX_UPLOAD,
    token: Token = None,
    insecure: Insecure = False,
    allow_origin: AllowOrigin = None,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Serve predictions over HTTP.

    There are the API of 2020, one with names, and a page for browsers. The server ends on Ctrl-C and
    SIGTERM, with everything answered that was accepted.
    """
    most = parse_size(max_upload, "--max-upload")
    _require_packages()
    from mlpredict.storage.server.place import require_place

    primary, replica = primary_and_replica(dsn, read_dsn)
    require_place(dsn)
    from mlpredict.web.server.options import Options
    from mlpredict.web.server.serve import serve as run

    options = Options(
        model=model or settings.model_path(),
        labels=labels,
        trusted=unsafe_model,
        dsn=primary,
        read_dsn=replica,
        host=host,
        port=port,
        workers=workers,
        max_upload=most,
        token=_token(token),
        insecure=insecure,
        origins=tuple(map(_origin, allow_origin or ())),
        verbose=verbose,
    )
    with quiet_libraries():
        status = run(options, garbage.collect_from_here)
    if status:
        raise typer.Exit(status)


def _token(given: str | None) -> str | None:
    """What clients must know, where there is such a thing."""
    token = os.environ.get("MLPREDICT_TOKEN") or None if given is None else given
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise UsageError("--token: letters, digits and signs of ASCII, without spaces")
    return token


def _origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454, 6.2).

    Raises:
        UsageError: it is none, or stands for all.
    """
    if not ORIGIN.fullmatch(text.lower()):
        raise UsageError(f"--allow-origin {text}: an origin is https://example.org or http://localhost:3000")
    return text.lower()


def _require_packages() -> None:
    """Look for the web server's packages before anything is started.

    Raises:
        UsageError: some are not installed.
    """
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in PACKAGES):
        raise UsageError(
            "packages that serve needs are missing", hint="install mlpredict again, with what it depends on"
        )
