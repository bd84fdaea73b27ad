"""`mlpredict predict`: images in, stored predictions out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlpredict.cli import garbage
from mlpredict.cli.options import (
    AsJson,
    Columns,
    Dsn,
    EngineChoice,
    FormatChoice,
    Labels,
    ModelPath,
    Quiet,
    UnsafeModel,
    Verbose,
    chosen_columns,
    chosen_format,
)
from mlpredict.cli.predict_options import (
    RETRY_SECONDS,
    BatchSize,
    FilesFrom,
    KeepChoice,
    LabelFrom,
    MaxBytes,
    MaxPixels,
    NoStore,
    NulSeparated,
    PagesChoice,
    PartChoice,
    Paths,
    RayAddress,
    Retry,
    RunKey,
    SkipExisting,
    StoreTop,
    TopK,
)
from mlpredict.cli.stdout import stdin_is_terminal
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Format, Keep, Pages, Task
from mlpredict.errors import UsageError
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.remote.keep_choice import keep_of
from mlpredict.support.addresses import is_remote
from mlpredict.support.units import parse_size

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.domain.parts import Sharing
    from mlpredict.inference.outputs import OutputReader

STDIN = "-"
DSNS = ("postgresql://", "postgres://")
"""They are no images, and would be kept with their passwords as files that failed."""

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at")
# A number or an array has no label and no score; it is shown itself.
COLUMNS_WITHOUT_CLASSES = ("prediction_id", "filename", "prediction", "created_at")
COLUMNS_OF_LABELS = ("prediction_id", "filename", "labels", "score", "created_at")
COLUMNS_OF_VALUES = ("prediction_id", "filename", "value", "unit", "created_at")
SOME_FAILED = 1


def predict(
    context: typer.Context,
    paths: Paths = None,
    files_from: FilesFrom = None,
    null: NulSeparated = False,
    model: ModelPath = None,
    labels: Labels = None,
    engine: EngineChoice = EngineName.AUTO,
    unsafe_model: UnsafeModel = False,
    batch_size: BatchSize = None,
    top_k: TopK = None,
    no_store: NoStore = False,
    skip_existing: SkipExisting = False,
    label_from: LabelFrom = None,
    pages: PagesChoice = Pages.FIRST,
    keep: KeepChoice = Keep.ORIGINAL.value,
    store_top: StoreTop = None,
    run_key: RunKey = None,
    part: PartChoice = None,
    ray: RayAddress = None,
    retry: Retry = RETRY_SECONDS,
    max_pixels: MaxPixels = "100M",
    max_bytes: MaxBytes = "100MB",
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Predict what images show, and store the answers.

    Folders are walked, whatever lies in them. Images and predictions are stored before they are printed.
    Exit status 1 says that some inputs failed; the others are stored.
    """
    named = paths or []
    _check_usage(named, files_from, no_store=no_store, skip_existing=skip_existing, keep=keep)
    kept = keep_of(keep)
    check_store_top(store_top, top_k, no_store=no_store)
    if label_from is not None and no_store:
        raise UsageError("--label-from labels what is stored: not with --no-store")
    sharing = _sharing(run_key, part, named, no_store=no_store, pages=pages, labelled=label_from is not None)
    nodes = None
    if ray is not None:
        from mlpredict.cli.ray_run import nodes_of

        without_effect = {
            "--no-store": no_store,
            "--format": format_ is not None,
            "--json": as_json,
            "--columns": columns is not None,
            "--top-k": top_k is not None,
            "--label-from": label_from is not None,
            "--pages all": pages is Pages.ALL,
            "-": STDIN in named,
        }
        nodes = nodes_of(ray, dsn, sharing, [name for name, given in without_effect.items() if given])
    if math.isnan(retry):
        raise UsageError("--retry nan: not a number of seconds")
    chosen = chosen_format(format_, as_json)
    chosen_columns(columns, COLUMNS)
    limits = Limits(parse_size(max_pixels, "--max-pixels"), parse_size(max_bytes, "--max-bytes"))

    if not no_store:
        from mlpredict.storage.server.place import require_place

        require_place(dsn)
    if nodes is not None:
        from mlpredict.cli.ray_run import RayJob, run_on_cluster
        from mlpredict.cli.waiting import waiting

        with waiting():
            used = _load(model, dsn, labels, engine, named, limits, trusted=unsafe_model)
        names = _names(named, files_from, null=null)
        work = RayJob(nodes, names, batch_size, limits, kept, skip_existing, retry, context.obj)
        if run_on_cluster(work, used.storing_best(store_top)):
            raise typer.Exit(SOME_FAILED)
        return
    from mlpredict.inputs.decoding import start_decoders

    with start_decoders(named) as decoders:
        from mlpredict.api.known_objects import KnownObjects
        from mlpredict.api.shared_run import Shared
        from mlpredict.cli.answers import answers
        from mlpredict.cli.prediction_run import Job, run
        from mlpredict.cli.waiting import waiting
        from mlpredict.inputs.passed_over import PassedOver
        from mlpredict.inputs.sources import discover, listed
        from mlpredict.pipeline.predicting import decoding
        from mlpredict.support.quiet import quiet_stderr

        with waiting():
            used = _load(model, dsn, labels, engine, named, limits, trusted=unsafe_model)
            used = used.storing_best(store_top)
        loaded = used.loaded
        usual = usual_columns(loaded.reader)
        job = Job(
            names=lambda: _names(named, files_from, null=null),
            limits=limits,
            countable=STDIN not in named and files_from is None and not any(map(is_remote, named)),
            keep=kept,
            skip_existing=skip_existing,
            labels_below=None if label_from is None else named,
            streams=chosen is not Format.TABLE,
            passed_over=PassedOver(),
            arguments=context.obj,
        )
        shown = chosen_columns(columns, usual)
        printer = answers(chosen, shown, top_k, loaded, asked=columns is not None)
        size = batch_size or loaded.batch_size
        known = KnownObjects(loaded.identity.fingerprint)
        if sharing is None:
            found = discover(job.names(), limits, job.passed_over, known if skip_existing else None)
            batches = decoding(
                found, loaded.spec, batch_size=size, started=decoders, limits=limits, pages=pages
            )
        else:
            batches = nullcontext(())
            found = listed(job.names(), limits, job.passed_over)
            job = job._replace(shared=Shared(sharing, found, size, limits, decoders))
        with (
            talk.apart_from_descriptor_2(),
            quiet_stderr(),
            batches as decoded,
            known,
            # While images are being decoded already: the driver takes its time to be imported.
            _database(dsn, no_store, retry) as database,
        ):
            garbage.collect_from_here()
            known.ask(database)
            failed = run(job, decoded, used, database, printer)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _check_usage(
    named: list[str], files_from: str | None, *, no_store: bool, skip_existing: bool, keep: str
) -> None:
    if not named and files_from is None:
        raise UsageError("nothing to predict: name image files or folders, or - for an image on stdin")
    if any(name.startswith(DSNS) for name in named):
        raise UsageError("a database is named with --dsn, and images without")
    if STDIN in named and files_from == STDIN:
        raise UsageError("stdin cannot be an image and a list of paths at once")
    if (STDIN in named or files_from == STDIN) and stdin_is_terminal():
        raise UsageError("stdin is a terminal: pipe something into it")
    if STDIN in named and keep == Keep.REFERENCE:
        raise UsageError("--keep reference needs files: what comes on stdin is nowhere to be found later")
    if no_store and skip_existing:
        raise UsageError("--no-store and --skip-existing exclude each other")


def check_store_top(store_top: int | None, top_k: int | None, *, no_store: bool = False) -> None:
    """Refuse what cannot be printed of the best classes, or stored.

    Raises:
        UsageError: more labels are to be printed than are stored, or nothing is stored.
    """
    if store_top is None:
        return
    if no_store:
        raise UsageError("--no-store and --store-top exclude each other")
    if top_k is not None and top_k > store_top:
        raise UsageError(f"--top-k {top_k}: what is stored is printed, and --store-top stores {store_top}")


def _sharing(
    key: str | None, part: str | None, named: list[str], *, no_store: bool, pages: Pages, labelled: bool
) -> Sharing | None:
    """The run in parts that is asked for, if one is."""
    if key is None and part is None:
        return None
    from mlpredict.support.run_parts import require_one_list, sharing_of

    sharing = sharing_of(key, part)
    if no_store:
        raise UsageError("--run-key and --no-store exclude each other: the database is what processes share")
    if STDIN in named:
        raise UsageError(
            "--run-key needs files: an image on stdin has no name by which another process finds it"
        )
    require_one_list(pages=pages, labelled=labelled)
    return sharing


def usual_columns(reader: OutputReader) -> tuple[str, ...]:
    """The columns that say what this model has to say."""
    if reader.task is Task.MULTI_LABEL:
        return COLUMNS_OF_LABELS
    if reader.unit is not None or reader.factor != 1:
        return COLUMNS_OF_VALUES
    return COLUMNS if reader.task.has_classes else COLUMNS_WITHOUT_CLASSES


def _names(named: list[str], files_from: str | None, *, null: bool) -> Iterator[str]:
    from mlpredict.inputs.file_lists import names_from

    yield from named
    if files_from is not None:
        yield from names_from(files_from, separator=b"\0" if null else b"\n")


def _load(
    path: Path | None,
    dsn: str | None,
    labels: str | None,
    engine: EngineName,
    named: list[str],
    limits: Limits,
    *,
    trusted: bool,
) -> Model:
    from mlpredict.api.named import load_path_or_name
    from mlpredict.pipeline.predicting import examples

    return load_path_or_name(
        None if path is None else str(path),
        dsn,
        engine=engine,
        labels=labels,
        unsafe=trusted,
        examples=lambda spec: examples(named, spec, limits),
    )


def _database(dsn: str | None, no_store: bool, retry: float) -> AbstractContextManager[Database | None]:
    if no_store:
        return nullcontext()
    from mlpredict.api.database import connect

    return connect(dsn, retry=retry)
