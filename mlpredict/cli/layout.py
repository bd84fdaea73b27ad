"""How help looks: commands and options in groups, examples, and a word for who guesses a command's name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from typing import Any

import typer
import typer.core

ARGUMENTS = "Arguments"
OPTIONS = "Options"
OUTPUT = "Output"
GENERAL = "General"
"""The options that every command has; the last group."""

WIDEST = 80
LEAST_FOR_TWO = 56
"""On a narrower terminal what an option does stands below it."""

BESIDE, BELOW = 26, 6
"""How far in the text about an option begins, at most."""

NOTHING_NEW = re.compile(r"; x>=\d+|\[(x>=\d+|required|\d+<=x<=\d+)\]|; \d+<=x<=\d+")
"""What Typer adds and nobody needs: the usage line says what is required, and no count is negative."""

Rows = list[tuple[str, str]]


class Command(typer.core.TyperCommand):
    """A command whose help has options in the groups that `rich_help_panel` names; `epilog` is examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _without_braces(super().collect_usage_pieces(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_groups(formatter, _options(self, ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(formatter, self.epilog)


class Group(typer.core.TyperGroup):
    """A command that has others, which its help shows in groups as well."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _without_braces(super().collect_usage_pieces(ctx))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        extra.setdefault("terminal_width", min(WIDEST, shutil.get_terminal_size().columns) - 2)
        return super().make_context(info_name, args, parent, **extra)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_groups(formatter, self._commands_in_groups(ctx))
        _write_groups(formatter, _options(self, ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(formatter, self.epilog)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, *rest = args
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            if name.startswith("-"):
                self.parse_args(ctx, args)  # raises what is wrong with an option
            from mlpredict.cli.guesses import no_such_command

            ctx.fail(no_such_command(name, prefix_of(ctx), set(self.list_commands(ctx))))
        return (name if command else None), command, rest

    def _commands_in_groups(self, ctx: Any) -> dict[str, Rows]:
        groups: dict[str, Rows] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                groups.setdefault(str(panel), []).append((name, command.get_short_help_str(WIDEST)))
        return groups


class App(typer.Typer):
    """A Typer app whose commands are of the class above, where nothing else is said."""

    def command(self, name: str | None = None, *, cls: Any = Command, **settings: Any) -> Any:
        return super().command(name, cls=cls, **settings)


def prefix_of(context: Any) -> str:
    """What stands between the program's name and a command's: nothing, or `db `."""
    return " ".join([*context.command_path.split()[1:], ""])


def _options(command: Any, ctx: Any) -> dict[str, Rows]:
    """Arguments and options by their groups, each as it is written and what it is for."""
    groups: dict[str, Rows] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            is_argument = parameter.param_type_name == "argument"
            usual = ARGUMENTS if is_argument else GENERAL if parameter.name == "help" else OPTIONS
            panel = usual if not isinstance(parameter.rich_help_panel, str) else parameter.rich_help_panel
            first, text = record
            groups.setdefault(panel, []).append((first, NOTHING_NEW.sub("", text).rstrip()))
    if general := groups.pop(GENERAL, None):
        groups[GENERAL] = general
    return groups


def _write_groups(formatter: Any, groups: dict[str, Rows]) -> None:
    furthest = BESIDE if formatter.width >= LEAST_FOR_TWO else BELOW
    longest = max((len(first) for rows in groups.values() for first, _ in rows), default=0)
    for heading, rows in groups.items():
        with formatter.section(heading):
            for first, text in rows:
                # All groups have their texts at the same place.
                padded = first if len(first) > furthest else first.ljust(min(longest, furthest))
                formatter.write_dl([(padded, text)], col_max=furthest)


def _write_examples(formatter: Any, examples: str | None) -> None:
    lines = (examples or "").splitlines()
    if lines:
        with formatter.section("Examples" if len(lines) > 1 else "Example"):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _without_braces(pieces: Iterable[str]) -> list[str]:
    """Typer puts what must be given in braces, which nobody else does."""
    return [piece[1:-1] if piece.startswith("{") else piece for piece in pieces]
