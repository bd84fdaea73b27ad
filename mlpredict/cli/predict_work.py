"""What `predict` was asked to do, done: by this process, or by the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli import garbage
from mlpredict.cli.options import chosen_columns
from mlpredict.cli.predict_usage import STDIN
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Format, Keep, Pages, Rejected, Sample, Task
from mlpredict.domain.predictions import KeepIn
from mlpredict.inputs.limits import Limits
from mlpredict.support.addresses import is_remote

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.known_objects import KnownObjects
    from mlpredict.api.model import Model
    from mlpredict.api.shared_run import Shared
    from mlpredict.cli.answers import Answers
    from mlpredict.cli.prediction_run import Job
    from mlpredict.cli.ray_run import Nodes
    from mlpredict.domain.parts import Sharing
    from mlpredict.inference.model import Model as LoadedModel
    from mlpredict.inference.outputs import OutputReader
    from mlpredict.inputs.decoder_pool import Decoders

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at")
# A number or an array has no label and no score; it is shown itself.
COLUMNS_WITHOUT_CLASSES = ("prediction_id", "filename", "prediction", "created_at")
COLUMNS_OF_LABELS = ("prediction_id", "filename", "labels", "score", "created_at")
COLUMNS_OF_VALUES = ("prediction_id", "filename", "value", "unit", "created_at")


class Images(NamedTuple):
    """What is to be predicted."""

    named: list[str]
    files_from: str | None
    null: bool
    limits: Limits
    pages: Pages

    def names(self) -> Iterator[str]:
        """Those of the command line and of the list."""
        from mlpredict.inputs.file_lists import names_from

        yield from self.named
        if self.files_from is not None:
            yield from names_from(self.files_from, separator=b"\0" if self.null else b"\n")

    @property
    def countable(self) -> bool:
        """Whether the names can be gone through twice."""
        return STDIN not in self.named and self.files_from is None and not any(map(is_remote, self.named))


class Used(NamedTuple):
    """The model that is asked for, and how it is to be used."""

    path: Path | None
    labels: str | None
    engine: EngineName
    trusted: bool
    store_top: int | None
    batch_size: int | None

    def load(self, images: Images, dsn: str | None) -> Model:
        """Load it, while it is shown that this takes a while."""
        from mlpredict.api.named import load_path_or_name
        from mlpredict.cli.waiting import waiting
        from mlpredict.pipeline.predicting import examples

        with waiting():
            return load_path_or_name(
                None if self.path is None else str(self.path),
                dsn,
                engine=self.engine,
                labels=self.labels,
                unsafe=self.trusted,
                examples=lambda spec: examples(images.named, spec, images.limits),
            ).storing_best(self.store_top)


class Stored(NamedTuple):
    """Where predictions go, and what of their images."""

    dsn: str | None
    no_store: bool
    kept: Keep | KeepIn
    skip_existing: bool
    labelled: bool
    retry: float

    def database(self) -> AbstractContextManager[Database | None]:
        """Connect, where there is anything to be stored."""
        if self.no_store:
            return nullcontext()
        from mlpredict.api.database import connect

        return connect(self.dsn, retry=self.retry)


class Shown(NamedTuple):
    """What is printed of predictions."""

    format: Format
    columns: str | None
    top_k: int | None

    def printer(self, loaded: LoadedModel) -> Answers:
        """Print what this model has to say."""
        from mlpredict.cli.answers import answers

        columns = chosen_columns(self.columns, usual_columns(loaded.reader))
        return answers(self.format, columns, self.top_k, loaded, asked=self.columns is not None)


def predict_on(nodes: Nodes, images: Images, used: Used, stored: Stored, arguments: Sequence[str]) -> int:
    """Have a cluster predict; how many inputs failed."""
    from mlpredict.cli.ray_predict import Wanted, predict_files_on

    wanted = Wanted(
        images.names(),
        used.batch_size,
        images.limits,
        stored.kept,
        stored.skip_existing,
        stored.retry,
        arguments,
    )
    return predict_files_on(nodes, wanted, used.load(images, stored.dsn))


def predict_here(
    images: Images,
    used: Used,
    stored: Stored,
    shown: Shown,
    sharing: Sharing | None,
    arguments: Sequence[str],
) -> int:
    """Predict in this process; how many inputs failed."""
    from mlpredict.inputs.decoding import start_decoders

    with start_decoders(images.named) as decoders:
        from mlpredict.api.known_objects import KnownObjects
        from mlpredict.cli.prediction_run import run
        from mlpredict.support.quiet import quiet_stderr

        model = used.load(images, stored.dsn)
        job = _job(images, stored, arguments, streams=shown.format is not Format.TABLE)
        printer = shown.printer(model.loaded)
        size = used.batch_size or model.loaded.batch_size
        known = KnownObjects(model.loaded.identity.fingerprint)
        if sharing is None:
            batches = _decoding(job, images.pages, model.loaded, size, decoders, known)
        else:
            batches = nullcontext(())
            job = job._replace(shared=_shared(job, sharing, size, decoders))
        with (
            talk.apart_from_descriptor_2(),
            quiet_stderr(),
            batches as decoded,
            known,
            # While images are being decoded already: the driver takes its time to be imported.
            stored.database() as database,
        ):
            garbage.collect_from_here()
            known.ask(database)
            return run(job, decoded, model, database, printer)


def _job(images: Images, stored: Stored, arguments: Sequence[str], *, streams: bool) -> Job:
    """What this process is to do."""
    from mlpredict.cli.prediction_run import Job
    from mlpredict.inputs.passed_over import PassedOver

    return Job(
        names=images.names,
        limits=images.limits,
        countable=images.countable,
        keep=stored.kept,
        skip_existing=stored.skip_existing,
        labels_below=images.named if stored.labelled else None,
        streams=streams,
        passed_over=PassedOver(),
        arguments=arguments,
    )


def _decoding(
    job: Job, pages: Pages, model: LoadedModel, size: int, decoders: Decoders | None, known: KnownObjects
) -> AbstractContextManager[Iterable[list[Sample | Rejected]]]:
    """The images in batches, decoded while others are predicted."""
    from mlpredict.inputs.sources import discover
    from mlpredict.pipeline.predicting import decoding

    found = discover(job.names(), job.limits, job.passed_over, known if job.skip_existing else None)
    return decoding(found, model.spec, batch_size=size, started=decoders, limits=job.limits, pages=pages)


def _shared(job: Job, sharing: Sharing, size: int, decoders: Decoders | None) -> Shared:
    from mlpredict.api.shared_run import Shared
    from mlpredict.inputs.sources import listed

    found = listed(job.names(), job.limits, job.passed_over)
    return Shared(sharing, found, size, job.limits, decoders)


def usual_columns(reader: OutputReader) -> tuple[str, ...]:
    """The columns that say what this model has to say."""
    if reader.task is Task.MULTI_LABEL:
        return COLUMNS_OF_LABELS
    if reader.unit is not None or reader.factor != 1:
        return COLUMNS_OF_VALUES
    return COLUMNS if reader.task.has_classes else COLUMNS_WITHOUT_CLASSES
