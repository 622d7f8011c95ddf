"""Rows of the files that hub repositories are made of: parquet, JSON lines, CSV and TSV, as one dict a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stilts.data.rawfile import csv_rows, filled_lines, load_json_row, malformed
from stilts.errors import InputError

SUFFIXES = (".parquet", ".jsonl", ".csv", ".tsv")


def table_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row, columns) of a table; rows count from 1 in parquet, lines of the file elsewhere.

    TSV is read without quoting. Values of CSV and TSV are text.
    """
    if path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".jsonl":
        for row, text in filled_lines(path):
            yield row, load_json_row(path, row, text)
    elif path.suffix == ".csv":
        yield from csv_rows(path)
    else:
        yield from _tsv(path)


def class_names(path: Path, column: str) -> tuple[str, ...]:
    """The names of a column's numbers that `datasets` wrote into a parquet file; empty where it did not."""
    if path.suffix != ".parquet":
        return ()
    with _opened(path) as file:
        metadata = (file.schema_arrow.metadata or {}).get(b"huggingface")
    feature = json.loads(metadata)["info"]["features"].get(column, {}) if metadata else {}
    if isinstance(feature, list):  # how older versions wrote a list
        feature = feature[0]
    return tuple(feature.get("feature", feature).get("names", ()))


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    row = 0
    with _opened(path) as file:
        for batch in file.iter_batches():
            for value in batch.to_pylist():
                row += 1
                yield row, value


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except pyarrow.ArrowException as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path} is no readable parquet file ({first})", "a whole file", "fetch it again") from None


def _tsv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = filled_lines(path)
    header = next(rows, (0, ""))[1].split("\t")
    for row, text in rows:
        fields = text.split("\t")
        if len(fields) != len(header):
            found = f"{len(fields)} columns separated by tabs"
            raise malformed(path, row, found, f"{len(header)} as in the header", "mend the row")
        yield row, dict(zip(header, fields, strict=True))
