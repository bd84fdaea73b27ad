"""All commands, each of which is imported when it is asked for: help that lists them needs none."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
import typer.main

from mlpredict.cli.layout import App, Command

IMAGES = "Images and models"
ANSWERS = "What is stored"
DATABASE = "The database"
HELP = "Help"


class Listed(NamedTuple):
    """A command: where its function is, what that says of itself first, its group in the help, examples."""

    place: str
    summary: str
    panel: str
    examples: str = ""
    takes_ids: bool = False
    """Whether -1 is a word for an id, and no option."""


COMMANDS: dict[str, Listed] = {
    "predict": Listed(
        "predict:predict",
        "Predict what images show, and store the answers.",
        IMAGES,
        "mlpredict predict photos/ --model pets.keras\n"
        "find photos -name '*.jpg' -print0 | mlpredict predict -T - -0",
    ),
    "model": Listed(
        "model:model",
        "Show what was understood of a model, and why.",
        IMAGES,
        "mlpredict model pets.keras --try cat.jpg dog.jpg",
    ),
    "replay": Listed(
        "replay:replay",
        "Predict stored images with another model.",
        IMAGES,
        "mlpredict replay --model pets2.keras --labelled --fail-if-worse",
    ),
    "watch": Listed(
        "watch:watch",
        "Predict what appears in folders.",
        IMAGES,
        "mlpredict watch incoming/ --model pets.keras",
    ),
    "serve": Listed(
        "serve:serve",
        "Serve predictions over HTTP.",
        IMAGES,
        "mlpredict serve --model pets.keras --port 8080",
    ),
    "list": Listed(
        "listing:list_predictions",
        "List stored predictions, newest first.",
        ANSWERS,
        "mlpredict list --label cat --max-score 0.6 --since 7d",
    ),
    "show": Listed(
        "show:show",
        "Show predictions whole, with their pictures.",
        ANSWERS,
        "mlpredict show 14\nmlpredict show 14 --export-image -o cat.jpg",
        True,
    ),
    "label": Listed(
        "label:label",
        "Say what images really show.",
        ANSWERS,
        "mlpredict label 14 cat\nmlpredict label --from-folders val/ --by Ada",
        True,
    ),
    "similar": Listed(
        "similar:similar",
        "List stored images that look like another one.",
        ANSWERS,
        "mlpredict similar 14\nmlpredict similar cat.jpg --unlabelled\n"
        "mlpredict similar 14 --ids | mlpredict label cat",
        True,
    ),
    "review": Listed(
        "review:review",
        "Label images one by one, with a key each.",
        ANSWERS,
        "mlpredict review --model pets --by Ada\nmlpredict review --run last --order random --limit 200",
    ),
    "report": Listed(
        "reporting:report",
        "Tell what predictions were worth.",
        ANSWERS,
        "mlpredict report --model pets --html pets.html",
    ),
    "compare": Listed(
        "compare:compare",
        "Compare two models, or two runs.",
        ANSWERS,
        "mlpredict compare pets pets2 --fail-if-worse",
    ),
    "verify": Listed(
        "verify:verify",
        "Make stored predictions again, and compare.",
        ANSWERS,
        "mlpredict verify --sample 1000\nmlpredict verify 14 --model pets.keras",
        True,
    ),
    "runs": Listed(
        "runs:runs",
        "List runs, newest first, or show some whole.",
        ANSWERS,
        "mlpredict runs\nmlpredict runs last",
    ),
    "models": Listed(
        "models:models",
        "List the models that were used, or show some.",
        ANSWERS,
        "mlpredict models\nmlpredict models pets",
    ),
    "failures": Listed(
        "failures:failures",
        "List what gave no prediction, and why.",
        ANSWERS,
        "mlpredict failures --run last",
    ),
    "export": Listed(
        "export:export",
        "Write images into folders, or a table.",
        ANSWERS,
        "mlpredict export hard/ --wrong\nmlpredict export pets.csv --model pets",
        True,
    ),
    "delete": Listed(
        "delete:delete",
        "Delete predictions and what only they needed.",
        ANSWERS,
        "mlpredict delete --run 7\nmlpredict delete --older-than 90d --yes\nmlpredict delete --image me.jpg",
        True,
    ),
    "init-db": Listed(
        "init_db:init_db",
        "Create or upgrade the tables; rows are kept.",
        DATABASE,
        "mlpredict init-db --dsn postgresql://me@db.example.org/images",
    ),
    "db": Listed("db:app", "Look after the database.", DATABASE),
    "help": Listed(
        "help:help_",
        "Show help for a command, or a page of the manual.",
        HELP,
        "mlpredict help list\nmlpredict help models",
    ),
    "version": Listed("help:version", "Print the version.", HELP),
}
"""All commands, in the order of the help."""


def command_of(name: str) -> Any:
    """The command of a name, as Typer makes it: it is imported, and all its options are looked at."""
    listed = COMMANDS[name]
    module, _, attribute = listed.place.partition(":")
    found = getattr(import_module(f"mlpredict.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    kind = Command
    if listed.takes_ids:
        from mlpredict.cli.ids import CommandOfIds

        kind = CommandOfIds
    # Without rich errors stay on one line.
    app = App(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    app.command(name, cls=kind, epilog=listed.examples or None)(found)
    return typer.main.get_command(app)
