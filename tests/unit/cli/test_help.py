"""Help, guesses, and what is said of options that there are not."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import typer.main

from mlpredict import __version__
from mlpredict.cli import run
from mlpredict.cli.app import make_app
from mlpredict.cli.commands import COMMANDS as LISTED
from mlpredict.cli.guesses import GUESSES
from mlpredict.cli.manual import topics
from mlpredict.domain import FIELDS

GROUP: Any = typer.main.get_command(make_app())


def commands(group: Any, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        found[f"{prefix}{name}"] = command
        if hasattr(command, "list_commands"):
            found |= commands(command, f"{prefix}{name} ")
    return found


COMMANDS = commands(GROUP)


def said(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    status = run(arguments)
    return status, *capfd.readouterr()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_short_enough_to_be_read_whole(name: str) -> None:
    summary = COMMANDS[name].get_short_help_str(1000)
    assert 0 < len(summary) < 50
    assert not summary.endswith("...")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_short_for_an_option_is_so_where_there_is_that_option(name: str) -> None:
    helps = {option: one.help or "" for one in COMMANDS[name].params for option in one.opts if "-" in option}
    for text in helps.values():
        for long in re.findall(r"Short for (--[a-z-]+)", text):
            assert long in helps


def test_the_program_lists_what_its_commands_say_of_themselves() -> None:
    said_by_commands = {name: GROUP.get_command(None, name).get_short_help_str(1000) for name in LISTED}
    assert {name: listed.summary for name, listed in LISTED.items()} == said_by_commands


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["no-such-command"], []])
def test_no_command_is_imported_that_is_not_used(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom mlpredict.cli import run\nrun(sys.argv[1:])\nprint(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True)
    modules = set(done.stderr.decode().split())
    places = {f"mlpredict.cli.{listed.place.partition(':')[0]}" for listed in LISTED.values()}
    assert modules & places <= {"mlpredict.cli.help"}
    assert "mlpredict.cli.commands" in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_groups_and_an_example_and_no_bare_types(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capfd, *name.split(), "--help")
    assert (status, err) == (0, "")
    assert "\nGeneral:\n" in out
    if not hasattr(COMMANDS[name], "list_commands") and name != "version":
        assert re.search(r"\nExamples?:\n  \S", out)
        assert any(f"mlpredict {name}" in line for line in out.splitlines() if "Usage" not in line)
    assert not re.search(r"\b(TEXT|INTEGER|FLOAT)\b|\[required\]|x>=|\.\.\.", out)
    assert all(len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize("width", ["40", "60"])
def test_help_fits_a_narrow_terminal(
    width: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    _, out, _ = said(capfd, "list", "--help")
    body = out.partition("Example")[0]
    assert all(len(line) <= int(width) for line in body.splitlines())


def test_help_of_columns_names_them_all(capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capfd, "list", "--help")
    assert all(name in out for name in FIELDS)


@pytest.mark.parametrize("arguments", [("-V",), ("--version",), ("version",)])
def test_the_version(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, *arguments) == (0, f"mlpredict {__version__}\n", "")


@pytest.mark.parametrize("name", ["list", "db dump", "predict"])
def test_help_of_a_command_by_its_name(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, "help", *name.split()) == said(capfd, *name.split(), "--help")


def test_help_alone_is_the_help_of_the_program(capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, "help") == said(capfd, "--help")


@pytest.mark.parametrize("topic", topics())
def test_a_page_of_the_manual(topic: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capfd, "help", topic)
    assert (status, err) == (0, "")
    assert "\n# " in f"\n{out}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls", "list"),
        ("lsit", "list"),
        ("status", "db status"),
        ("classify", "predict"),
        ("db backup", "db dump"),
        ("db shell", "db psql"),
        ("db dumb", "db dump"),
        ("db init", "init-db"),
    ],
)
def test_a_guess_gets_a_pointer(typed: str, meant: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capfd, *typed.split())
    assert (status, out) == (2, "")
    assert err == f"mlpredict: there is no command '{typed}'; did you mean {meant}?\n"


def test_every_usual_guess_leads_somewhere(capfd: pytest.CaptureFixture[str]) -> None:
    for typed in ("ls", "rm", "stats", "eval", "history", "db backup"):
        status, _, err = said(capfd, *typed.split())
        assert status == 2
        assert "did you mean " in err, err


def test_guesses_name_commands() -> None:
    for typed, meant in GUESSES.items():
        assert typed not in COMMANDS
        assert any(one in COMMANDS or one.startswith("--") for one in meant), typed


def test_what_is_no_guess_gets_the_list(capfd: pytest.CaptureFixture[str]) -> None:
    _, _, err = said(capfd, "frobnicate")
    assert "there are " in err
    assert all(name in err for name in ("predict", "list", "db"))
    _, _, err = said(capfd, "help", "frobnicate")
    assert "no topic 'frobnicate'" in err


def test_a_file_in_the_place_of_a_command_is_to_be_predicted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.jpg").touch()
    assert "did you mean predict cat.jpg?" in said(capfd, "cat.jpg")[2]


def test_an_option_that_is_close_is_named_and_no_question_ends_oddly(
    capfd: pytest.CaptureFixture[str],
) -> None:
    status, _, err = said(capfd, "list", "--lable", "x")
    assert status == 2
    assert err.endswith("--label?\n")
    assert "?;" not in err
    assert said(capfd, "list", "--xyzzy")[2].endswith("; see mlpredict list --help\n")
