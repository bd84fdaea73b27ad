"""The command line of the benchmarks: uv run python -m tests.benchmarks"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Failed
from tests.benchmarks.report import Row, as_json, print_table
from tests.benchmarks.workshop import Options, open_workshop

ROUNDS = 5
QUICK_ROUNDS = 3
INTERRUPTED = 130
FAILURES = (Failed, OSError, psycopg.Error, subprocess.SubprocessError)


def arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure mlpredict and its rivals side by side."
    )
    parser.add_argument("--quick", action="store_true", help="fewer images and rounds")
    parser.add_argument(
        "--only", action="append", choices=CASES, metavar="NAME", help="this case; repeatable"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="MNIST's IDX files; else digits are drawn")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"{ROUNDS}; with --quick {QUICK_ROUNDS}")
    parser.add_argument(
        "--pixeltable",
        type=Path,
        metavar="DIR",
        help="a virtual environment for it, made where there is none",
    )
    parser.add_argument("--json", action="store_true", help="results as JSON")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    return parser.parse_args()


def measure(names: list[str], options: Options) -> tuple[list[Row], int]:
    """The rows of these cases, and the exit status: whether all of them ran."""
    rows: list[Row] = []
    status = 0
    with open_workshop(options) as workshop:
        for name in names:
            workshop.tell(name)
            try:
                rows += CASES[name](workshop)
            # What has been measured by then took long, and is shown.
            except KeyboardInterrupt:
                workshop.tell(f"interrupted in {name}")
                return rows, INTERRUPTED
            except FAILURES as failure:
                workshop.tell(f"{name} FAILED: {type(failure).__name__}: {failure}")
                status = 1
    return rows, status


def main() -> int:
    """Run the chosen cases and print their results."""
    chosen = arguments()
    if chosen.list:
        for name, case in CASES.items():
            sys.stdout.write(f"{name:12}  {(case.__doc__ or '').partition(chr(10))[0]}\n")
        return 0
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    options = Options(chosen.quick, rounds, chosen.data, chosen.pixeltable and chosen.pixeltable.absolute())
    rows, status = measure(chosen.only or list(CASES), options)
    if chosen.json:
        sys.stdout.buffer.write(as_json(rows, quick=options.quick, rounds=rounds))
    else:
        print_table(rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
