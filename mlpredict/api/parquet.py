"""Predictions as a Parquet file, for pandas, Spark and DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

from mlpredict.domain import FIELD_TYPES
from mlpredict.errors import UsageError
from mlpredict.support.json_text import JsonText

ROW_GROUP = 20_000


class ParquetTable:
    """Writes rows in groups, so that only one group is in memory.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[str]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise UsageError(
                "a Parquet file needs pyarrow, which is not installed",
                hint="pip install 'mlpredict[parquet]', or name a .csv or .jsonl",
            ) from error
        types = {
            "int": pyarrow.int64(),
            "float": pyarrow.float32(),
            "bool": pyarrow.bool_(),
            "datetime": pyarrow.timestamp("us", tz="UTC"),
            "list[str]": pyarrow.list_(pyarrow.string()),
            "str": pyarrow.string(),
            "Json": pyarrow.string(),
        }
        written = {one: FIELD_TYPES.get(one, "float").removesuffix(" | None") for one in columns}
        self._pyarrow = pyarrow
        self._schema = pyarrow.schema([(one, types[kind]) for one, kind in written.items()])
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows, and write those that make a group."""
        self._rows += rows
        if len(self._rows) >= ROW_GROUP:
            self._write_group()

    def finish(self) -> None:
        """Write what is left, and the end of the file."""
        if self._rows:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        columns = {one: [_value(row[one]) for row in self._rows] for one in self._schema.names}
        self._writer.write_table(self._pyarrow.table(columns, schema=self._schema))
        self._rows.clear()


def _value(value: Any) -> Any:
    return value.text if isinstance(value, JsonText) else value
