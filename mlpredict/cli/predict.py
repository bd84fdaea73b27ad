"""`mlpredict predict`: images in, stored predictions out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import typer

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
    limits_of,
)
from mlpredict.cli.predict_usage import STDIN, check_store_top, check_usage, sharing_of
from mlpredict.cli.predict_work import COLUMNS, Images, Shown, Stored, Used, predict_here, predict_on
from mlpredict.domain import EngineName, Keep, Pages
from mlpredict.errors import UsageError
from mlpredict.inputs.remote.keep_choice import keep_of

if TYPE_CHECKING:
    from mlpredict.cli.ray_run import Nodes
    from mlpredict.domain.parts import Sharing

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
    check_usage(named, files_from, no_store=no_store, skip_existing=skip_existing, keep=keep)
    kept = keep_of(keep)
    check_store_top(store_top, top_k, no_store=no_store)
    if label_from is not None and no_store:
        raise UsageError("--label-from labels what is stored: not with --no-store")
    sharing = sharing_of(
        run_key, part, named, no_store=no_store, pages=pages, labelled=label_from is not None
    )
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
    nodes = _nodes(ray, dsn, sharing, [name for name, given in without_effect.items() if given])
    if math.isnan(retry):
        raise UsageError("--retry nan: not a number of seconds")
    shown = Shown(chosen_format(format_, as_json), columns, top_k)
    chosen_columns(columns, COLUMNS)
    limits = limits_of(max_pixels, max_bytes)
    if not no_store:
        from mlpredict.storage.server.place import require_place

        require_place(dsn)
    images = Images(named, files_from, null, limits, pages)
    used = Used(model, labels, engine, unsafe_model, store_top, batch_size)
    stored = Stored(dsn, no_store, kept, skip_existing, label_from is not None, retry)
    if nodes is None:
        failed = predict_here(images, used, stored, shown, sharing, context.obj)
    else:
        failed = predict_on(nodes, images, used, stored, context.obj)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _nodes(
    address: str | None, dsn: str | None, sharing: Sharing | None, without_effect: list[str]
) -> Nodes | None:
    """The cluster that is asked for, if one is."""
    if address is None:
        return None
    from mlpredict.cli.ray_run import nodes_of

    return nodes_of(address, dsn, sharing, without_effect)
