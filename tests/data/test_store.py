"""Prepared sets on disk: shards, manifest, and what is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stilts.data.store import PreparedSet, commit, load_examples, save_examples, token_facts, write_set, write_shard
from stilts.errors import StiltsError
from stilts.tasks.examples import SentenceExample, TaggingExample

SENTENCES = [TaggingExample(str(n), ("a", "b"), ("X", "Y") if n % 2 else None) for n in range(5)]


def row(example: int, tokens: int, **more: object) -> dict[str, object]:
    return {"input_ids": list(range(tokens)), "example": example, **more}


def test_batches_and_shards_are_read_back_in_order(tmp_path: Path) -> None:
    work = tmp_path / ".work"
    first = write_shard(work, 0, [[row(0, 3), row(0, 5)], [row(1, 0)]])
    second = write_shard(work, 1, [[row(2, 70000)]])
    save_examples(work / "examples.jsonl", SENTENCES, 100)
    commit(work, tmp_path / "set", "tagging", 5, [first, second], {"facts": 1})
    made = PreparedSet(tmp_path / "set")
    assert made.lengths.tolist() == [3, 5, 0, 70000]
    assert made.example_of_row.tolist() == [0, 0, 1, 2]
    assert [len(one["input_ids"]) for one in made.read([3, 0, 2])] == [70000, 3, 0]
    assert made.read([3])[0]["input_ids"][-1] == 69999
    assert made.rows[1] == row(0, 5)
    assert (len(made), made.manifest["facts"], made.examples) == (4, 1, SENTENCES)
    assert not work.exists()


def test_truncated_rows_are_counted_and_the_mark_is_not_stored(tmp_path: Path) -> None:
    write_set(tmp_path / "s", "tagging", SENTENCES, [row(0, 2, truncated=True), row(1, 2, truncated=False)], {})
    made = PreparedSet(tmp_path / "s")
    assert (made.manifest["truncated"], made.rows.column_names) == (1, ["input_ids", "example"])


def test_lengths_are_those_of_sequences(tmp_path: Path) -> None:
    write_set(tmp_path / "s", "choice", [], [row(0, 9, sizes=[4, 5]), row(1, 3, sizes=[3])], {})
    tokens = PreparedSet(tmp_path / "s").manifest["tokens"]
    assert {key: tokens[key] for key in ("sequences", "total", "mean", "median", "longest")} == {
        "sequences": 3, "total": 12, "mean": 4.0, "median": 4, "longest": 5,
    }  # fmt: skip
    assert tokens["histogram"] == [[1, 0], [2, 0], [3, 1], [4, 1], [5, 1]]


@pytest.mark.parametrize("longest", [1, 16, 17, 384])
def test_the_histogram_holds_every_sequence_in_at_most_16_bins(longest: int) -> None:
    lengths = np.random.default_rng(longest).integers(1, longest + 1, size=500)
    facts = token_facts(np.bincount(lengths))
    ends, counts = zip(*facts["histogram"], strict=True)
    assert len(ends) <= 16
    assert sum(counts) == 500
    assert [sum(lengths <= end) for end in ends] == np.cumsum(counts).tolist()
    assert facts["p95"] == np.sort(lengths)[int(np.ceil(0.95 * 500)) - 1]


def test_examples_from_the_middle_of_a_file(tmp_path: Path) -> None:
    examples = [
        SentenceExample(str(n), "ü?", "k" * n + "äb", (("b", n + 1),), "t", ("k" * n + "äb",), 0) for n in range(7)
    ]
    starts = save_examples(tmp_path / "e", examples, 3)
    assert len(starts) == 3
    assert load_examples(tmp_path / "e", "dual", starts[1], 3) == examples[3:6]
    assert load_examples(tmp_path / "e", "dual") == examples


def test_a_folder_without_a_manifest_is_no_set(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [[row(0, 1)]])
    with pytest.raises(StiltsError, match="run `stilts prepare`"):
        PreparedSet(tmp_path)
