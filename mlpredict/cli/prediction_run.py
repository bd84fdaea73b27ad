"""What `predict` shows while it works and when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli.answers import Answers, tell_failures
from mlpredict.cli.interruption import how_to_resume, interruption
from mlpredict.cli.stdout import stdout_is_terminal
from mlpredict.cli.talk import stderr_is_terminal, talk, talk_console
from mlpredict.domain import Keep, PredictionRecord, Rejected, Sample
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import DatabaseError, DatabaseRefuses, NotKept
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.sources import volume_of
from mlpredict.pipeline.batch import Outcome
from mlpredict.pipeline.predicting import predict
from mlpredict.pipeline.recording import NotStoring
from mlpredict.pipeline.tally import Tally

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.api.shared_run import Shared, SharedRun
    from mlpredict.inference.model import Model as LoadedModel


class Job(NamedTuple):
    """What is to be predicted, and how."""

    names: Callable[[], Iterable[str]]
    limits: Limits
    countable: bool
    """Whether the names can be gone through twice: once to know how many there are."""
    keep: Keep | KeepIn
    skip_existing: bool
    labels_below: Sequence[str] | None
    """The folders and files whose own folders are labels; None where nothing is labelled."""
    streams: bool
    """Whether predictions are printed while the others are being made."""
    passed_over: PassedOver
    arguments: Sequence[str]
    """The command line."""
    shared: Shared | None = None
    """The run in parts that this is one of."""


def run(
    job: Job,
    decoded: Iterable[list[Sample | Rejected]],
    model: Model,
    database: Database | None,
    printer: Answers,
) -> int:
    """Predict, record and print everything that is decoded; how many inputs failed.

    Raises:
        Interrupted: a signal has ended it before everything was done; what was recorded is printed.
    """
    volume = _Volume(job)
    if database is not None and database.place is not None:
        _warn_of_little_space(job, model.loaded, volume, database.place)
    with interruption() as interrupted, _resumable(job):
        tally = Tally()
        with _progress(job, volume) as advance:
            for outcomes in _outcomes(job, decoded, model, database, tally, interrupted.is_requested):
                tally.count(outcomes)
                tell_failures(outcomes)
                printer.show([outcome for outcome in outcomes if isinstance(outcome, PredictionRecord)])
                advance(len(outcomes))
    printer.finish(tally)
    job.passed_over.tell()
    if interrupted.is_requested():
        raise interrupted.as_error(_done(tally), how_to_resume(job.arguments) if database else None)
    return tally.failed


def _outcomes(
    job: Job,
    decoded: Iterable[list[Sample | Rejected]],
    model: Model,
    database: Database | None,
    tally: Tally,
    enough: Callable[[], bool],
) -> Iterator[list[Outcome]]:
    """What becomes of images, a batch at a time, stored where there is a database."""
    if database is None:
        yield from predict(decoded, model.loaded, NotStoring(str(model)), enough)
        return
    labels = None
    if job.shared is not None:
        yield from _shared_outcomes(job, job.shared, model, database, tally, enough)
        return
    if job.labels_below is not None:
        from mlpredict.pipeline.labelling import FolderLabels

        labels = FolderLabels(job.labels_below)
    started = database.run(
        model,
        nullcontext(decoded),
        keep=job.keep,
        skip_existing=job.skip_existing,
        enough=enough,
        labels=labels,
    )
    for outcomes in started.batches():
        tally.run_id = started.run_id
        yield outcomes
    tally.run_id = started.run_id
    if job.labels_below is not None:
        done = started.labelled
        talk.notice(f"{done.labelled:,} labelled, {done.unchanged:,} unchanged, {done.revised:,} revised")


def _shared_outcomes(
    job: Job,
    shared: Shared,
    model: Model,
    database: Database,
    tally: Tally,
    enough: Callable[[], bool],
) -> Iterator[list[Outcome]]:
    """The same of the parts of a run that are this process's; what is left of it is said then."""
    started = database.share(model, shared, keep=job.keep, skip_existing=job.skip_existing, enough=enough)
    for outcomes in started.batches():
        tally.run_id = started.run_id
        yield outcomes
    tally.run_id = started.run_id
    if started.parts:
        talk.notice(_about_parts(started))


def _about_parts(done: SharedRun) -> str:
    """What this process did of a run, and what is left of it."""
    if done.done_before:
        mine = f"part {done.wanted} was there already"
    elif done.wanted.number is not None:
        mine = f"part {done.wanted}"
    else:
        mine = (
            f"{len(done.parts_taken):,} of {done.parts:,} parts" if done.parts_taken else "nothing was free"
        )
    whole = f"run {done.run_id} of {done.images:,} images"
    if not done.parts_left:
        return f"{mine}; {whole} is finished"
    return f"{mine}; {whole} has {done.parts - done.parts_left:,} of its {done.parts:,} parts"


@dataclass(slots=True)
class _Volume:
    """How much is named, found out once: to warn of little space, and to know how far a run is."""

    job: Job
    _known: tuple[int, int] | None = None

    @property
    def images(self) -> int | None:
        """How many images; None where the names can be gone through only once."""
        return self._measured()[0] if self.job.countable else None

    @property
    def file_bytes(self) -> int:
        """About how many bytes they have."""
        return self._measured()[1] if self.job.countable else 0

    def _measured(self) -> tuple[int, int]:
        if self._known is None:
            self._known = volume_of(self.job.names(), self.job.limits)
        return self._known


def _warn_of_little_space(job: Job, model: LoadedModel, volume: _Volume, place: Path) -> None:
    from mlpredict.storage.server import disk

    spec = model.spec
    pixels = spec.height * spec.width * spec.channels if spec.height and spec.width else None
    outputs = model.reader.best or len(model.identity.labels or ())
    growth = disk.growth(volume.images or 0, volume.file_bytes, job.keep, pixel_bytes=pixels, outputs=outputs)
    if warning := disk.warning(place, growth):
        talk.notice(warning)


@contextmanager
def _resumable(job: Job) -> Iterator[None]:
    """Where the database, or the bucket of images, fails for good, it is said how to go on when it does not.

    What it refuses it would refuse again.
    """
    try:
        yield
    except DatabaseRefuses:
        raise
    except (DatabaseError, NotKept) as error:
        error.hint = error.hint or how_to_resume(job.arguments)
        raise


def _done(tally: Tally) -> str:
    return f"{tally.predicted:,} predicted" + (f" and stored as run {tally.run_id}" if tally.run_id else "")


@contextmanager
def _progress(job: Job, volume: _Volume) -> Iterator[Callable[[int], None]]:
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

    console = talk_console()
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar, talk.beside(console):
        task = bar.add_task("predicting", total=volume.images)
        yield lambda images: bar.advance(task, images)
