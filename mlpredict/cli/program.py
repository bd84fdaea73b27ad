"""The program as a whole: what its help ends with, and how a shell completes it."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from typing import Any

from mlpredict.cli.commands import COMMANDS, command_of
from mlpredict.cli.layout import Group, Rows

COMPLETION = ("--install-completion", "--show-completion")


class Program(Group):
    """The group of all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = command_of(cmd_name)
        return self.commands[cmd_name]

    def _commands_in_groups(self, ctx: Any) -> dict[str, Rows]:
        groups: dict[str, Rows] = {}
        for name, listed in COMMANDS.items():
            groups.setdefault(listed.panel, []).append((name, listed.summary))
        return groups

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Without a name, the shell is meant that has started the program.
        if args and args[-1] in COMPLETION:
            args = [*args, "auto"]
        return super().parse_args(ctx, args)

    def _main_shell_completion(
        self, ctx_args: MutableMapping[str, Any], prog_name: str, complete_var: str | None = None
    ) -> None:
        if instruction := os.environ.get("_MLPREDICT_COMPLETE"):
            from mlpredict.cli.shells import answer

            sys.exit(answer(self, ctx_args, instruction))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from mlpredict.cli.manual import topics

        if known := topics():
            with formatter.section("The manual, by mlpredict help TOPIC"):
                formatter.write_text(", ".join(known))
