"""`mlpredict replay`: stored images through another model, and a comparison of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli import completion
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
    PartChoice,
    RayAddress,
    Retry,
    RunKey,
    StoreTop,
    limits_of,
)
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Format, PredictionFilter

if TYPE_CHECKING:
    from mlpredict.cli.replay_run import Made

FAILED = 1

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
    context: typer.Context,
    model: NewModel,
    against: Against = None,
    fail_if_worse: FailIfWorse = False,
    wanted: PredictionFilter = EVERYTHING,
    labels: Labels = None,
    engine: EngineChoice = EngineName.AUTO,
    unsafe_model: UnsafeModel = False,
    batch_size: BatchSize = None,
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
    from mlpredict.api.replaying import stored_examples
    from mlpredict.cli.replay_run import Asked, replay_here, replay_on
    from mlpredict.cli.waiting import waiting
    from mlpredict.support.run_parts import sharing_of

    sharing = sharing_of(run_key, part)
    nodes = None
    if ray is not None:
        from mlpredict.cli.ray_run import nodes_of

        nodes = nodes_of(ray, dsn, sharing, ())
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
        asked = Asked(wanted, batch_size, limits, sharing, fail_if_worse, retry, context.obj)
        made = replay_on(nodes, database, used, asked) if nodes else replay_here(database, used, asked)
    _write(made, chosen)
    worse = fail_if_worse and (made.comparison is None or is_worse(made.comparison))
    if worse or made.failed:
        raise typer.Exit(FAILED)


def _write(made: Made, chosen: Format) -> None:
    if made.comparison is None and made.missing:
        talk.notice("not compared, as parts of the run are missing: who does the last of them compares")
    elif made.comparison is None and made.models:
        names = ", ".join(map(str, made.models))
        talk.notice(
            f"not compared, as several models had predicted these images: --against with one of {names}"
        )
    if chosen not in (Format.JSON, Format.JSONL):
        if made.comparison is not None:
            write_comparison(made.comparison, chosen)
        return
    from mlpredict.cli.stdout import write_data
    from mlpredict.report_page.as_json import comparison_as_json
    from mlpredict.support.json_text import as_json

    record = {
        "run_id": made.run_id,
        "predicted": made.predicted,
        "skipped": made.skipped,
        "failed": made.failed,
        "left_out": made.left_out,
        "comparison": None if made.comparison is None else comparison_as_json(made.comparison),
    }
    write_data(as_json(record) + b"\n")
