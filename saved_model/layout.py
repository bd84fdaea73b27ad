"""The folder of an exported model: its description, its pieces, and how they are replaced."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DESCRIPTION = """\
name = "mnist-convnet"
labels = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
task = "classification"
activation = "softmax"
scale = "0..1"
resize = "bicubic"
fit = "stretch"
background = "white"
"""

CARD = "MODEL_CARD.md"
_PIECES = ("variables", "assets.extra", "saved_model.pb", "fingerprint.pb", CARD)


def describe(folder: Path) -> None:
    """Write what a program must know to prepare images for the model."""
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "mlpredict.toml").write_text(DESCRIPTION, encoding="utf-8", newline="\n")


def sha256_sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the model, by its path inside the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def size(folder: Path) -> int:
    """Bytes of the model's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def workshop(output: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as `output`, removed afterwards."""
    output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=output))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_pieces(new: Path, output: Path, aside: Path) -> None:
    """Rename the finished pieces into `output`; older ones go to `aside` first."""
    aside.mkdir()
    for name in _PIECES:
        if (output / name).exists():
            (output / name).rename(aside / name)
        (new / name).rename(output / name)
