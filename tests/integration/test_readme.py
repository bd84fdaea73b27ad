"""The README and the manual tell the truth about the command line and about SQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main

from mlpredict.cli.app import make_app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
MANUAL = {page.stem: page.read_text("utf-8") for page in sorted((ROOT / "mlpredict/manual").glob("*.md"))}
EVERYTHING = "\n".join([README, *MANUAL.values()])


SET_UP = "python3 -m venv .venv && .venv/bin/pip install uv && .venv/bin/uv run"
"""Python alone is needed, and it may be one whose own packages the system manages."""


def commands_of(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every command by its full name, those of a group within it included."""
    found = {}
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        found[prefix + name] = command
        if hasattr(command, "list_commands"):
            found |= commands_of(command, f"{prefix}{name} ")
    return found


COMMANDS = commands_of(typer.main.get_command(make_app()))
CODE_SPANS = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", EVERYTHING, flags=re.DOTALL)))
QUERIES = re.findall(r"```sql\n(.*?)```", EVERYTHING, re.DOTALL)


def is_documented(option: str) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", span) for span in CODE_SPANS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_documented(name: str) -> None:
    assert is_documented(f"mlpredict {name}")
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts if option[0] == "-"]
    assert [option for option in options if not is_documented(option)] == []


def test_every_documented_option_exists() -> None:
    page = MANUAL["scripting"]
    table = page[page.index("| option of |") : page.index("Data goes to stdout")]
    known = {
        option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts
    }
    assert set(re.findall(r"(?<![\w-])--?[a-z0-9][a-z-]*", table)) - known == set()


def test_the_two_commands_come_first() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)[:2]
    assert commands == [
        f"{SET_UP} --no-dev mlpredict predict tests/digits/*.png",
        f"{SET_UP} pytest",
    ]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_queries_run(connection: psycopg.Connection[Any], query: str) -> None:
    assert connection.execute(query.encode()).fetchall() == []


def test_the_tables_have_the_columns_the_manual_names(connection: psycopg.Connection[Any]) -> None:
    section, _, _ = MANUAL["tables"].partition("Where two models disagree")
    for table, columns in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", section, re.MULTILINE):
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s ORDER BY ordinal_position",
            (table,),
        )
        assert re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", columns)) == [name for (name,) in rows], table


@pytest.mark.parametrize("page", ["README.md", ".github/CONTRIBUTING.md", *MANUAL])
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / (page if page.endswith(".md") else f"mlpredict/manual/{page}.md")
    text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)\)", text)
    assert [link for link in links if ":" not in link and not (file.parent / link).exists()] == []


def test_the_readme_names_every_page_of_the_manual() -> None:
    assert [page for page in MANUAL if f"(mlpredict/manual/{page}.md)" not in README] == []


def test_the_layout_names_what_is_there() -> None:
    section = README[README.index("## Working on it") :]
    rooms = re.findall(r"^\| `(mlpredict/[\w/.]+)` \|", section, re.MULTILINE)
    assert rooms
    for row in re.findall(r"^\| [^-\n][^\n]*$", section, re.MULTILINE):
        folders = [ROOT, ROOT / "mlpredict"]
        for name in re.findall(r"`([\w/.]+(?:\.py|\.html|/))`", row):
            found = [folder / name for folder in folders if (folder / name).exists()]
            assert found, row
            folders += [place if place.is_dir() else place.parent for place in found]
