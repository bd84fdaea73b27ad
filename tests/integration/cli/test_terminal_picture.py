"""What a terminal of 80 columns shows of the README's first example; the README's picture is made here.

`MLPREDICT_SCREENSHOTS=tests/page pytest -n 0 tests/integration/cli/test_terminal_picture.py` writes it.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.controlling_terminal import terminal

COLUMNS = 80
FONTS = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)
"""Rich names fonts of another site; a picture asks nobody for anything."""

IMAGE = "tests/digits/7-with-bar-pencil.png"


def seen(environment: dict[str, str], *arguments: str) -> str:
    """What is on the terminal when the command has ended."""
    with terminal({**environment, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}, *arguments) as screen:
        assert screen.wait() == 0, screen.screen.decode()
        return screen.screen.decode().replace("\r\n", "\n")


def test_the_first_example_fits_a_terminal(
    environment: dict[str, str], dsn: str, compiled: None, tmp_path: Path
) -> None:
    place = {**environment, "MLPREDICT_DSN": dsn, "COLORTERM": "truecolor"}
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
    for arguments in (["predict", IMAGE], ["show", "last"], ["list", "--label", "7"]):
        console.print(Text.from_markup(f"[bold]$[/] mlpredict {' '.join(arguments)}"))
        text = Text.from_ansi(seen(place, *arguments).strip("\n"))
        assert max(line.cell_len for line in text.split("\n")) <= COLUMNS
        console.print(text)
    picture = FONTS.sub("", console.export_svg(title="mlpredict", unique_id="mlpredict"))
    assert "7-with-bar-pencil.png" in picture
    assert re.findall(r"https?://(?!www\.w3\.org|www\.textualize\.io)\S+", picture) == []
    folder = Path(os.environ.get("MLPREDICT_SCREENSHOTS") or tmp_path)
    (folder / "terminal.svg").write_text(picture, "utf-8")
