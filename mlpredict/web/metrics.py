"""What Prometheus is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from mlpredict.domain import PredictionRecord, Rejected
from mlpredict.pipeline.batch import Outcome
from mlpredict.web.server.workers import METRICS

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The numbers of this process; thread-safe."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._own = own
        self._requests = Counter(
            "mlpredict_requests", "Requests answered.", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "mlpredict_request_seconds", "Time to the answer.", ("route",), registry=own, buckets=SECONDS
        )
        self._batches = Histogram(
            "mlpredict_batch_images", "Images that were stored together.", registry=own, buckets=BATCH_SIZES
        )
        self._predictions = Counter("mlpredict_predictions", "Predictions stored.", ("label",), registry=own)
        self._failures = Counter("mlpredict_failures", "Images that gave no prediction.", registry=own)
        self._images = Gauge(
            "mlpredict_images_in_work",
            "Images that are accepted and not yet answered.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self._images_now: Callable[[], int] = lambda: 0

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, outcomes: Collection[Outcome]) -> None:
        """A batch was stored."""
        self._batches.observe(len(outcomes))
        for outcome in outcomes:
            match outcome:
                case PredictionRecord():
                    self._predictions.labels(outcome.label or "").inc()
                case Rejected():
                    self._failures.inc()

    def watch_images(self, images: Callable[[], int]) -> None:
        """Where the number of images in work comes from."""
        self._images_now = images

    def text(self) -> tuple[bytes, str]:
        """What is scraped, and its content type."""
        self._images.set(self._images_now())
        registry = self._own
        if METRICS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
