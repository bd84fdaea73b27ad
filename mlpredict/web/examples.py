"""An example of each call: how curl and Python make it, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BASE = "http://127.0.0.1:8000"
"""Where the examples ask; the page puts its own address there."""

QUERIES = {
    "/v1/predictions": "?label=7&sort=score&limit=1",
    "/v1/inputs": "?limit=1",
    "/v1/predictions/count": "?since=7d",
    "/predictions/": "?limit=1",
    "/v1/runs": "?limit=1",
    "/v1/report": "?model=mnist-convnet",
    "/v1/report/page": "?model=mnist-convnet",
    "/v1/review": "?order=least-confident&limit=1",
    "/v1/compare": "?a=mnist-convnet&b=1",
}

PATH_VALUES = {"prediction_id": "14", "input_id": "8", "run_id": "1", "name": "mnist-convnet", "version": "1"}

PNG = "iVBORw0KGgoAAAANSUhEUgAA…"

RECORD: dict[str, Any] = {
    "prediction_id": 14,
    "input_id": 8,
    "run_id": 1,
    "filename": "7-marker.png",
    "contenttype": "image/png",
    "prediction": [0.0001, 0.0002, 0.0005, 0.0011, 0.0007, 0.0001, 0.0001, 0.9967, 0.0001, 0.0004],
    "likely_class": 7,
    "label": "7",
    "score": 0.9967,
    "model": "mnist-convnet@285f0e48",
    "created_at": "2026-11-23T05:05:10.482+00:00",
    "true_label": "1",
    "right": False,
    "…": "…",
}
TRUTH: dict[str, Any] = {
    "input_id": 8,
    "true_label": "1",
    "true_labels": None,
    "true_value": 1.0,
    "source": "api",
    "labelled_by": "Ada",
    "labelled_at": "2026-11-25T17:52:10.731+00:00",
}
TOP = [{"label": "7", "score": 0.9967}, {"label": "3", "score": 0.0011}, "…"]

COUNTS: dict[str, Any] = {
    "predictions": 17,
    "failures": 0,
    "mean_score": 0.9775,
    "labelled": 16,
    "right": 15,
    "accuracy": 0.9375,
}
RUN: dict[str, Any] = {
    "run_id": 1,
    "model": "mnist-convnet@285f0e48",
    "ended": "finished",
    **COUNTS,
    "engine": "litert",
    "started_at": "2026-11-23T05:05:09.120+00:00",
    "…": "…",
}
REPORT: dict[str, Any] = {
    "predictions": 17,
    "images": 16,
    "labelled": 16,
    "right": 15,
    "accuracy": 0.9375,
    "interval": [0.7167, 0.9889],
    "macro_f1": 0.9333,
    "ece": 0.0391,
    "by_label": {"…": "…"},
    "confusion": {"…": "…"},
    "remarks": [],
    "…": "…",
}
COMPARISON: dict[str, Any] = {
    "a": "mnist-convnet",
    "b": "1",
    "both": 16,
    "labelled": 16,
    "agreement": 0.9375,
    "both_right": 14,
    "only_a_right": 1,
    "only_b_right": 0,
    "neither_right": 1,
    "p_value": 1.0,
    "flips": [],
    "remarks": [],
    "…": "…",
}

ANSWERS: Mapping[tuple[str, str], Any] = {
    ("GET", "/"): {"error": "Use GET /predictions/ instead of the root route!"},
    ("POST", "/prediction/"): RECORD,
    ("GET", "/predictions/"): [[14, 8, RECORD["prediction"]]],
    ("GET", "/prediction/{prediction_id}"): [RECORD["prediction"], f"data:image/png;base64,{PNG}"],
    ("GET", "/v1/model"): {
        "model": "mnist-convnet@285f0e48",
        "name": "mnist-convnet",
        "fingerprint": "285f0e48…",
        "task": "classification",
        "labels": ["0", "1", "…"],
        "height": 28,
        "width": 28,
        "channels": 1,
    },
    ("GET", "/v1/models"): {
        "models": [
            {
                "model": "mnist-convnet@285f0e48",
                "name": "mnist-convnet",
                "fingerprint": "285f0e48…",
                "task": "classification",
                **COUNTS,
                "…": "…",
            }
        ]
    },
    ("GET", "/v1/runs"): {"runs": [RUN], "next": "/v1/runs?limit=1&before=1"},
    ("GET", "/v1/runs/{run_id}"): {**RUN, "labels": {"…": "…"}, "reasons": {}},
    ("POST", "/v1/predictions"): {"predictions": [{**RECORD, "top": TOP}]},
    ("GET", "/v1/predictions"): {
        "predictions": [RECORD],
        "next": "/v1/predictions?label=7&sort=score&limit=1&before=14",
    },
    ("GET", "/v1/predictions/count"): {"predictions": 17, "images": 16},
    ("GET", "/v1/inputs"): {
        "inputs": [{"input_id": 8, "image": "/v1/inputs/8/image", "predictions": 2, "first": RECORD}],
        "next": "/v1/inputs?limit=1&before=14",
    },
    ("GET", "/v1/predictions/{prediction_id}"): {
        **RECORD,
        "probabilities": TOP,
        "image": "/v1/inputs/8/image",
        "map": None,
    },
    ("PUT", "/v1/inputs/{input_id}/label"): {"result": "labelled", **TRUTH, "remarks": []},
    ("GET", "/v1/inputs/{input_id}/label"): TRUTH,
    ("DELETE", "/v1/inputs/{input_id}/label"): {
        "result": "removed",
        **dict.fromkeys(TRUTH),
        "input_id": 8,
        "remarks": [],
    },
    ("GET", "/v1/review"): {
        "images": [{**RECORD, "true_label": None, "right": None, "image": "/v1/inputs/8/image"}],
        "source": "review",
        "next": "/v1/review?order=least-confident&limit=1&after=14:0.9967",
    },
    ("GET", "/v1/review/count"): {"images": 3},
    ("POST", "/v1/labels"): {
        "labelled": 2,
        "unchanged": 0,
        "revised": 0,
        "removed": 0,
        "unusable": 1,
        "not_stored": [],
        "remarks": [],
    },
    ("GET", "/v1/report"): REPORT,
    ("GET", "/v1/compare"): COMPARISON,
    ("DELETE", "/v1/predictions/{prediction_id}"): {
        "predictions": 1,
        "inputs": 0,
        "labels": 0,
        "failures": 0,
    },
    ("GET", "/healthz"): {"status": "alive"},
    ("GET", "/readyz"): {"status": "ready", "model": "mnist-convnet@285f0e48"},
}
"""What is answered, shortened by an ellipsis. The rest is told by the schema."""

BODIES: Mapping[tuple[str, str], Any] = {
    ("PUT", "/v1/inputs/{input_id}/label"): {"label": "1", "by": "Ada"},
    ("POST", "/v1/labels"): {
        "images": [
            {"input_id": 8, "label": "7"},
            {"input_id": 9, "label": "7"},
            {"input_id": 12, "usable": False},
        ],
        "source": "review",
    },
}
"""What is sent as JSON."""

TEXTS: Mapping[tuple[str, str], str] = {
    ("GET", "/v1/inputs/{input_id}/image"): "the bytes of the file",
    ("GET", "/v1/predictions/{prediction_id}/map"): "a PNG",
    ("GET", "/v1/report/page"): "a page of HTML",
    ("GET", "/metrics"): 'mlpredict_predictions_total{label="7"} 14.0',
}


@dataclass(frozen=True, slots=True)
class Example:
    """One call, made in two languages, and its answer."""

    curl: str
    python: str
    answer: str


def example_of(method: str, path: str, call: Mapping[str, Any]) -> Example:
    """The example of a call of an OpenAPI document."""
    address = f"{BASE}{_filled(path)}{QUERIES.get(path, '') if method == 'GET' else ''}"
    content = call.get("requestBody", {}).get("content", {})
    body = BODIES.get((method, path))
    made = _request(method, address, content) if body is None else _with_body(method, address, body)
    return Example(*made, _answer(method, path, call))


def _request(method: str, address: str, content: Mapping[str, Any]) -> tuple[str, str]:
    """The request in curl and in Python."""
    begin = "import requests\n\n"
    if method == "GET":
        return f"curl '{address}'", f'{begin}response = requests.get("{address}")\nprint(response.text)'
    if not content:
        python = f'{begin}response = requests.{method.lower()}("{address}")\nprint(response.json())'
        return f"curl -X {method} '{address}'", python
    if "multipart/form-data" in content:
        python = (
            f'{begin}with open("7-marker.png", "rb") as file:\n'
            '    form = {"file": ("7-marker.png", file, "image/png")}\n'
            f'    response = requests.post("{address}", files=form)\nprint(response.json())'
        )
        return f"curl -F file=@7-marker.png '{address}'", python
    curl = (
        f"""curl '{address}' -d "{{\\"instances\\": [{{\\"b64\\": \\"$(base64 -w0 7-marker.png)\\"}}]}}\""""
    )
    python = (
        'import base64\n\nimport requests\n\nwith open("7-marker.png", "rb") as file:\n'
        "    image = base64.b64encode(file.read()).decode()\n"
        f'response = requests.post("{address}", json={{"instances": [{{"b64": image}}]}})\n'
        "print(response.json())"
    )
    return curl, python


def _with_body(method: str, address: str, body: Any) -> tuple[str, str]:
    """The same with a body of JSON."""
    written = json.dumps(body)
    python = (
        f'import requests\n\nresponse = requests.{method.lower()}("{address}", json={written})\n'
        "print(response.json())"
    )
    return f"curl -X {method} '{address}' -d '{written}'", python


def _filled(path: str) -> str:
    for name, value in PATH_VALUES.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _answer(method: str, path: str, call: Mapping[str, Any]) -> str:
    """The answer that is written above, else one that has the form of the schema."""
    if (method, path) in TEXTS:
        return TEXTS[method, path]
    if (method, path) in ANSWERS:
        return _written(ANSWERS[method, path])
    good: Mapping[str, Any] = next(
        (one for status, one in call["responses"].items() if status.startswith("2")), {}
    )
    return _written(_shaped(good.get("content", {}).get("application/json", {}).get("schema", {})))


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2).replace('"…": "…"', "…").replace('"…"', "…")


def _shaped(schema: Mapping[str, Any]) -> Any:
    """Something of the form that a schema describes."""
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _shaped(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_shaped(schema.get("items", {}))]
    return {"string": "…", "integer": 1, "number": 0.9967, "boolean": True}.get(str(kind), "…")
