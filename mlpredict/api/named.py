"""A model by its path, or by the name that the database knows it under."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict import settings
from mlpredict.api.model import Model, load_model
from mlpredict.domain import EngineName, ImageSpec
from mlpredict.errors import ModelError, UsageError

if TYPE_CHECKING:
    from mlpredict.domain import Pixels
    from mlpredict.storage.known_models import KnownModel

SHOWN = 10


def load_path_or_name(
    wanted: str | None,
    dsn: str | None = None,
    *,
    engine: EngineName | str = EngineName.AUTO,
    labels: str | None = None,
    unsafe: bool = False,
    examples: Callable[[ImageSpec], Pixels] | None = None,
) -> Model:
    """Load the model at a path; where there is none, the one of that name that was used last.

    None is what the environment names, else the digit model. Only a name makes a connection to the
    database. A model that was used with labels of the command line gets them again.

    Raises:
        ModelError: there is no such file and no such name; or the file is not the one that was used.
        DatabaseError: the database does not answer.
    """

    def load(path: str | None, labels: str | None) -> Model:
        return load_model(path, engine=engine, labels=labels, unsafe=unsafe, examples=examples)

    wanted = wanted or str(settings.model_path())
    if not may_be_a_name(wanted):
        return load(wanted, labels)
    known = _known(wanted, dsn)
    if not os.path.exists(known.path):
        raise ModelError(f"{known} was {known.path}, which is not there any more", hint=_elsewhere(known))
    if labels is not None:
        return load(known.path, labels)
    found = load(known.path, None)
    if found.fingerprint != known.fingerprint and known.labels:
        found = _with_its_labels(load, known) or found
    if found.fingerprint == known.fingerprint:
        return found
    raise ModelError(
        f"{known} was {known.path}, which is {found} now:"
        " the file, its mlpredict.toml or its labels have changed",
        hint=f"--model {known.path} takes it as it is now",
    )


def _with_its_labels(load: Callable[[str | None, str | None], Model], known: KnownModel) -> Model | None:
    try:
        return load(known.path, _as_option(known.labels))
    except (ModelError, UsageError):
        # The file has other classes by now.
        return None


def _as_option(labels: Sequence[str]) -> str:
    """Labels as `--labels` takes them."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(labels)
    return text.getvalue()


def may_be_a_name(wanted: str) -> bool:
    """Whether a word can be the name of a model: it is no path, and there is no such file."""
    from mlpredict.inference.neighbours import MODEL_SUFFIXES

    is_path = os.sep in wanted or Path(wanted).suffix.lower() in MODEL_SUFFIXES
    return not is_path and not os.path.lexists(wanted)


def _known(name: str, dsn: str | None) -> KnownModel:
    from mlpredict.storage.known_models import find_model
    from mlpredict.storage.repository import open_repository

    with open_repository(dsn or settings.dsn()) as repository:
        known = repository.known_models()
    if (found := find_model(known, name)) is not None:
        return found
    names = ", ".join(map(str, known[:SHOWN])) + (", …" if len(known) > SHOWN else "")
    raise ModelError(
        f"no model {name}: there is no such file, and none of that name was used",
        hint=f"the database knows {names}" if known else "the database knows none yet: name a file",
    )


def _elsewhere(known: KnownModel) -> str:
    return f"--model PATH with its new place; its fingerprint is {known.fingerprint[:8]}"
