"""`mlpredict watch`: predicts what appears in folders, until it is ended."""

from __future__ import annotations

import math
import os
import signal
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
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
    IMAGES,
    BatchSize,
    KeepChoice,
    MaxBytes,
    MaxPixels,
    PagesChoice,
    StoreTop,
    TopK,
    limits_of,
)
from mlpredict.cli.predict_usage import check_store_top
from mlpredict.cli.predict_work import COLUMNS, usual_columns
from mlpredict.cli.quiet_libraries import quiet_libraries
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Format, Keep, Pages, PredictionRecord
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import DatabaseError, UsageError
from mlpredict.inputs.remote.keep_choice import keep_of

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.cli.answers import Answers
    from mlpredict.cli.interruption import Interruption
    from mlpredict.domain import Run
    from mlpredict.pipeline.watching import How

SETTLE_SECONDS = 1.0
POLL_SECONDS = 5.0

Folders = Annotated[list[str], typer.Argument(metavar="FOLDER…", help="Folders; those in them, too.")]
Settle = Annotated[
    float,
    typer.Option(
        "--settle",
        min=0,
        metavar="SECONDS",
        help="How long a file must have stayed as it is.",
        rich_help_panel=IMAGES,
    ),
]
Poll = Annotated[
    float,
    typer.Option(
        "--poll",
        min=0.1,
        metavar="SECONDS",
        help="How often to look where the system tells of no changes.",
        rich_help_panel=IMAGES,
    ),
]


def watch(
    folders: Folders,
    model: ModelPath = None,
    labels: Labels = None,
    engine: EngineChoice = EngineName.AUTO,
    unsafe_model: UnsafeModel = False,
    batch_size: BatchSize = None,
    top_k: TopK = None,
    pages: PagesChoice = Pages.FIRST,
    keep: KeepChoice = Keep.ORIGINAL.value,
    store_top: StoreTop = None,
    settle: Settle = SETTLE_SECONDS,
    poll: Poll = POLL_SECONDS,
    max_pixels: MaxPixels = "100M",
    max_bytes: MaxBytes = "100MB",
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Predict what appears in folders.

    What is there already is predicted first, unless this model has predicted it. Files are waited for until
    nobody writes to them. It goes on until Ctrl-C or SIGTERM.
    """
    kept = keep_of(keep)
    check_store_top(store_top, top_k)
    chosen = _format(format_, as_json)
    chosen_columns(columns, COLUMNS)
    limits = limits_of(max_pixels, max_bytes)
    for option, seconds in (("--settle", settle), ("--poll", poll)):
        if not math.isfinite(seconds):
            raise UsageError(f"{option} {seconds}: not a number of seconds")
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"{folder}: no such folder")
    from mlpredict.storage.server.place import require_place

    require_place(dsn)
    from mlpredict.api.named import load_path_or_name
    from mlpredict.cli.answers import answers
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.waiting import waiting
    from mlpredict.pipeline.predicting import examples
    from mlpredict.pipeline.watching import How

    with waiting():
        used = load_path_or_name(
            None if model is None else str(model),
            dsn,
            engine=engine,
            labels=labels,
            unsafe=unsafe_model,
            examples=lambda spec: examples(folders, spec, limits),
        ).storing_best(store_top)
    shown = chosen_columns(columns, usual_columns(used.loaded.reader))
    printer = answers(chosen, shown, top_k, used.loaded, asked=columns is not None)
    how = How(batch_size or used.loaded.batch_size, limits, pages)
    with ExitStack() as stack:
        stack.enter_context(quiet_libraries())
        interrupted = stack.enter_context(interruption())
        _watch(folders, used, kept, how, (settle, poll), dsn or settings.dsn(), printer, interrupted)


def _format(given: Format | None, as_json: bool) -> Format:
    """How to print line by line, which no table does.

    Raises:
        UsageError: a table is asked for.
    """
    if given is Format.TABLE:
        raise UsageError("--format table: a table has an end, and this has none; tsv, csv or jsonl")
    chosen = chosen_format(given, as_json)
    return Format.TSV if chosen is Format.TABLE else chosen


def _watch(
    folders: list[str],
    model: Model,
    keep: Keep | KeepIn,
    how: How,
    seconds: tuple[float, float],
    dsn: str | None,
    printer: Answers,
    interrupted: Interruption,
) -> None:
    from mlpredict.cli.answers import tell_failures
    from mlpredict.inputs.arrivals import Arrivals
    from mlpredict.inputs.folder_events import FolderEvents
    from mlpredict.pipeline.recording import Recorder, check_keep, start_recording
    from mlpredict.pipeline.tally import Tally
    from mlpredict.pipeline.watching import watch as predict_arrivals
    from mlpredict.storage.retrying import open_store

    check_keep(keep, model.loaded.identity, model.loaded.spec.preprocessing)
    tally = Tally()
    runs: list[Run] = []
    enough = interrupted.is_requested
    with (
        open_store(dsn, retry=math.inf, enough=enough) as store,
        FolderEvents(folders) as events,
        _leases_handled(),
    ):

        def recorder() -> Recorder:
            storing, run = start_recording(model.loaded, store, keep=keep, skip_existing=True)
            runs.append(run)
            tally.run_id = run.run_id
            return storing

        garbage.collect_from_here()
        talk.notice(f"watching {', '.join(folders)} with {model}; Ctrl-C ends it")
        arrivals = Arrivals(folders, *seconds)
        try:
            for outcomes in predict_arrivals(arrivals, events, model.loaded, recorder, how, enough):
                tally.count(outcomes)
                tell_failures(outcomes)
                printer.show([one for one in outcomes if isinstance(one, PredictionRecord)])
            for run in runs:
                store.finish_run(run)
        except DatabaseError:
            # What is not stored is predicted when it is started again.
            if not enough():
                raise
    printer.finish(tally)


def _leases_handled() -> AbstractContextManager[None]:
    """Asking whether somebody writes to a file may be answered by a signal that ends a program."""
    from mlpredict.support.signals import handled

    numbers = [signal.SIGIO] if hasattr(signal, "SIGIO") else []
    return handled(numbers, lambda _number, _frame: None)
