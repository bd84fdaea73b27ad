"""The pages of reports and comparisons in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mlpredict.domain import PredictionRecord
from mlpredict.domain.comparisons import ClassFlips, Comparison, Flip, Side
from mlpredict.domain.reports import CalibrationBin, Group, GroupBy, LabelCounts, Probabilities, Report
from mlpredict.inputs.kept import data_uri
from mlpredict.report_page.comparison_html import comparison_page
from mlpredict.report_page.report_html import report_page
from tests.page.browser import PHONE, WIDE, artefacts, watched_page
from tests.page.test_looks import CONTRASTS

HOSTILE = '"><script>document.title="run"</script>&amp;'
LONG = "a_model_whose_name_is_longer_than_any_telephone_is_wide@3f2a91c0"

MISTAKE = PredictionRecord(
    *(5, 9, 1, f"val/{HOSTILE}.png", "image/png", "[]", 1, HOSTILE, 0.99, LONG, None), true_label="cat"
)
REPORT = Report(
    predictions=1200,
    images=1100,
    labelled=900,
    right=800,
    judged=900,
    interval=(0.86, 0.91),
    sources={"folders": 800, "review": 100},
    models=[LONG],
    by_label=[
        LabelCounts("cat", 700, 0.9, 500, 0.8, 0.9, 0.85),
        LabelCounts(HOSTILE, 500, 0.7, 400, 0.7, 0.6, 0.65),
        LabelCounts("never labelled", 3, None),
    ],
    averages={
        f"{kind}_{one}": 0.75 for kind in ("macro", "weighted") for one in ("precision", "recall", "f1")
    },
    confusion={"cat": {"cat": 450, HOSTILE: 50}, HOSTILE: {HOSTILE: 350, "cat": 50}},
    calibration=[
        CalibrationBin(n / 15, (n + 1) / 15, n, (n + 0.5) / 15 if n else None, n / 20 if n else None)
        for n in range(15)
    ],
    ece=0.031,
    mean_score=0.82,
    mean_score_right=0.9,
    mean_score_wrong=0.6,
    scores=[n * n for n in range(15)],
    over_time=[
        Group(f"2026-11-{n:02}", 40, 30, 20 + n, 30, 0.5 + n / 40, {"cat": 20 + n, HOSTILE: 20 - n})
        for n in range(1, 12)
    ],
    probabilities=Probabilities(900, 0.21, 0.11, {1: 0.88, 2: 0.97}),
    by=GroupBy.FOLDER,
    against="val",
    groups=[Group(HOSTILE, 1200, 900, 800, 900, 0.82, {"cat": 1}, 0.2)],
    worst=[MISTAKE, MISTAKE._replace(prediction_id=6, input_id=10)],
    remarks=["2 models are taken together"],
)
FLIP = Flip(9, f"{HOSTILE}.png", "cat", Side(5, "cat", 0.9), Side(8, HOSTILE, 0.6), True)
COMPARISON = Comparison(
    a=LONG,
    b="birds",
    both=600,
    labelled=500,
    agreed=550,
    agreement=0.9,
    both_right=400,
    only_a_right=40,
    only_b_right=10,
    neither_right=50,
    p_value=2e-5,
    by_label=[ClassFlips(HOSTILE, 300, 30, 5), ClassFlips("cat", 200, 10, 5)],
    flips=[FLIP, replace(FLIP, input_id=10, a_right=False)],
)


@pytest.fixture
def pages(digits: list[Path], tmp_path: Path) -> dict[str, Path]:
    images = {9: data_uri("image/png", digits[0].read_bytes())}
    made = {"report": report_page(REPORT, images), "comparison": comparison_page(COMPARISON, images)}
    places = {name: tmp_path / f"{name}.html" for name in made}
    for name, text in made.items():
        places[name].write_text(text, "utf-8")
    return places


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_a_page_reads_well_needs_nothing_and_runs_nothing(
    browser: Browser, pages: dict[str, Path], name: str, size: tuple[int, int], dark: bool, tmp_path: Path
) -> None:
    with watched_page(browser, size, dark=dark) as watched:
        page = watched.page
        address = pages[name].as_uri()
        page.goto(address)
        assert page.title() != "run"
        assert [url for url in watched.requests if url != address] == []
        assert watched.console == []
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        assert [found for found in contrasts if found[0] < 4.5] == []
        assert page.evaluate("document.images[0].naturalWidth") > 0
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator("svg:not([aria-label])").count() == 0
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        kind = "dark" if dark else "light"
        place = artefacts(tmp_path) / f"{name}-{kind}-{size[0]}.png"
        page.screenshot(path=place, full_page=True)


def test_a_report_of_nothing_is_a_page_too(browser: Browser, tmp_path: Path) -> None:
    nothing = replace(
        REPORT, predictions=0, images=0, labelled=0, right=0, judged=0, sources={}, models=[], by_label=[],
        confusion={}, calibration=[], ece=None, mean_score=None, mean_score_right=None, mean_score_wrong=None,
        scores=[], over_time=[], interval=None, averages={}, probabilities=None, by=None, groups=[], worst=[],
        remarks=[],
    )  # fmt: skip
    place = tmp_path / "nothing.html"
    place.write_text(report_page(nothing, {}), "utf-8")
    with watched_page(browser) as watched:
        watched.page.goto(place.as_uri())
        assert watched.page.locator("dd").first.inner_text().startswith("0")
