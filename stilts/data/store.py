"""Prepared sets on disk: raw examples as JSON lines, feature rows as an Arrow dataset, and a small manifest.

A set is written to a temporary folder and renamed, so a folder that exists is whole.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stilts.errors import StiltsError
from stilts.formats.base import Feature
from stilts.tasks.examples import EXAMPLE_TYPES, Example

if TYPE_CHECKING:
    import datasets
    import pyarrow

EXAMPLES, ROWS, MANIFEST = "examples.jsonl", "rows", "manifest.json"


class PreparedSet:
    """Read access to one prepared set; rows stay memory-mapped.

    Args:
        folder: a folder that `write_set` made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / MANIFEST).is_file():
            raise StiltsError(f"no prepared set at {folder}: run `stilts prepare` for the study again")
        self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))

    @cached_property
    def examples(self) -> list[Any]:
        """The raw examples (dataclasses of `stilts.tasks.examples`), in file order."""
        kind = EXAMPLE_TYPES[self.manifest["format"]]
        with open(self.folder / EXAMPLES, encoding="utf-8") as lines:
            return [kind(**_tuples(json.loads(line))) for line in lines]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that `prepare` learned, in the order of the head's outputs; empty where the task declares them."""
        return tuple(self.manifest.get("labels", ()))

    @cached_property
    def rows(self) -> datasets.Dataset:
        """The feature rows; `rows[i]` is a dict of lists and ints."""
        import datasets

        return datasets.load_from_disk(str(self.folder / ROWS))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every row, int32 (rows,)."""
        return np.asarray(self.manifest["lengths"], dtype=np.int32)

    @cached_property
    def example_of_row(self) -> np.ndarray:
        """Index of the example that each row belongs to, int64 (rows,)."""
        return self.column("example")

    def column(self, name: str) -> np.ndarray:
        """A column of one int a row, int64 (rows,)."""
        return np.asarray(self.rows.data.column(name).to_numpy(), dtype=np.int64)

    def read(self, numbers: Sequence[int]) -> list[Feature]:
        """Several rows in one access; lists come as int64 arrays (a view of the file where it can be)."""
        table = self.rows.data.fast_gather(list(numbers))
        columns = [_values(table.column(name).combine_chunks()) for name in table.column_names]
        return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return int(self.manifest["rows"])


def write_set(
    folder: Path, format_name: str, examples: Sequence[Example], rows: Sequence[Feature], manifest: Mapping[str, Any]
) -> None:
    """Write one prepared set; `manifest` adds the caller's facts (sources with hashes, counts)."""
    import datasets

    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with open(temporary / EXAMPLES, "w", encoding="utf-8") as out:
        for example in examples:
            out.write(json.dumps(dataclasses.asdict(example), ensure_ascii=False) + "\n")
    datasets.Dataset.from_list(list(rows)).save_to_disk(str(temporary / ROWS))
    facts = {
        **manifest,
        "format": format_name,
        "examples": len(examples),
        "rows": len(rows),
        "lengths": [len(row["input_ids"]) for row in rows],
    }
    (temporary / MANIFEST).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _values(column: pyarrow.Array) -> list[Any]:
    """The values of one column: ints, or an array for each list."""
    if not hasattr(column, "value_lengths"):
        values: list[Any] = column.to_pylist()
        return values
    ends = np.cumsum(column.value_lengths().to_numpy())
    return np.split(column.flatten().to_numpy(), ends[:-1])


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in row.items()}


def _tuple(value: Any) -> Any:
    return (
        tuple(_tuple(item) for item in value) if isinstance(value, Iterable) and not isinstance(value, str) else value
    )
