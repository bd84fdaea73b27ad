"""Whatever the API's own description allows, and much that it does not, is answered as it says."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from tests.serving import Served

CALLS = [5, pytest.param(20, marks=pytest.mark.slow)]
# Most files that are made up are no images, which is refused, and images that are, are stored.
UNFIT = ("positive_data_acceptance", "negative_data_rejection")


@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_does_what_it_says(served: Served, mode: GenerationMode, calls: int) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    excluded: list[Any] = [CHECKS.get_one(name) for name in UNFIT]
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=calls,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Any) -> None:
            nonlocal tried
            tried += 1
            response = case.call()
            assert response.status_code != 500
            case.validate_response(response, excluded_checks=excluded)

        with suppress(Unsatisfiable):  # what takes no parameters cannot be asked wrongly
            call()
    assert tried > calls
    assert served.said == []
