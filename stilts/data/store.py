"""Prepared sets on disk: raw examples as JSON lines, feature rows as Arrow files, and a small manifest.

A set is written to a temporary folder and renamed, so a folder that exists is whole. Its rows lie in shards of a fixed
number of examples, each written a batch at a time: the bytes do not depend on who wrote them, or on how many did.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stilts.errors import StiltsError
from stilts.formats.base import TRUNCATED, Feature
from stilts.tasks.examples import EXAMPLE_TYPES, Example

if TYPE_CHECKING:
    import datasets
    import pyarrow

EXAMPLES, ROWS, MANIFEST = "examples.jsonl", "rows", "manifest.json"
LAYOUT = 2
"""Raised whenever these files change: sets of another layout are made again."""
BINS = 16  # of the histogram of sequence lengths


class PreparedSet:
    """Read access to one prepared set; rows stay memory-mapped.

    Args:
        folder: a folder that `commit` made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / MANIFEST).is_file():
            raise StiltsError(f"no prepared set at {folder}: run `stilts prepare` for the study again")
        self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))

    @cached_property
    def examples(self) -> list[Any]:
        """The raw examples (dataclasses of `stilts.tasks.examples`), in file order."""
        return load_examples(self.folder / EXAMPLES, self.manifest["format"])

    def some(self, numbers: Sequence[int]) -> list[Any]:
        """The examples of these numbers, which rise: others are not made objects of."""
        wanted, kind = set(numbers), EXAMPLE_TYPES[self.manifest["format"]]
        with open(self.folder / EXAMPLES, "rb") as file:
            lines = (line for number, line in enumerate(file) if number in wanted)
            return [kind(**_tuples(json.loads(line))) for line in lines]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that `prepare` learned, in the order of the head's outputs; empty where the task declares them."""
        return tuple(self.manifest.get("labels", ()))

    @property
    def labelled(self) -> bool:
        """Whether the examples have labels; a test set without them is predicted and not scored."""
        return bool(self.manifest.get("labelled", True))

    @cached_property
    def rows(self) -> datasets.Dataset:
        """The feature rows; `rows[i]` is a dict of lists and ints."""
        import datasets

        shards = [datasets.Dataset.from_file(str(path)) for path in sorted((self.folder / ROWS).glob("*.arrow"))]
        return datasets.concatenate_datasets(shards)

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
        """Several rows in one access; lists come as int32 arrays (a view of the file where it can be)."""
        table = self.rows.data.fast_gather(list(numbers))
        columns = [_values(table.column(name).combine_chunks()) for name in table.column_names]
        return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return int(self.manifest["rows"])


@dataclass(frozen=True)
class Shard:
    """What one file of rows holds.

    Attributes:
        lengths: tokens of every row, int32 (rows,).
        sequences: how many sequences have 0, 1, 2, ... tokens, int64; a row of multiple choice has several.
        truncated: rows whose text was cut.
    """

    lengths: np.ndarray
    sequences: np.ndarray
    truncated: int


def write_shard(folder: Path, number: int, batches: Iterable[Sequence[Feature]]) -> Shard:
    """Write shard `number` of the set in `folder`; one batch is in memory at a time, and none may be empty."""
    import pyarrow

    (folder / ROWS).mkdir(parents=True, exist_ok=True)
    lengths, sequences, truncated = [np.zeros(0, np.int32)], np.zeros(1, np.int64), 0
    path, writer = folder / ROWS / f"{number:05}.arrow", None
    with pyarrow.OSFile(str(path), "wb") as sink:
        for rows in batches:
            names = [name for name in rows[0] if name != TRUNCATED]
            columns = {name: _column([row[name] for row in rows]) for name in names}
            batch = pyarrow.RecordBatch.from_arrays(list(columns.values()), names)
            writer = writer or pyarrow.ipc.new_stream(sink, batch.schema)
            writer.write_batch(batch)
            lengths.append(columns["input_ids"].value_lengths().to_numpy())
            sizes = columns["sizes"].flatten().to_numpy() if "sizes" in columns else lengths[-1]
            sequences = _added(sequences, np.bincount(sizes))
            truncated += sum(bool(row.get(TRUNCATED)) for row in rows)
        if writer is not None:
            writer.close()
    return Shard(np.concatenate(lengths), sequences, truncated)


def commit(
    temporary: Path, folder: Path, format_name: str, examples: int, shards: Sequence[Shard], facts: Mapping[str, Any]
) -> None:
    """Add the manifest (with the caller's facts) to a folder that holds everything else, and rename it to `folder`."""
    lengths = np.concatenate([shard.lengths for shard in shards])
    sequences = np.zeros(1, np.int64)
    for shard in shards:
        sequences = _added(sequences, shard.sequences)
    manifest = {
        **facts,
        "format": format_name,
        "examples": examples,
        "rows": len(lengths),
        "truncated": sum(shard.truncated for shard in shards),
        "tokens": token_facts(sequences),
        "lengths": lengths.tolist(),
    }
    (temporary / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def write_set(
    folder: Path, format_name: str, examples: Sequence[Example], rows: Sequence[Feature], facts: Mapping[str, Any]
) -> None:
    """Write a small set that is in memory; `facts` are added to its manifest."""
    temporary = temporary_of(folder)
    save_examples(temporary / EXAMPLES, examples, max(1, len(examples)))
    commit(temporary, folder, format_name, len(examples), [write_shard(temporary, 0, [rows])], facts)


def temporary_of(folder: Path) -> Path:
    """A new, empty folder beside `folder`, in which this process makes the set."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return temporary


def save_examples(path: Path, examples: Iterable[Example], every: int) -> list[int]:
    """Write examples as JSON lines. Returns where, in bytes, each `every`-th of them begins."""
    starts = []
    with open(path, "wb") as out:
        for number, example in enumerate(examples):
            if number % every == 0:
                starts.append(out.tell())
            out.write(json.dumps(vars(example), ensure_ascii=False).encode() + b"\n")
    return starts


def load_examples(path: Path, format_name: str, start: int = 0, count: int | None = None) -> list[Any]:
    """The examples from byte `start` on: `count` of them, or all."""
    kind = EXAMPLE_TYPES[format_name]
    with open(path, "rb") as file:
        file.seek(start)
        lines = iter(file) if count is None else (file.readline() for _ in range(count))
        return [kind(**_tuples(json.loads(line))) for line in lines]


def token_facts(sequences: np.ndarray) -> dict[str, Any]:
    """Count, mean, median, 95th percentile, longest and histogram, from how many sequences have each length.

    The histogram is a list of [longest length in the bin, sequences], at most 16 bins of equal width.
    """
    count, sizes = int(sequences.sum()), np.arange(len(sequences))
    below = np.cumsum(sequences)
    longest = int(sizes[sequences > 0].max(initial=0))
    width = max(1, -(-longest // BINS))
    histogram = [
        [first + width - 1, int(sequences[first : first + width].sum())] for first in range(1, longest + 1, width)
    ]
    return {
        "sequences": count,
        "total": int(sequences @ sizes),
        "mean": round(float(sequences @ sizes) / max(1, count), 2),
        "median": int(np.searchsorted(below, 0.5 * count)),
        "p95": int(np.searchsorted(below, 0.95 * count)),
        "longest": longest,
        "histogram": histogram,
    }


def _column(values: Sequence[Any]) -> pyarrow.Array:
    """Ints as int64; lists of ints as lists of int32, through numpy."""
    import pyarrow

    if not hasattr(values[0], "__len__"):
        return pyarrow.array(np.asarray(values, dtype=np.int64))
    ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
    flat = np.fromiter(chain.from_iterable(values), dtype=np.int32, count=int(ends[-1]))
    return pyarrow.ListArray.from_arrays(pyarrow.array(ends), pyarrow.array(flat))


def _added(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    out = np.zeros(max(len(one), len(other)), np.int64)
    out[: len(one)] += one
    out[: len(other)] += other
    return out


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
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
