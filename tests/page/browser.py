"""A real browser for the tests: the Chromium of the system, never one that is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root there is no sandbox; and nothing of the browser's own goes into the network.
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = (1200, 900)
PHONE = (360, 740)
# A machine that does other things meanwhile takes its time.
PATIENCE_MS = 60_000


@dataclass
class Watched:
    """A page, and what it did that nobody sees: requests, lines on the console, errors."""

    page: Page
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        # That a call was refused, the browser says by itself; what the page makes of it is tested.
        if not message.text.startswith("Failed to load resource"):
            self.console.append(message.text)

    def see(self, request: Request) -> None:
        if not request.url.startswith(("blob:", "data:")):
            self.requests.append(request.url)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window; where there is none, the test is skipped."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@contextmanager
def watched_page(
    browser: Browser, size: tuple[int, int] = WIDE, *, dark: bool = False, touch: bool = False
) -> Iterator[Watched]:
    """A page in a profile of its own, without animations."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        has_touch=touch,
        is_mobile=touch,
        locale="en-GB",
        timezone_id="UTC",
    )
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(context.new_page())
    watched.page.on("console", watched.hear)
    watched.page.on("pageerror", lambda error: watched.console.append(str(error)))
    watched.page.on("request", watched.see)
    yield watched
    context.close()


def artefacts(tmp_path: Path) -> Path:
    """Where screenshots are kept: `MLPREDICT_SCREENSHOTS`, else with the test's own files."""
    directory = Path(os.environ.get("MLPREDICT_SCREENSHOTS") or tmp_path)
    directory.mkdir(parents=True, exist_ok=True)
    return directory
