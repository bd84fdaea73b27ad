"""The report of the server on a page of its own, in the page's colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from mlpredict.inputs.kept import data_uri
from mlpredict.report_page.report_html import report_page
from tests.page.browser import PHONE, WIDE, Watched, artefacts, watched_page
from tests.page.stand_in import Store
from tests.page.test_looks import CONTRASTS
from tests.page.test_report_page import LONG, REPORT

TITLE = f"Predictions of {LONG}"


@pytest.fixture(autouse=True)
def report(app: FastAPI, digits: list[Path]) -> None:
    app.state.report = report_page(REPORT, {9: data_uri("image/png", digits[0].read_bytes())})


def test_the_report_is_that_of_the_gallery_s_filters(page: Page, store: Store, address: str) -> None:
    page.get_by_label("Label", exact=True).fill("7")
    expect(page.locator("#to-report")).to_have_attribute("href", "report?label=7")
    page.locator("#to-report").click()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(page.get_by_label("Label", exact=True)).to_have_value("7")
    expect(page.locator("#report svg")).to_have_count(4)
    assert store.reports == [{"label": "7"}]
    page.locator("[name=by]").select_option("day")
    page.locator("[name=model]").select_option(store.records[0]["model"])
    expect(page).to_have_url(f"{address}report?label=7&by=day&model=mnist-convnet%40285f0e48")
    expect(page.locator("#report")).not_to_have_attribute("aria-busy", "true")
    assert store.reports[-1] == {"label": "7", "by": "day", "model": "mnist-convnet@285f0e48"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_text("utf-8").startswith("<!doctype html>")
    page.get_by_role("link", name="Show these images").click()
    expect(page.locator("[name=model]")).to_have_value("mnist-convnet@285f0e48")


def test_a_mistake_leads_to_its_prediction(page: Page, address: str) -> None:
    page.goto(f"{address}report")
    page.get_by_role("link", name="prediction 5").click()
    expect(page.locator("#detail .bar")).to_have_count(10)
    expect(page).to_have_url(f"{address}?id=5")


def test_a_report_on_its_way_says_so_and_can_be_stopped(page: Page, store: Store, address: str) -> None:
    store.report_seconds = 1.0
    page.goto(f"{address}report")
    expect(page.locator("#report-status")).to_contain_text("Counting 16 predictions")
    expect(page.locator("#report-seconds")).to_have_text("0 s")
    expect(page.get_by_role("button", name="Make it anew")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#report-status")).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Make it anew")).to_be_focused()
    store.report_seconds = 0.0
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    assert len(store.reports) == 2


def test_a_report_that_cannot_be_made_says_why(page: Page, address: str, watched: Watched) -> None:
    page.goto(f"{address}report?run=7")
    expect(page.locator("#report-status")).to_have_text(
        "Other reports are being made already; try again in a moment."
    )


def test_a_token_is_asked_for(page: Page, store: Store, address: str) -> None:
    store.token = "open-sesame"
    page.goto(f"{address}report")
    page.fill("#token-value", "open-sesame")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_report_reads_well(
    browser: Browser, address: str, store: Store, tmp_path: Path, dark: bool, size: tuple[int, int]
) -> None:
    with watched_page(browser, size, dark=dark, touch=size == PHONE) as watched:
        page = watched.page
        page.goto(f"{address}report")
        expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 40
        assert [found for found in contrasts if found[0] < 4.5] == []
        kind = "dark" if dark else "light"
        page.screenshot(path=artefacts(tmp_path) / f"tab-{kind}-{size[0]}.png", full_page=True)
        assert watched.console == []
