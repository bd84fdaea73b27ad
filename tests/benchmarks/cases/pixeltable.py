"""pixeltable, which keeps images and what a function says of them in a PostgreSQL of its own, too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.cases.case import faster, subject
from tests.benchmarks.contestants import Stored
from tests.benchmarks.database import empty
from tests.benchmarks.measure import Command, Contestant, alternate
from tests.benchmarks.report import Row, at_least
from tests.benchmarks.workshop import RIVALS, ROOT, Workshop

NEEDS = ("pixeltable>=0.7,<0.8", "tensorflow>=2.20,<2.22")


def pixeltable(workshop: Workshop) -> Iterator[Row]:
    """2,000 PNG of 28×28 into pixeltable and into mlpredict; with --pixeltable DIR alone (2 GB)."""
    environment = workshop.options.pixeltable
    if environment is None:
        workshop.tell("pixeltable is left out, as there is no --pixeltable DIR to install it in")
        return
    install(environment)
    many, few = workshop.size(2_000, 500), workshop.size(200, 100)
    folders = {count: workshop.digits(count) for count in (many, few)}
    workshop.compile(workshop.digit_model, min(folders[few].iterdir()))
    contestants: dict[str, Contestant] = {}
    for count, folder in folders.items():
        contestants[f"ours {count}"] = _ours(workshop, folder, count)
        contestants[f"theirs {count}"] = _theirs(workshop, environment, folder)
    samples = alternate(contestants, workshop.rounds)
    ours, theirs = samples[f"ours {many}"], samples[f"theirs {many}"]
    yield subject("pixeltable", f"mlpredict predict: {many:,} PNG 28×28", ours)
    yield faster("pixeltable", "pixeltable", ours, theirs, at_least(25))
    own_share = (ours.wall - samples[f"ours {few}"].wall) / (many - few)
    their_share = (theirs.wall - samples[f"theirs {few}"].wall) / (many - few)
    what = "pixeltable ÷ mlpredict, one more image"
    yield Row("pixeltable", what, their_share, value=their_share / own_share, bar=at_least(10))


def install(environment: Path) -> None:
    """Have pixeltable and TensorFlow in a virtual environment, which is made where there is none."""
    if not (environment / "bin/python").exists():
        subprocess.run(["uv", "venv", "--quiet", environment], check=True)
    python = environment / "bin/python"
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, *NEEDS], check=True)


def _ours(workshop: Workshop, folder: Path, count: int) -> Contestant:
    own = workshop.databases.own
    command = workshop.mlpredict("predict", folder, before=partial(empty, own))
    return Stored(command, own, count)


def _theirs(workshop: Workshop, environment: Path, folder: Path) -> Contestant:
    argv = [environment / "bin/python", RIVALS / "pixeltable_folder.py", workshop.digit_model, folder]
    env = {
        **workshop.env,
        "PYTHONPATH": str(ROOT),
        "PIXELTABLE_HOME": str(workshop.folder / "pixeltable"),
        "PIXELTABLE_VERBOSITY": "0",
    }
    return Command([str(one) for one in argv], env)
