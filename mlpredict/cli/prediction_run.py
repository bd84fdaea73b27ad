"""What `predict` shows while it works and when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict.cli.answers import Answers, _tell_failures
from mlpredict.cli.interruption import how_to_resume, interruption
from mlpredict.cli.stdout import stdout_is_terminal
from mlpredict.cli.talk import stderr_is_terminal, talk, talk_console
from mlpredict.domain import Keep, PredictionRecord, Rejected, Run, Sample
from mlpredict.errors import DatabaseError
from mlpredict.inference.model import Model
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.sources import discover, volume_of
from mlpredict.pipeline.predicting import predict
from mlpredict.pipeline.recording import NotStoring, Recorder, Storing
from mlpredict.pipeline.tally import Tally

if TYPE_CHECKING:
    from mlpredict.storage.retrying import PersistentStore


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be predicted, and how."""

    names: Callable[[], Iterable[str]]
    limits: Limits
    countable: bool
    """Whether the names can be gone through twice: once to know how many there are."""
    keep: Keep
    skip_existing: bool
    streams: bool
    """Whether predictions are printed while the others are being made."""
    arguments: Sequence[str]
    """The command line."""


def run(
    job: Job,
    decoded: Iterable[list[Sample | Rejected]],
    model: Model,
    store: PersistentStore | None,
    printer: Answers,
) -> int:
    """Predict, record and print everything that is decoded; how many inputs failed.

    Raises Interrupted when a signal has ended it before everything was, with what was recorded printed.
    """
    if store is not None and store.place is not None:
        _warn_of_little_space(job, model, store.place)
    with interruption() as interrupted, _resumable(job):
        recorder, stored_run = _recorder(job, model, store)
        tally = Tally(stored_run.run_id if stored_run else None)
        with _progress(job) as advance:
            for outcomes in predict(decoded, model, recorder, interrupted.is_requested):
                tally.count(outcomes)
                _tell_failures(outcomes)
                printer.show([outcome for outcome in outcomes if isinstance(outcome, PredictionRecord)])
                advance(len(outcomes))
        if store is not None and stored_run is not None and not interrupted.is_requested():
            store.finish_run(stored_run)
    printer.finish(tally)
    if interrupted.is_requested():
        raise interrupted.as_error(_done(tally), how_to_resume(job.arguments) if store else None)
    return tally.failed


def _warn_of_little_space(job: Job, model: Model, place: Path) -> None:
    from mlpredict.storage.server import disk

    images, file_bytes = volume_of(job.names(), job.limits) if job.countable else (0, 0)
    spec = model.spec
    pixels = spec.height * spec.width * spec.channels if spec.height and spec.width else None
    outputs = len(model.identity.labels or ())
    growth = disk.growth(images, file_bytes, job.keep, pixel_bytes=pixels, outputs=outputs)
    if warning := disk.warning(place, growth):
        talk.notice(warning)


@contextmanager
def _resumable(job: Job) -> Iterator[None]:
    """Where the database fails for good, it is said how to go on when it does not."""
    try:
        yield
    except DatabaseError as error:
        error.hint = error.hint or how_to_resume(job.arguments)
        raise


def _done(tally: Tally) -> str:
    return f"{tally.predicted:,} predicted" + (f" and stored as run {tally.run_id}" if tally.run_id else "")


def _recorder(job: Job, model: Model, store: PersistentStore | None) -> tuple[Recorder, Run | None]:
    """What records the predictions, and the run where they are stored."""
    if store is None:
        return NotStoring(str(model.identity)), None
    run = store.start_run(model.identity, engine=model.engine.name, keep=job.keep)
    skipping = model.identity.fingerprint if job.skip_existing else None
    return Storing(store, run, job.keep, model.spec.preprocessing, skipping), run


@contextmanager
def _progress(job: Job) -> Iterator[Callable[[int], None]]:
    """A bar on standard error where a person can see it; what advances it by so many images."""
    # A bar and lines of data on the same screen would be written over one another.
    if talk.quiet or not stderr_is_terminal() or (job.streams and stdout_is_terminal()):
        yield lambda _images: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    total = sum(1 for _ in discover(job.names())) if job.countable else None
    console = talk_console()
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar, talk.beside(console):
        task = bar.add_task("predicting", total=total)
        yield lambda images: bar.advance(task, images)
