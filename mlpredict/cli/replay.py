"""`mlpredict replay`: stored images through another model, and a comparison of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli import completion, garbage
from mlpredict.cli.compare import EVERYTHING, FailIfWorse, is_worse, write_comparison
from mlpredict.cli.filters import filtered
from mlpredict.cli.options import (
    MODEL,
    AsJson,
    Dsn,
    EngineChoice,
    FormatChoice,
    Labels,
    Quiet,
    UnsafeModel,
    Verbose,
    chosen_format,
)
from mlpredict.cli.predict_options import (
    RETRY_SECONDS,
    BatchSize,
    MaxBytes,
    MaxPixels,
    Retry,
    StoreTop,
    limits_of,
)
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Format, PredictionFilter
from mlpredict.errors import DatabaseError, DatabaseRefuses, UsageError

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.replaying import Replay
    from mlpredict.domain.comparisons import Comparison
    from mlpredict.pipeline.tally import Tally

FAILED = 1
GOES_ON = "the same command goes on"

NewModel = Annotated[
    Path,
    typer.Option(
        "--model",
        metavar="PATH|NAME",
        autocompletion=completion.model_or_path,
        help="The model that is to predict them: a file or folder, or the name of one that was used.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="NAME",
        autocompletion=completion.model,
        help="Only images that this model has predicted, and compare with it.",
        show_default=False,
    ),
]


@filtered(without=["model"])
def replay(
    model: NewModel,
    against: Against = None,
    fail_if_worse: FailIfWorse = False,
    wanted: PredictionFilter = EVERYTHING,
    labels: Labels = None,
    engine: EngineChoice = EngineName.AUTO,
    unsafe_model: UnsafeModel = False,
    batch_size: BatchSize = None,
    store_top: StoreTop = None,
    retry: Retry = RETRY_SECONDS,
    max_pixels: MaxPixels = "100M",
    max_bytes: MaxBytes = "100MB",
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Predict stored images with another model.

    Each image of the predictions that are chosen is predicted once, and not stored again. Then the models
    are compared on them. What the model has predicted already is passed over: ended early, the same command
    goes on. Exit status 1 says that some images failed.
    """
    chosen = chosen_format(format_, as_json)
    limits = limits_of(max_pixels, max_bytes)
    wanted = wanted._replace(model=against)

    from mlpredict.api.database import connect
    from mlpredict.api.named import load_path_or_name
    from mlpredict.api.replaying import Replay, stored_examples
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.waiting import waiting
    from mlpredict.support.quiet import quiet_stderr

    with connect(dsn or settings.dsn(), retry=retry) as database:
        with waiting():
            used = load_path_or_name(
                str(model),
                dsn,
                engine=engine,
                labels=labels,
                unsafe=unsafe_model,
                examples=lambda spec: stored_examples(database, wanted, spec),
            ).storing_best(store_top)
        with interruption() as interrupted:
            made = Replay(
                database,
                used,
                wanted,
                batch_size=batch_size,
                limits=limits,
                enough=interrupted.is_requested,
            )
            _check(made, database, wanted, fail_if_worse=fail_if_worse)
            garbage.collect_from_here()
            with talk.apart_from_descriptor_2(), quiet_stderr():
                tally = _carried_out(made)
        _tell(made, tally, str(used))
        if interrupted.is_requested():
            raise interrupted.as_error(_done(tally), GOES_ON)
        compared = made.compare() if len(made.chosen.models) == 1 else None
    _write(made, tally, compared, chosen)
    worse = fail_if_worse and (compared is None or is_worse(compared))
    if worse or tally.failed:
        raise typer.Exit(FAILED)


def _check(made: Replay, database: Database, wanted: PredictionFilter, *, fail_if_worse: bool) -> None:
    """Say why there is nothing to do, or nothing that a comparison could tell.

    Raises:
        UsageError: somebody wants to know which model is worse, and several could be meant.
    """
    models = made.chosen.models
    if not made.images and not made.chosen.done:
        from mlpredict.cli.nothing import tell_unknown

        with database.reading() as repository:
            if not tell_unknown(repository, wanted):
                talk.notice("no stored image that another model has predicted is chosen")
    if fail_if_worse and len(models) != 1:
        names = ", ".join(map(str, models))
        raise UsageError(
            f"--fail-if-worse: these images were predicted by {names or 'no other model that is known'}",
            hint="--against NAME says which of them to compare with" if names else None,
        )


def _carried_out(made: Replay) -> Tally:
    from mlpredict.cli.answers import tell_failures
    from mlpredict.cli.progress import progress
    from mlpredict.pipeline.tally import Tally

    tally = Tally()
    with progress("replaying", made.images) as advance:
        try:
            for outcomes in made.batches():
                tally.run_id = made.run_id
                tally.count(outcomes)
                tell_failures(outcomes)
                advance(len(outcomes))
        except DatabaseRefuses:
            raise
        except DatabaseError as error:
            error.hint = error.hint or GOES_ON
            raise
    return tally


def _done(tally: Tally) -> str:
    return f"{tally.predicted:,} predicted" + (f" and stored as run {tally.run_id}" if tally.run_id else "")


def _tell(made: Replay, tally: Tally, model: str) -> None:
    run = f", run {tally.run_id}" if tally.run_id else ""
    parts = [f"{tally.predicted:,} predicted by {model}"]
    if skipped := made.skipped:
        parts.append(f"{skipped:,} skipped: it has predicted them already")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    talk.notice(f"{', '.join(parts)} in {tally.seconds:.2f} s{run}")
    if made.left_out:
        talk.notice(
            f"{made.left_out:,} images are left out: only what another model saw of them was kept"
            " (--keep model-input), which is no use to this one"
        )


def _write(made: Replay, tally: Tally, compared: Comparison | None, chosen: Format) -> None:
    if compared is None and made.chosen.models:
        names = ", ".join(map(str, made.chosen.models))
        talk.notice(
            f"not compared, as several models had predicted these images: --against with one of {names}"
        )
    if chosen not in (Format.JSON, Format.JSONL):
        if compared is not None:
            write_comparison(compared, chosen)
        return
    from mlpredict.cli.stdout import write_data
    from mlpredict.report_page.as_json import comparison_as_json
    from mlpredict.support.json_text import as_json

    record = {
        "run_id": made.run_id,
        "predicted": tally.predicted,
        "skipped": made.skipped,
        "failed": tally.failed,
        "left_out": made.left_out,
        "comparison": None if compared is None else comparison_as_json(compared),
    }
    write_data(as_json(record) + b"\n")
