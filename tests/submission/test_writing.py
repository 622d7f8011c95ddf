"""What is written has the layout of the benchmark's mock data, to the byte where a file is lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stilts.errors import InputError
from stilts.submission.layout import LAYOUTS


def rows_of(task: str, path: Path) -> list[dict[str, Any]]:
    """The rows that a run would have written for the predictions in a file."""
    found: Any = LAYOUTS[task].read(path)
    if task == "tatoeba":
        rows = [{"id": str(n), "prediction": int(text), "place": n} for n, (_, text) in enumerate(found)]
        return sorted(rows, key=lambda row: -row["place"])  # the examples are in another order
    if task in ("xnli", "pawsx"):
        return [{"id": str(row), "prediction": text} for row, text in found]
    if task in ("udpos", "panx"):
        return [{"id": str(one.row), "prediction": list(one.tags)} for one in found]
    if task == "bucc2018":
        return [{"id": one, "prediction": other} for _, (one, other) in found] + [{"id": "x", "prediction": None}]
    return [{"id": key, "prediction": value} for key, value in found.items()]


def test_the_mock_predictions_come_out_again(real_data: Path) -> None:
    files = sorted((real_data / "xtreme_mock_test_data" / "predictions").glob("*/test-*"))
    assert len(files) == 15 + 7 + 33 + 40 + 11 + 7 + 9 + 4 + 36 + 11
    for path in files:
        text = LAYOUTS[path.parent.name].text(rows_of(path.parent.name, path))
        if path.suffix == ".tsv":
            assert text == path.read_text(encoding="utf-8").rstrip("\n") + "\n", path
        else:
            assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")), path


def test_choices_are_as_upstream_writes_them() -> None:
    """run_xcopa.py of google-research/xtreme at c061466: nothing but the label."""
    rows = [{"id": "a", "prediction": 1}, {"id": "b", "prediction": 0}]
    assert LAYOUTS["xcopa"].text(rows) == '{"label": 1}\n{"label": 0}\n'


def test_no_more_than_twenty_candidates_are_written() -> None:
    names = [f"Q{n}" for n in range(30)]
    assert json.loads(LAYOUTS["mewslix"].text([{"id": "m", "prediction": names}])) == {"m": names[:20]}


def test_text_stays_readable_and_exact() -> None:
    rows = [{"id": "q", "prediction": 'a "b"\u2028\nब'}]
    text = LAYOUTS["mlqa"].text(rows)
    assert "ब" in text
    assert json.loads(text) == {"q": rows[0]["prediction"]}


@pytest.mark.parametrize(("task", "given"), [("pawsx", 1), ("mlqa", None), ("tatoeba", "1"), ("lareqa", "en_1_0")])
def test_predictions_of_another_kind_are_refused(task: str, given: Any) -> None:
    with pytest.raises(InputError, match="row 1 predicts"):
        LAYOUTS[task].text([{"id": "q", "prediction": given, "place": 0}])
