"""The program as a whole: what its help ends with, and how a shell completes it."""

from __future__ import annotations

from typing import Any

from mlpredict.cli.layout import Group


class Program(Group):
    """The group of all commands."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from mlpredict.cli.manual import topics

        if known := topics():
            with formatter.section("The manual, by mlpredict help TOPIC"):
                formatter.write_text(", ".join(known))
