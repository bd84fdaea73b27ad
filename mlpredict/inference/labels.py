"""Names of classes, in the files that people keep them in."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 4 << 20
"""More than the names of any model's classes take."""

NUMBERED = re.compile(r"\s*(\d+)(?:\s*[:,;]\s*|\s+)(\S.*)")
"""`0 cat`, `0: cat` or `0, cat`."""

ITEM = re.compile(r"item\s*\{([^{}]*)\}")
ITEM_ID = re.compile(r"\bid\s*:\s*(\d+)")
ITEM_NAME = re.compile(r"""\b(display_name|name)\s*:\s*(?:"([^"\n]*)"|'([^'\n]*)')""")
"""A class in a label map of TensorFlow's object detection: `item { id: 1 name: 'cat' }`."""

WRAPPERS = ("labels", "classes", "class_names", "names", "categories")
"""Keys of an object in JSON that has the names among other things."""

HEADINGS = frozenset({"label", "labels", "class", "classes", "name", "names", "class_name", "category"})


class NoLabels(Exception):
    """A file has no labels, or none that are understood; in words that follow its name."""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The labels of a file, in the order of the classes; `numbered` says that each line had its number."""

    path: Path
    labels: tuple[str, ...]
    numbered: bool = False


def read_label_file(path: Path) -> LabelFile:
    """The labels that a file holds: a line each, or JSON, CSV or a label map by its suffix.

        >>> read_label_file(Path("labels.txt"))      # of the lines "0 cat" and "1 dog"
        LabelFile(path=PosixPath('labels.txt'), labels=('cat', 'dog'), numbered=True)

    Raises:
        NoLabels: it has none, it cannot be read, or it is no text.
    """
    content = _content(path)
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        labels = lines_of(content)
        names = without_numbers(labels)
        found = LabelFile(path, names or labels, numbered=names is not None)
    else:
        found = LabelFile(path, tuple(name.strip() for name in parse(content)))
    if not found.labels:
        raise NoLabels("is empty")
    return found


def lines_of(text: str) -> tuple[str, ...]:
    """A label a line; empty lines at the end are none."""
    return tuple(line.strip() for line in text.rstrip().splitlines())


def without_numbers(lines: Sequence[str]) -> tuple[str, ...] | None:
    """The names of lines such as `0 cat`; None where their numbers are not those of all classes from 0.

    Names that would be the same without their numbers keep them: `1 star`, `2 star`.
    """
    found = [NUMBERED.fullmatch(line) for line in lines]
    named = {int(match[1]): match[2] for match in found if match is not None}
    if len(named) != len(lines) or named.keys() != set(range(len(lines))):
        return None
    return (
        tuple(named[number] for number in range(len(lines)))
        if len(set(named.values())) == len(named)
        else None
    )


def _content(path: Path) -> str:
    try:
        # Opening a pipe would wait for whoever writes into it.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise NoLabels("is no regular file")
        if status.st_size > MAX_BYTES:
            raise NoLabels("is larger than any list of labels")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise NoLabels(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise NoLabels(f"is not utf-8: {error.reason}") from error
    except ValueError as error:
        raise NoLabels(f"cannot be read: {error}") from error


def _of_json(text: str) -> Sequence[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoLabels(f"is no JSON: {error}") from error
    if isinstance(value, dict):
        wrapped = [value[key] for key in WRAPPERS if isinstance(value.get(key), (list, dict))]
        value = wrapped[0] if wrapped else value
    match value:
        case [*names] if names and all(type(name) in (str, int) for name in names):
            return [str(name) for name in names]
        case dict() if value:
            return _of_object(value)
    raise NoLabels("is neither a list of labels nor an object of labels and numbers")


def _of_object(indices: Mapping[str, Any]) -> Sequence[str]:
    """`{"cat": 0}` as Keras' `class_indices`, `{"0": "cat"}`, or `{"0": ["n01440764", "tench"]}`."""
    last = {key: value[-1] if isinstance(value, list) and value else value for key, value in indices.items()}
    if all(_is_index(value) for value in last.values()) and not _are_indices(last):
        return _in_order([(int(value), key) for key, value in last.items()])
    if all(type(value) is int for value in last.values()):
        return _in_order([(value, key) for key, value in last.items()])
    if _are_indices(last) and all(type(value) is str for value in last.values()):
        return _in_order([(int(key), value) for key, value in last.items()])
    raise NoLabels("does not give a number to every label")


def _are_indices(keys: Mapping[str, Any]) -> bool:
    return all(_is_index(key) for key in keys)


def _is_index(value: Any) -> bool:
    return type(value) is int or (
        type(value) is str and value.isascii() and value.isdigit() and len(value) < 10
    )


def _in_order(named: Sequence[tuple[int, str]]) -> Sequence[str]:
    """Names by their numbers, which count from 0 or from 1."""
    ordered = sorted(named)
    numbers = [number for number, _ in ordered]
    if numbers not in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
        raise NoLabels("has numbers that are not those of its labels in a row")
    return [name for _, name in ordered]


def _of_label_map(text: str) -> Sequence[str]:
    named = []
    for item in ITEM.findall(text):
        number = ITEM_ID.search(item)
        names = {kind: double or single for kind, double, single in ITEM_NAME.findall(item)}
        if number is None or not names:
            raise NoLabels("has an item without a name or an id")
        named.append((int(number[1]), names.get("display_name") or names["name"]))
    return _in_order(named)


def _of_csv(text: str) -> Sequence[str]:
    """One column of labels, or two of which one has the numbers; with a heading or without."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    except csv.Error as error:
        raise NoLabels(f"is no CSV: {error}") from error
    if rows and not any(map(_is_index, rows[0])) and HEADINGS & {cell.lower() for cell in rows[0]}:
        rows = rows[1:]
    widths = {len(row) for row in rows}
    if widths == {1}:
        return [row[0] for row in rows]
    for number, name in ((0, 1), (1, 0)) if widths == {2} else ():
        if all(_is_index(row[number]) for row in rows):
            return _in_order([(int(row[number]), row[name]) for row in rows])
    raise NoLabels("has neither one column of labels nor one more with their numbers")


PARSERS: Mapping[str, Callable[[str], Sequence[str]]] = {
    ".json": _of_json,
    ".csv": _of_csv,
    ".pbtxt": _of_label_map,
}


def labels_option(given: str) -> tuple[tuple[str, ...], Path | None]:
    """What `--labels` names: a file with its path, or the labels themselves, separated by commas.

    A label with a comma stands in quotes, as in CSV.

    Raises:
        NoLabels: it is neither; in words that follow what was given.
    """
    # A list of many labels is longer than any file's name: os.path says that there is none, pathlib raises.
    if "," not in given or os.path.isfile(given):
        path = Path(given)
        return read_label_file(path).labels, path
    (row,) = csv.reader([given], skipinitialspace=True)
    labels = tuple(cell.strip() for cell in row)
    if "" in labels:
        raise NoLabels("has a label without a name")
    return labels, None
