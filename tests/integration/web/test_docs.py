"""The description of the API: its examples are of the form that the server answers in, and can be tried."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from mlpredict.web.examples import ANSWERS, BODIES, QUERIES
from tests.page.browser import chromium, watched_page
from tests.serving import File, Served


def _filled(path: str, made: dict[str, Any]) -> str:
    for name in ("prediction_id", "input_id", "run_id"):
        path = path.replace(f"{{{name}}}", str(made[name]))
    return path


def _form(value: Any) -> Any:
    """The names in an answer, without those that an ellipsis stands for."""
    if isinstance(value, dict):
        return {name: _form(one) for name, one in value.items() if name != "…"}
    if isinstance(value, list):
        return [_form(value[0])] if value and isinstance(value[0], dict | list) else []
    return None


def _has(answer: Any, example: Any) -> bool:
    """Whether an answer has all that an example has."""
    if isinstance(example, dict):
        return isinstance(answer, dict) and all(
            name in answer and _has(answer[name], one) for name, one in example.items()
        )
    if isinstance(example, list) and example:
        return bool(answer) and _has(answer[0], example[0])
    return True


def test_every_example_has_the_form_of_the_answer(served: Served, digits: list[Path]) -> None:
    seven = next(path for path in digits if path.name.startswith("7"))
    [made] = served.post("/v1/predictions", File(seven.read_bytes(), seven.name)).json["predictions"]
    for (method, path), example in ANSWERS.items():
        body = BODIES.get((method, path))
        if method != "POST" or body is not None:
            content = None if body is None else json.dumps(body).encode()
            query = QUERIES.get(path, "") if method == "GET" else ""
            answer = served.ask(_filled(path, made) + query, method=method, body=content)
        else:
            answer = served.post(path, File(seven.read_bytes(), seven.name))
        assert answer.status in (200, 201), path
        assert _has(answer.json, _form(example)), path


def test_harmless_calls_are_tried_on_the_page(served: Served, digits: list[Path]) -> None:
    [made] = served.post("/v1/predictions", File(digits[0].read_bytes())).json["predictions"]
    with chromium() as browser, watched_page(browser) as watched:
        page = watched.page
        page.goto(f"{served.url}/docs")
        expect(page.locator("[data-base]").first).to_contain_text(served.url)
        assert (
            page.locator("section.call", has_text="POST /v1/predictions").get_by_text("Try it").count() == 0
        )
        for path, said in (
            ("/v1/predictions/count", re.compile(r'^200 OK, \d+ ms.*"predictions": \d+', re.DOTALL)),
            ("/v1/predictions/{prediction_id}", re.compile('"probabilities"')),
        ):
            call = page.locator("section.call").filter(
                has=page.get_by_role("heading", name=f"GET {path}", exact=True)
            )
            call.get_by_text("Try it").click()
            if "{" in path:
                call.get_by_role("textbox", name="prediction_id").fill(str(made["prediction_id"]))
            call.get_by_role("button", name="Send").click()
            expect(call.locator(".try-answer")).to_contain_text(said)
        image = page.locator("section.call").filter(has_text="GET /v1/inputs/{input_id}/image")
        image.get_by_text("Try it").click()
        image.get_by_role("textbox", name="input_id").fill(str(made["input_id"]))
        image.get_by_role("button", name="Send").click()
        expect(image.locator(".try-answer img")).to_be_visible()
        assert watched.console == []
        assert [url for url in watched.requests if not url.startswith(served.url)] == []
