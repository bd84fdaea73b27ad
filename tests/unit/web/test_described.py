"""The OpenAPI document tells what holds for every call."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from mlpredict.web.access import ALIVE, Rules
from mlpredict.web.described import describe


def document(rules: Rules) -> dict[str, Any]:
    app = FastAPI(description="Predictions.")
    for path in ("/v1/predictions", "/v1/models/{name}", ALIVE):
        app.get(path)(lambda: None)
    app.post("/v1/predictions")(lambda: None)
    describe(app, rules)
    assert app.openapi() is app.openapi()
    return app.openapi()


def test_head_is_there_wherever_get_is() -> None:
    paths = document(Rules())["paths"]
    assert all("head" in calls for calls in paths.values())
    for calls in paths.values():
        assert set(calls["head"]["responses"]) == set(calls["get"]["responses"])
        assert not any("content" in response for response in calls["head"]["responses"].values())
        assert calls["head"]["operationId"] != calls["get"]["operationId"]


def test_a_post_may_have_a_key_and_every_call_may_be_refused() -> None:
    told = document(Rules(origins=("https://example.org",)))
    post = told["paths"]["/v1/predictions"]["post"]
    assert [one["name"] for one in post["parameters"]] == ["Idempotency-Key"]
    assert {"400", "403", "409", "422"} <= set(post["responses"])
    get = told["paths"]["/v1/models/{name}"]["get"]["responses"]
    schema = get["400"]["content"]["application/json"]["schema"]
    assert list(schema["properties"]) == ["error"]
    assert "https://example.org" in told["info"]["description"]
    assert "securitySchemes" not in told.get("components", {})


def test_a_token_is_told_of_where_it_is_asked_for() -> None:
    told = document(Rules(token=b"t"))
    ((name, scheme),) = told["components"]["securitySchemes"].items()
    assert scheme["scheme"] == "bearer"
    post = told["paths"]["/v1/predictions"]["post"]
    assert post["security"] == [{name: []}]
    assert "401" in post["responses"]
    assert "security" not in told["paths"][ALIVE]["get"]
    assert "401" not in told["paths"][ALIVE]["get"]["responses"]
