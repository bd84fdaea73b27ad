"""What is said to who types a command that there is not."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

GUESSES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ls", "dir", "log", "query", "find", "search", "filter", "predictions"), ("list",)),
    "history": ("runs", "list"),
    **dict.fromkeys(("cat", "get", "view", "open", "inspect", "print", "image"), ("show",)),
    **dict.fromkeys(("rm", "remove", "del", "drop", "prune", "clean", "forget"), ("delete", "db destroy")),
    **dict.fromkeys(("stats", "stat", "summary", "summarize", "count"), ("report", "list")),
    **dict.fromkeys(("eval", "evaluate", "metrics", "accuracy", "confusion", "score"), ("report", "model")),
    **dict.fromkeys(("test", "validate", "try", "check"), ("model", "report")),
    **dict.fromkeys(("diff", "cmp", "versus"), ("compare", "list")),
    **dict.fromkeys(
        ("run", "classify", "infer", "inference", "detect", "recognise", "recognize"), ("predict",)
    ),
    **dict.fromkeys(("tag", "annotate", "correct", "truth", "mark"), ("label", "list")),
    **dict.fromkeys(("errors", "failed", "error"), ("failures", "list")),
    **dict.fromkeys(("save", "csv", "download", "write"), ("export", "list", "db dump")),
    **dict.fromkeys(("server", "http", "web", "ui", "api", "start-server", "daemon"), ("serve",)),
    **dict.fromkeys(("info", "describe", "summary-model", "explain"), ("model",)),
    **dict.fromkeys(("init", "setup", "migrate", "create", "createdb", "initdb"), ("init-db",)),
    **dict.fromkeys(("backup", "dump"), ("db dump",)),
    **dict.fromkeys(("restore", "load", "import"), ("db restore",)),
    **dict.fromkeys(("psql", "sql", "shell"), ("db psql",)),
    **dict.fromkeys(("status", "doctor", "ping"), ("db status",)),
    **{name: (f"db {name}",) for name in ("start", "stop", "url", "upgrade", "destroy")},
    **dict.fromkeys(("man", "manual", "docs", "usage", "tutorial", "examples"), ("help",)),
    **dict.fromkeys(("completion", "completions", "complete"), ("--install-completion",)),
    "db backup": ("db dump",),
    "db save": ("db dump",),
    "db export": ("db dump",),
    "db load": ("db restore",),
    "db import": ("db restore",),
    **dict.fromkeys(("db shell", "db sql", "db connect", "db query", "db console"), ("db psql",)),
    **dict.fromkeys(("db dsn", "db uri", "db address"), ("db url",)),
    **dict.fromkeys(("db info", "db size", "db ls", "db list", "db stats", "db show"), ("db status",)),
    **dict.fromkeys(("db rm", "db drop", "db delete", "db remove", "db reset", "db wipe"), ("db destroy",)),
    **dict.fromkeys(("db restart", "db kill", "db shutdown"), ("db stop",)),
    **dict.fromkeys(("db init", "db create", "db migrate", "db setup"), ("init-db",)),
}
"""What other programs call it, and what it is called here; the first that there is is meant."""

CLOSE = 0.6
"""How much of two names must be the same (difflib's ratio)."""


def no_such_command(name: str, prefix: str, commands: Collection[str]) -> str:
    """The message; `prefix` is `db ` within that group, and `commands` are those there are."""
    full = f"{prefix}{name}"
    message = f"there is no command '{full}'"
    meant = _meant(name, prefix, commands)
    if meant is not None:
        return f"{message}; did you mean {meant}?"
    if not prefix and os.path.lexists(name):
        return f"{message}; did you mean predict {name}?"
    return f"{message}; there are {', '.join(sorted(commands))}"


def guessed(full: str, commands: Collection[str]) -> str | None:
    """The command that another name stands for; of groups within the program any may be meant."""
    for meant in GUESSES.get(full.lower(), ()):
        if meant in commands or meant.startswith(("db ", "init-db", "-")):
            return meant
    return None


def _meant(name: str, prefix: str, commands: Collection[str]) -> str | None:
    if (known := guessed(f"{prefix}{name}", commands)) is not None:
        return known
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), list(commands), n=1, cutoff=CLOSE)
    return f"{prefix}{close[0]}" if close else None
