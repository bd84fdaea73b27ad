"""A stand-in for the server behind the page: the calls that the page makes, answered from memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from mlpredict.domain import ImageSpec, ModelIdentity, Task
from mlpredict.web.routes.page import page_router

DIGITS = tuple("0123456789")
FIRST_TIME = datetime(2026, 11, 24, 9, tzinfo=UTC)


def model(labels: tuple[str, ...] | None = DIGITS, name: str = "mnist-convnet") -> ModelIdentity:
    """A model to name on the page."""
    task = Task.CLASSIFICATION if labels else Task.RAW
    return ModelIdentity(name, "285f0e48" + "0" * 56, "savedmodel", "saved_model", task, labels, {})


@dataclass
class Store:
    """What the stand-in has stored, and how it is to behave."""

    records: list[dict[str, Any]] = field(default_factory=list)
    images: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    token: str | None = None
    busy_answers: int = 0
    has_scores: bool = True
    forbids: bool = False
    """Whether nothing may be changed."""
    reports: list[dict[str, str]] = field(default_factory=list)
    """What reports were asked for."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """What was said that images are."""
    report_seconds: float = 0.0
    said: list[dict[str, Any]] = field(default_factory=list)
    """What was said of many images, request by request."""

    def add(self, filename: str, content: bytes = b"", contenttype: str = "image/png") -> dict[str, Any]:
        """Store a prediction: the label is the name's first digit, the score goes down with its length."""
        number = len(self.records) + 1
        label = next((character for character in filename if character.isdigit()), "7")
        score = round(0.999 - 0.01 * len(filename), 4)
        probabilities = [score if digit == label else (1 - score) / 9 for digit in DIGITS]
        self.images[number] = (content, contenttype)
        record = {
            "prediction_id": number,
            "input_id": number,
            "run_id": 1,
            "filename": filename,
            "contenttype": contenttype,
            "prediction": probabilities,
            "likely_class": int(label) if self.has_scores else None,
            "label": label if self.has_scores else None,
            "score": score if self.has_scores else None,
            "model": str(model()),
            "true_label": None,
            "right": None,
            "created_at": (FIRST_TIME + timedelta(seconds=37 * number)).isoformat(),
        }
        self.records.insert(0, record)
        return record

    def tell(self, number: int, label: str | None) -> None:
        """Say what an image is, or nothing."""
        for record in self.records:
            if record["input_id"] == number:
                record["true_label"] = label
                record["right"] = None if label is None else record["label"] == label

    def again(self, record: dict[str, Any], score: float, of_model: str) -> dict[str, Any]:
        """Store another prediction of the same image."""
        number = len(self.records) + 1
        made = {**record, "prediction_id": number, "run_id": 2, "score": score, "model": of_model}
        self.records.insert(0, made)
        return made

    def matching(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        """The predictions that a filter wants, the newest first."""
        return [
            record
            for record in self.records
            if asked.get("label") in (None, record["label"])
            and asked.get("model") in (None, record["model"])
            and asked.get("run") in (None, str(record["run_id"]))
            and asked.get("true_label") in (None, record["true_label"])
            and ("wrong" not in asked or record["right"] is False)
            and ("right" not in asked or record["right"] is True)
            and ("labelled" not in asked or record["true_label"] is not None)
            and ("unlabelled" not in asked or record["true_label"] is None)
            and asked.get("since", "") <= record["created_at"] < asked.get("until", "9")
            and fnmatchcase(record["filename"], asked.get("filename", "*"))
            and float(asked.get("min_score", 0)) <= (record["score"] or 0) <= float(asked.get("max_score", 1))
        ]

    def firsts(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        """Of each image the first of them in the order."""
        found = self.matching(asked)
        if "score" in asked.get("sort", ""):
            found.sort(key=lambda record: record["score"], reverse=asked["sort"].startswith("-"))
        first = {record["input_id"]: record for record in reversed(found)}
        return [record for record in found if first[record["input_id"]] is record]

    def answers(self, record: dict[str, Any]) -> list[dict[str, Any]] | None:
        """Every label with its score, or None where there are none."""
        if record["label"] is None:
            return None
        said = record["prediction"]
        pairs = said.items() if isinstance(said, dict) else zip(DIGITS, said, strict=True)
        return [{"label": label, "score": score} for label, score in pairs]


def stand_in(first_store: Store, identity: ModelIdentity, spec: ImageSpec) -> FastAPI:
    """The page, and behind it a store, which `app.state.store` replaces."""
    app = FastAPI()
    app.state.store = first_store
    app.state.report = ""
    app.include_router(page_router(identity, spec))

    def store() -> Store:
        current: Store = app.state.store
        return current

    @app.middleware("http")
    async def guard(request: Request, follow: Any) -> Response:
        asked = request.url.path.startswith("/v1/")
        if asked and store().token and request.headers.get("authorization") != f"Bearer {store().token}":
            return JSONResponse({"detail": "A token is needed."}, 401)
        response: Response = await follow(request)
        return response

    @app.get("/")
    def root() -> dict[str, str]:
        return {"error": "Use GET /predictions/ instead of the root route!"}

    @app.post("/v1/predictions", status_code=201)
    def predict(file: list[UploadFile]) -> Any:
        if store().busy_answers:
            store().busy_answers -= 1
            return JSONResponse({"detail": "The queue is full."}, 503, {"Retry-After": "0.05"})
        [upload] = file
        name, contenttype = upload.filename or "", upload.content_type or ""
        if not contenttype.startswith("image/"):
            raise HTTPException(415, f"File '{name}' is not an image.")
        content = upload.file.read()
        if b"broken" in content:
            entry = {"filename": name, "error": "not an image that can be read"}
            return JSONResponse({"predictions": [entry]}, 422)
        record = store().add(name, content, contenttype)
        top = sorted(store().answers(record) or [], key=lambda answer: -answer["score"])
        return {"predictions": [{**record, "top": top}]}

    @app.get("/v1/predictions")
    def predictions(input: int, limit: int = 20) -> dict[str, Any]:  # noqa: A002 - the API calls it so
        of_image = [record for record in store().records if record["input_id"] == input]
        return {"predictions": of_image[:limit], "next": None}

    @app.get("/v1/predictions/count")
    def count(request: Request) -> dict[str, int]:
        found = store().matching(dict(request.query_params))
        return {"predictions": len(found), "images": len({record["input_id"] for record in found})}

    @app.get("/v1/inputs")
    def inputs(request: Request, limit: int = 20, before: int | None = None) -> dict[str, Any]:
        asked = dict(request.query_params)
        found = store().firsts(asked)
        ids = [record["prediction_id"] for record in found]
        start = 0 if before is None else ids.index(before) + 1
        page = found[start : start + limit]
        kept = "".join(f"&{name}={value}" for name, value in asked.items() if name != "before")
        following = f"/v1/inputs?before={page[-1]['prediction_id']}{kept}" if page else None
        images = [
            {
                "input_id": record["input_id"],
                "image": f"/v1/inputs/{record['input_id']}/image",
                "predictions": sum(one["input_id"] == record["input_id"] for one in store().records),
                "first": record,
            }
            for record in page
        ]
        return {"inputs": images, "next": following if len(found) > start + limit else None}

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"models": [{"model": name} for name in {one["model"] for one in store().records}]}

    @app.get("/v1/predictions/{number}")
    def prediction(number: int) -> dict[str, Any]:
        for record in store().records:
            if record["prediction_id"] == number:
                image = f"/v1/inputs/{record['input_id']}/image"
                return {**record, "probabilities": store().answers(record), "image": image}
        raise HTTPException(404, f"There is no prediction {number}.")

    @app.delete("/v1/predictions/{number}")
    def delete(number: int) -> dict[str, int]:
        allow()
        prediction(number)
        store().records = [one for one in store().records if one["prediction_id"] != number]
        return {"predictions": 1, "inputs": 1, "labels": 0, "failures": 0}

    def allow() -> None:
        if store().forbids:
            raise HTTPException(403, "The role may not change this.")

    def said(number: int) -> dict[str, Any]:
        label = next(one["true_label"] for one in store().records if one["input_id"] == number)
        known = {"true_labels": None, "labelled_by": None, "source": label and "page"}
        return {"input_id": number, "true_label": label, **known}

    @app.get("/v1/inputs/{number}/label")
    def label(number: int) -> dict[str, Any]:
        return said(number)

    @app.put("/v1/inputs/{number}/label")
    def put_label(number: int, body: dict[str, Any]) -> dict[str, Any]:
        allow()
        before = said(number)["true_label"]
        store().bodies.append(body)
        told = body.get("label", str(body.get("value", ",".join(body.get("labels", ())))))
        store().tell(number, told)
        result = "labelled" if before is None else "unchanged" if before == told else "revised"
        remarks = [f"{told} is no label of the model"] if told == "frog" else []
        return {"result": result, **said(number), "remarks": remarks}

    @app.delete("/v1/inputs/{number}/label")
    def delete_label(number: int) -> dict[str, Any]:
        allow()
        store().tell(number, None)
        return {"result": "removed", **said(number), "remarks": []}

    def to_review() -> list[dict[str, Any]]:
        open_ = [one for one in store().records if one["true_label"] is None]
        return sorted(open_, key=lambda one: (one["score"] or 0, one["prediction_id"]))

    @app.get("/v1/review")
    def review(limit: int, after: int = 0, order: str = "least-confident") -> dict[str, Any]:
        found = to_review()
        page = [
            {**one, "image": f"/v1/inputs/{one['input_id']}/image"} for one in found[after : after + limit]
        ]
        further = f"/v1/review?limit={limit}&after={after + limit}" if after + limit < len(found) else None
        return {"images": page, "source": "review", "next": further}

    @app.get("/v1/review/count")
    def review_count() -> dict[str, int]:
        return {"images": len(to_review())}

    @app.post("/v1/labels")
    def post_labels(body: dict[str, Any]) -> dict[str, Any]:
        allow()
        store().said.append(body)
        for one in body["images"]:
            store().tell(one["input_id"], one.get("label"))
        counts = dict.fromkeys(("labelled", "unchanged", "revised", "removed", "unusable"), 0)
        return {**counts, "not_stored": [], "remarks": []}

    @app.get("/v1/report/page")
    def report(request: Request) -> Response:
        store().reports.append(dict(request.query_params))
        time.sleep(store().report_seconds)
        if "run" in request.query_params:
            raise HTTPException(503, "Other reports are being made already; try again in a moment.")
        return Response(app.state.report, media_type="text/html")

    @app.get("/v1/inputs/{number}/image")
    def image(number: int) -> Response:
        content, contenttype = store().images[number]
        if not content:
            raise HTTPException(404, f"Input {number} has no image.")
        return Response(content, media_type=contenttype)

    return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a port of its own, in a thread: its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join()
