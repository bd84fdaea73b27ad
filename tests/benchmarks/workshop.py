"""Where a benchmark works: a folder, a PostgreSQL and an environment of its own, gone when it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlpredict.inference.model_files import open_model
from mlpredict.settings import bundled
from mlpredict.storage.server import lifecycle, local_server
from tests.benchmarks.database import Databases
from tests.benchmarks.inputs import LARGE_PHOTO, PICTURE, write_digit_photos, write_digits, write_photos
from tests.benchmarks.measure import Command

ROOT = Path(__file__).parents[2]
RIVALS = Path(__file__).with_name("rivals")
PROGRAM = Path(sys.executable).with_name("mlpredict")
SHORT = 3
"""Commands of a fraction of a second are run so many times as often."""


def nothing() -> None:
    """What happens before a run that needs no preparation."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    quick: bool
    rounds: int
    data: Path | None
    pixeltable: Path | None = None
    """A virtual environment that has it, or is to have it."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything a case needs."""

    options: Options
    folder: Path
    env: Mapping[str, str]
    databases: Databases

    @property
    def rounds(self) -> int:
        """Rounds of what takes seconds."""
        return self.options.rounds

    @property
    def short_rounds(self) -> int:
        """Rounds of what takes a fraction of a second."""
        return self.options.rounds * SHORT

    def size(self, full: int, quick: int) -> int:
        """A number that is smaller with --quick."""
        return quick if self.options.quick else full

    def mlpredict(self, *arguments: str | Path, before: Callable[[], None] = nothing) -> Command:
        """The program, as its user runs it."""
        return Command([str(PROGRAM), *map(str, arguments)], self.env, before)

    def rival(self, name: str, *arguments: str | Path, before: Callable[[], None] = nothing) -> Command:
        """A script of `rivals/`."""
        argv = [sys.executable, str(RIVALS / f"{name}.py"), *map(str, arguments)]
        return Command(argv, {**self.env, "PYTHONPATH": str(ROOT)}, before)

    def digits(self, count: int) -> Path:
        """A folder of so many PNG digits."""
        return self._folder(f"digits-{count}", lambda to: write_digits(to, count, self.options.data))

    def photos(self, count: int) -> Path:
        """A folder of so many JPEG photos."""
        return self._folder(f"photos-{count}", lambda to: write_photos(to, count))

    def large_photos(self, count: int) -> Path:
        """A folder of so many JPEG photos of 12 megapixels."""
        return self._folder(f"large-photos-{count}", lambda to: write_photos(to, count, LARGE_PHOTO))

    def pictures(self, count: int) -> Path:
        """A folder of so many JPEG files of the size that most models take."""
        return self._folder(f"pictures-{count}", lambda to: write_photos(to, count, PICTURE))

    def digit_photos(self) -> Path:
        """A folder of the sample digits as JPEG photos."""
        return self._folder("digit-photos", lambda to: write_digit_photos(to, ROOT / "tests/digits"))

    @property
    def digit_model(self) -> Path:
        """The bundled SavedModel."""
        return bundled("saved_model")

    def photo_model(self) -> Path:
        """A MobileNetV2 in a `.keras` file."""
        return self.application("MobileNetV2")

    def application(self, name: str) -> Path:
        """A network of keras.applications in a `.keras` file."""
        path = self.folder / f"{name.lower()}.keras"
        if not path.exists():
            self.tell(f"saving a {name}")
            self.rival("save_application", name, path)()
        return path

    def compile(self, model: Path, example: Path) -> Path:
        """Have a model compiled; its flatbuffer."""
        self.mlpredict("predict", "--no-store", "--model", model, example)()
        sha256 = open_model(model).sha256
        return next(Path(self.env["MLPREDICT_CACHE"]).rglob(f"{sha256}*.tflite"))

    def tell(self, text: str) -> None:
        """Say what is being done."""
        sys.stderr.write(f"benchmarks: {text}\n")
        sys.stderr.flush()

    def _folder(self, name: str, fill: Callable[[Path], None]) -> Path:
        folder = self.folder / name
        if not folder.exists():
            self.tell(f"making {name}")
            folder.mkdir()
            fill(folder)
        return folder


@contextmanager
def open_workshop(options: Options) -> Iterator[Workshop]:
    """A workshop whose server is stopped and whose files are removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mlpredict-benchmarks-")).resolve()
    # As root, PostgreSQL runs under another account, which must get in.
    folder.chmod(0o755)
    env = environment(folder)
    server = local_server.locate(folder / "home")
    try:
        # In use all the time: a case that stores nothing for minutes must not find it stopped.
        with lifecycle.attached(server):
            # As the user's first command would, this makes the tables.
            subprocess.run([PROGRAM, "list"], env=env, check=True, stdout=subprocess.DEVNULL)
            yield Workshop(options, folder, env, Databases(server))
    finally:
        lifecycle.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """This machine's environment without settings that would slow the measured programs or lead them away."""
    own = ("MLPREDICT", "PG", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    if os.environ.keys() & {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}:
        # Whoever wants no bytecode in their folders has it here: a user's is compiled too.
        env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    places = {"MLPREDICT_HOME": str(folder / "home"), "MLPREDICT_CACHE": str(folder / "cache")}
    return {**env, **places, "TERM": "dumb", "TF_CPP_MIN_LOG_LEVEL": "3"}
