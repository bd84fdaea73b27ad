"""`mlpredict model`: what was understood of a model, and which preprocessing is right for it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpredict import settings
from mlpredict.cli import completion
from mlpredict.cli.options import Dsn, EngineChoice, InJson, Labels, Quiet, UnsafeModel, Verbose
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.inference.model import Model as LoadedModel
    from mlpredict.inference.understood import Understood

PathOrName = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATH|NAME]",
        autocompletion=completion.model_or_path,
        help="A model, or the name of one that was used; else $MLPREDICT_MODEL, else the digit model.",
        show_default=False,
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[IMAGE…|FOLDER]",
        help="For --try: images, or a folder with a folder a class.",
        show_default=False,
    ),
]
Try = Annotated[
    bool,
    typer.Option(
        "--try",
        help="Run plausible preprocessings over images, side by side.",
        show_default=False,
    ),
]
Write = Annotated[
    bool,
    typer.Option("--write", help="Write a mlpredict.toml that spells everything out.", show_default=False),
]
SOME_FAILED = 1
Force = Annotated[bool, typer.Option("--force", help="Overwrite it.", show_default=False)]


def model(
    path: PathOrName = None,
    images: Images = None,
    try_: Try = False,
    write: Write = False,
    force: Force = False,
    labels: Labels = None,
    engine: EngineChoice = EngineName.AUTO,
    unsafe_model: UnsafeModel = False,
    dsn: Dsn = None,
    as_json: InJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what was understood of a model, and why.

    With --try and images, see which preprocessing gives the right labels; with --try and a folder that has
    a folder a class, measure it. --write keeps what is shown, or what is measured to be best.
    """
    images = images or []
    if try_ and path is not None and _is_to_be_tried(path):
        images, path = [path, *images], None
    if bool(images) != try_:
        raise UsageError("images go with --try, and --try with images: mlpredict model PATH --try IMAGE…")
    if force and not write:
        raise UsageError("--force goes with --write")
    folder = _folder(images)
    if try_ and write and folder is None:
        raise UsageError(
            "--try --write needs a folder with a folder a class: images alone do not say what is right"
        )

    from mlpredict.api.named import load_path_or_name
    from mlpredict.cli.waiting import waiting
    from mlpredict.inference.understood import understood

    with waiting():
        used = load_path_or_name(path, dsn, labels=labels, engine=engine, unsafe=unsafe_model)
    if try_ and folder is None:
        _try_images(used, images, as_json=as_json)
        return
    found = understood(used.loaded, labels, settings.cache_home())
    if write and not force and os.path.lexists(found.place):
        from mlpredict.support.whole_file import FileNotWritten

        raise FileNotWritten(f"{found.place}: there is a file of this name", hint="overwrite it with --force")
    if folder is None:
        _show(found, as_json=as_json)
    else:
        found = replace(found, model=_try_folder(used, folder, write=write, as_json=as_json))
    if write:
        from mlpredict.api.model import load_model

        _write(found, force=force)
        _say_what_it_is_now(used, load_model(used.path, engine=engine, unsafe=unsafe_model))


def _is_to_be_tried(path: str) -> bool:
    """Whether an image, or a folder of them, stands in the place of the model: the usual one is meant."""
    from mlpredict.inputs.kinds import HEAD_BYTES, certain_kind

    if os.path.isdir(path):
        return not os.path.isfile(os.path.join(path, "saved_model.pb"))
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return certain_kind(file.read(HEAD_BYTES)) is not None


def _folder(images: list[str]) -> str | None:
    """The folder that was named in the place of images."""
    folders = [name for name in images if os.path.isdir(name)]
    if folders and len(images) > 1:
        raise UsageError("--try takes images, or one folder")
    return folders[0] if folders else None


def _show(found: Understood, *, as_json: bool) -> None:
    if as_json:
        _print_json(found.to_json())
        return
    from mlpredict.cli.model_tables import print_understood

    print_understood(found)


def _write(found: Understood, *, force: bool) -> None:
    from mlpredict.errors import ModelError
    from mlpredict.support.whole_file import whole_file

    try:
        text = found.toml()
    except ValueError as error:
        raise ModelError(f"{found.place}: not written: {error}") from error
    found.place.parent.mkdir(exist_ok=True)
    with whole_file(found.place, force=force) as name:
        name.write_text(text, "utf-8")
    talk.notice(f"wrote {found.place}")


def _say_what_it_is_now(before: Model, now: Model) -> None:
    """What is known under a fingerprint is never said of another one."""
    if now.fingerprint != before.fingerprint:
        talk.notice(f"the model was {before}, and with this file it is {now}: it counts as another one")


def _try_images(used: Model, images: list[str], *, as_json: bool) -> None:
    from mlpredict.domain import Prediction, Source
    from mlpredict.inputs.sources import discover
    from mlpredict.pipeline.candidates import side_by_side
    from mlpredict.pipeline.trying import tried

    wanted = side_by_side(used.loaded)
    found = list(discover(images))
    for item in found:
        if not isinstance(item, Source):
            talk.error(f"{item.source.filename}: {item.reason}")
    sources = [item for item in found if isinstance(item, Source)]
    answers = list(tried(used.loaded, wanted, sources))

    from mlpredict.cli.model_tables import print_tried, tried_as_json

    if as_json:
        _print_json(tried_as_json(wanted, answers))
    elif answers:
        print_tried(wanted, answers)
    if len(sources) < len(found) or not all(isinstance(said, Prediction) for *_, said in answers):
        raise typer.Exit(SOME_FAILED)


def _try_folder(used: Model, folder: str, *, write: bool, as_json: bool) -> LoadedModel:
    """Measure, print, and give the model with the best preprocessing, to be written.

    Raises:
        UsageError: it is to be written, and may be no better than the present one.
    """
    from mlpredict.pipeline.measuring import MOST_IMAGES, measured

    found = measured(used.loaded, folder, MOST_IMAGES)
    for line in found.remarks:
        talk.notice(line)

    from mlpredict.cli.model_tables import measured_as_json, print_measured

    if as_json:
        _print_json(measured_as_json(found))
    else:
        print_measured(found)
    if write and found.may_be_chance:
        raise UsageError(
            f"not written: on {found.images:,} images chance may have made the difference",
            hint="try more images, or write the lines by hand",
        )
    return found.best_model


def _print_json(content: Any) -> None:
    import orjson

    from mlpredict.cli.stdout import write_data

    write_data(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))
