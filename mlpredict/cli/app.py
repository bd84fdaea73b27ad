"""The Typer app: the commands and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from mlpredict.cli.layout import GENERAL, App, Command
from mlpredict.cli.program import Program
from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import UsageError

IMAGES = "Images and models"
ANSWERS = "What is stored"
DATABASE = "The database"
HELP = "Help"
SHELL = "Your shell"


class Listed(NamedTuple):
    """A command, made when it is used: where its function is, its group in the help, and examples."""

    place: str
    panel: str
    examples: str = ""
    takes_ids: bool = False
    """Whether -1 is a word for an id, and no option."""


COMMANDS: dict[str, Listed] = {
    "predict": Listed(
        "predict:predict",
        IMAGES,
        "mlpredict predict photos/ --model pets.keras\n"
        "find photos -name '*.jpg' -print0 | mlpredict predict -T - -0",
    ),
    "model": Listed("model:model", IMAGES, "mlpredict model pets.keras --try cat.jpg dog.jpg"),
    "replay": Listed(
        "replay:replay", IMAGES, "mlpredict replay --model pets2.keras --labelled --fail-if-worse"
    ),
    "watch": Listed("watch:watch", IMAGES, "mlpredict watch incoming/ --model pets.keras"),
    "serve": Listed("serve:serve", IMAGES, "mlpredict serve --model pets.keras --port 8080"),
    "list": Listed(
        "listing:list_predictions", ANSWERS, "mlpredict list --label cat --max-score 0.6 --since 7d"
    ),
    "show": Listed(
        "show:show", ANSWERS, "mlpredict show 14\nmlpredict show 14 --export-image -o cat.jpg", True
    ),
    "label": Listed(
        "label:label",
        ANSWERS,
        "mlpredict label 14 cat\nmlpredict label --from-folders val/ --by Ada",
        True,
    ),
    "similar": Listed(
        "similar:similar",
        ANSWERS,
        "mlpredict similar 14\nmlpredict similar cat.jpg --unlabelled\n"
        "mlpredict similar 14 --ids | mlpredict label cat",
        True,
    ),
    "review": Listed(
        "review:review",
        ANSWERS,
        "mlpredict review --model pets --by Ada\nmlpredict review --run last --order random --limit 200",
    ),
    "report": Listed("reporting:report", ANSWERS, "mlpredict report --model pets --html pets.html"),
    "compare": Listed("compare:compare", ANSWERS, "mlpredict compare pets pets2 --fail-if-worse"),
    "verify": Listed(
        "verify:verify",
        ANSWERS,
        "mlpredict verify --sample 1000\nmlpredict verify 14 --model pets.keras",
        True,
    ),
    "runs": Listed("runs:runs", ANSWERS, "mlpredict runs\nmlpredict runs last"),
    "models": Listed("models:models", ANSWERS, "mlpredict models\nmlpredict models pets"),
    "failures": Listed("failures:failures", ANSWERS, "mlpredict failures --run last"),
    "export": Listed(
        "export:export",
        ANSWERS,
        "mlpredict export hard/ --wrong\nmlpredict export pets.csv --model pets",
        True,
    ),
    "delete": Listed(
        "delete:delete",
        ANSWERS,
        "mlpredict delete --run 7\nmlpredict delete --older-than 90d --yes\nmlpredict delete --image me.jpg",
        True,
    ),
    "init-db": Listed(
        "init_db:init_db", DATABASE, "mlpredict init-db --dsn postgresql://me@db.example.org/images"
    ),
    "db": Listed("db:app", DATABASE),
    "help": Listed("help:help_", HELP, "mlpredict help list\nmlpredict help models"),
    "version": Listed("help:version", HELP),
}
"""All commands, in the order of the help."""


def app_of(arguments: Sequence[str], *, completes: bool = False) -> typer.Typer:
    """The app for a command line: with the command that it begins with alone, if there is one."""
    first = arguments[0] if arguments else ""
    alone = first in COMMANDS and first != "help" and not completes
    return app_with([first] if alone else COMMANDS)


def app_with(names: Iterable[str]) -> typer.Typer:
    """The app with some of its commands: each is imported, and Typer looks at all its options."""
    app = App(
        name=PROGRAM,
        cls=Program,
        help="Run a Keras image model over image files and keep every prediction in PostgreSQL.",
        invoke_without_command=True,
        subcommand_metavar="COMMAND [ARGS]…",
        # Without rich help starts twice as fast, and errors stay on one line.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        # The program has options of its own for it, which load what they need when they are used.
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_without_command)
    for name in names:
        _add(app, name, COMMANDS[name])
    return app


def _add(app: typer.Typer, name: str, listed: Listed) -> None:
    module, _, attribute = listed.place.partition(":")
    found = getattr(import_module(f"mlpredict.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, rich_help_panel=listed.panel)
        return
    kind = Command
    if listed.takes_ids:
        from mlpredict.cli.ids import CommandOfIds

        kind = CommandOfIds
    app.command(name, cls=kind, rich_help_panel=listed.panel, epilog=listed.examples or None)(found)


def _install_completion(shell: str | None) -> None:
    if shell is not None:
        from mlpredict.cli.shells import install

        install(shell)
        raise typer.Exit


def _show_completion(shell: str | None) -> None:
    if shell is not None:
        from mlpredict.cli.shells import show

        show(shell)
        raise typer.Exit


def _print_version(wanted: bool) -> None:
    if wanted:
        from mlpredict.cli.help import print_version

        print_version()
        raise typer.Exit


def _without_command(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            help="Print the version.",
            callback=_print_version,
            is_eager=True,
            show_default=False,
            rich_help_panel=GENERAL,
        ),
    ] = False,
    install_completion: Annotated[
        str | None,
        typer.Option(
            "--install-completion",
            metavar="SHELL",
            help="Have a shell complete commands and values: bash, zsh, fish, powershell or pwsh.",
            callback=_install_completion,
            is_eager=True,
            show_default=False,
            rich_help_panel=SHELL,
        ),
    ] = None,
    show_completion: Annotated[
        str | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            help="Print the script that does so.",
            callback=_show_completion,
            is_eager=True,
            show_default=False,
            rich_help_panel=SHELL,
        ),
    ] = None,
) -> None:
    if context.invoked_subcommand is None:
        talk.text(context.get_help())
        raise typer.Exit(UsageError.exit_status)
