"""The plan of the query that `mlpredict list` sends, taken from what it really sends."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.benchmarks.workshop import PROGRAM, Workshop

RECORD = re.compile(r"^\d{4}-\d\d-\d\d [^\n]*? \[\d+\] (\w+):  ", re.MULTILINE)
PARAMETER = re.compile(r"\$\d+ = ((?:'(?:[^']|'')*')|NULL)")
STATEMENT = re.compile(r"(?:statement|execute [^:]+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one list are found."""

    scan: str
    conditions: str
    """What the indexes are asked."""
    seconds: float

    def uses_index_on(self, column: str) -> bool:
        """Whether an index narrows the rows by this column."""
        return re.search(rf"\b{column}\b", self.conditions) is not None


def plan_of(workshop: Workshop, dsn: str, arguments: Sequence[str]) -> Plan:
    """Run `mlpredict list` with all statements logged, and have its query explained."""
    log = workshop.databases.server.log
    start = log.stat().st_size
    # The server's role is its superuser, who may ask for this.
    env = {**workshop.env, "PGOPTIONS": "-c log_statement=all"}
    command = [str(PROGRAM), "list", *arguments, "--dsn", dsn]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode()
    query, parameters = next(
        (sql, given) for sql, given in logged(text) if re.search(r"FROM\s+predictions", sql)
    )
    return explain(dsn, query, parameters)


def logged(text: str) -> Iterator[tuple[str, list[str]]]:
    """The statements in a server log, with their parameters as SQL literals."""
    _, *parts = RECORD.split(text)
    records = list(zip(parts[::2], parts[1::2], strict=True))
    for (kind, body), (next_kind, next_body) in zip(records, [*records[1:], ("", "")], strict=True):
        if kind == "LOG" and (found := STATEMENT.match(body)):
            parameters = PARAMETER.findall(next_body) if next_kind == "DETAIL" else []
            yield found[1].strip(), parameters


def explain(dsn: str, query: str, parameters: Sequence[str]) -> Plan:
    """The plan of a query, and how long the server took for it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_custom_plan")
        connection.execute(f"PREPARE listed AS {query}".encode())
        given = f"({', '.join(parameters)})" if parameters else ""
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE listed{given}".encode()).fetchone()
    assert row is not None
    (document,) = row[0]
    scans = [node for node in nodes(document["Plan"]) if "Scan" in node["Node Type"]]
    on_predictions = [node for node in scans if node.get("Relation Name") == "predictions"]
    below = [child for node in on_predictions for child in nodes(node)]
    return Plan(
        ", ".join(described(node) for node in below),
        " ".join(node["Index Cond"] for node in below if "Index Cond" in node),
        document["Execution Time"] / 1000,
    )


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def described(node: Mapping[str, Any]) -> str:
    """A scan in a few words."""
    words = [str(node["Node Type"])]
    if node.get("Scan Direction") == "Backward":
        words.append("Backward")
    if "Index Name" in node:
        words += ["using", str(node["Index Name"])]
    return " ".join(words)
