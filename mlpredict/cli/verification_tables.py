"""What `verify` found, for a person and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpredict.domain import Format
from mlpredict.domain.verification import Finding, Verdict, Verification

COUNTS = ("identical", "within", "differs", "cannot_run", "largest_difference", "label_changed")
SHOWN = 10
"""Findings that a person is shown one by one."""

WORDS = {
    Verdict.IDENTICAL: "identical",
    Verdict.WITHIN: "within the tolerance",
    Verdict.DIFFERS: "differs",
    Verdict.CANNOT_RUN: "cannot be run",
}

SHORT = {
    **WORDS,
    Verdict.DIFFERS: "differ",
}
"""Of several."""

STYLES = {Verdict.DIFFERS: "red", Verdict.CANNOT_RUN: "yellow"}


def print_verification(done: Verification, chosen: Format) -> None:
    """Print what came of it: all of it as JSON, the counts as a row of a table, or words and tables."""
    if chosen is Format.TABLE:
        _print_tables(done)
        return
    if chosen is Format.JSON:
        from mlpredict.cli.stdout import write_data
        from mlpredict.support.json_text import as_json

        write_data(as_json(as_record(done)) + b"\n")
        return
    from mlpredict.cli.output import write_records

    record = as_record(done)
    write_records([record], chosen, COUNTS)


def as_record(done: Verification) -> dict[str, Any]:
    """All that there is to say, by its public names."""
    return {
        "identical": done.counts[Verdict.IDENTICAL],
        "within": done.counts[Verdict.WITHIN],
        "differs": done.counts[Verdict.DIFFERS],
        "cannot_run": done.counts[Verdict.CANNOT_RUN],
        "largest_difference": done.largest_difference,
        "label_changed": done.label_changed,
        "best_only": done.best_only,
        "tolerance": done.tolerance,
        "proven": done.is_proven,
        "altered": done.altered,
        "reasons": [
            {**why._asdict(), "predictions": count, "example": done.examples[why]}
            for why, count in done.reasons.most_common()
        ],
        "findings": [one._asdict() for one in done.findings],
        "environments": {str(number): facts for number, facts in done.environments.items()},
    }


def _print_tables(done: Verification) -> None:
    from rich.text import Text

    from mlpredict.cli.tables import print_pairs, print_renderable
    from mlpredict.support.printable import printable

    if not done.predictions:
        print_renderable(Text("no predictions\n"))
        return
    print_pairs(dict(_facts(done)))
    for text in done.altered:
        print_renderable(Text(f"\n {printable(text)}", style="red"))
    print_renderable(Text(""))
    for line, style in _reasons(done):
        print_renderable(Text(f" {printable(line)}", style=style))
    faults = sorted(done.findings, key=lambda one: not one.is_fault)
    shown = [one for one in faults if one.is_fault and one.verdict is Verdict.DIFFERS][:SHOWN]
    for one in shown:
        print_renderable(Text(f" {printable(_in_words(one))}"))
    print_renderable(Text(""))


def _facts(done: Verification) -> Iterator[tuple[str, str]]:
    yield "predictions", f"{done.predictions:,}"
    for verdict, word in WORDS.items():
        if count := done.counts[verdict]:
            yield word, f"{count:,}"
    if done.largest_difference is not None:
        yield "largest difference", f"{done.largest_difference:.2g} (tolerance {done.tolerance:g})"
    if done.label_changed:
        yield "another label", f"{done.label_changed:,}"
    if done.best_only:
        yield "best classes only", f"{done.best_only:,}: the numbers of the others were not stored"


def _reasons(done: Verification) -> Iterator[tuple[str, str]]:
    """Each reason with how many there are of it, in lines that any terminal has room for."""
    for why, count in done.reasons.most_common():
        word = WORDS[why.verdict] if count == 1 else SHORT[why.verdict]
        line = f"{count:,} {word}: {why.reason} (first: prediction {done.examples[why]})"
        yield line, STYLES.get(why.verdict, "")


def _in_words(one: Finding) -> str:
    parts = [f"prediction {one.prediction_id}:"]
    if one.label != one.label_now:
        parts.append(f"{one.label} is stored, {one.label_now} made now;")
    if one.score is not None and one.score_now is not None and one.score != one.score_now:
        parts.append(f"score {one.score:.7g} stored, {one.score_now:.7g} now;")
    if one.difference is not None:
        parts.append(f"largest difference {one.difference:.2g}")
    return " ".join(parts).rstrip(";")
