"""A browser, and the page in it, before a stand-in for the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from mlpredict.domain import ImageSpec
from tests.page.browser import Watched, chromium, watched_page
from tests.page.stand_in import Store, model, served, stand_in

GREY = ImageSpec(28, 28, 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not longer than a module: Playwright's event loop runs in this thread as long as it is there.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return stand_in(Store(), model(), GREY)


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    """Where a server for all tests of a module is."""
    with served(app) as address:
        yield address


@pytest.fixture
def store(app: FastAPI, digits: list[Path]) -> Store:
    """What is stored: one prediction of each sample digit."""
    app.state.store = store = Store()
    for path in digits:
        store.add(path.name, path.read_bytes())
    return store


@pytest.fixture
def watched(browser: Browser, address: str, store: Store) -> Iterator[Watched]:
    """The page, opened; in the end it asked nobody else, and nothing was wrong."""
    with watched_page(browser) as watched:
        watched.page.goto(address)
        yield watched
        assert watched.console == []
        assert [url for url in watched.requests if not url.startswith(address)] == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page
