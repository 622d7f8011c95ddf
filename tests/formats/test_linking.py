"""Features and score of entity linking; head and loss are those of the dual encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stilts.data.store import PreparedSet, write_set
from stilts.evaluation.pool import Pool
from stilts.formats import get_format
from stilts.formats.linking import LinkingFormat
from stilts.tasks import MULTIPLE, get_task
from stilts.tasks.examples import EntityExample

FORM, TASK = LinkingFormat(), get_task("mewslix")
PAIRS = [
    EntityExample("m1", "Rhine: The { Rhine } is long.", "Q1", "A river in Europe."),
    EntityExample("m2", "it: We saw { it } , the old river.", "Q1", "A river in Europe."),
    EntityExample("m3", "Warsaw: They live in { Warsaw } .", "Q2", "A city on the Vistula in Poland."),
]
MENTIONS = [EntityExample(one.id, one.text, one.entity, "") for one in PAIRS]
CANDIDATES = [EntityExample(name, "", name, f"Entity {name}.") for name in ("Q3", "Q1", "Q2")]


def test_a_training_row_is_a_mention_and_a_description(tokenizer) -> None:
    assert isinstance(get_format("linking"), LinkingFormat)
    rows = FORM.features(TASK, PAIRS, tokenizer, 12, training=True)
    for index, (row, one) in enumerate(zip(rows, PAIRS, strict=True)):
        sides = [tokenizer(text, truncation=True, max_length=12)["input_ids"] for text in (one.text, one.description)]
        assert row["input_ids"] == sides[0] + sides[1]
        assert (row["example"], row["sizes"]) == (index, [len(side) for side in sides])


def test_a_scored_set_has_mentions_and_each_described_entity_once(tokenizer) -> None:
    def sides(examples: list[EntityExample]) -> list[tuple[int, int]]:
        return [(row["example"], row["side"]) for row in FORM.features(TASK, examples, tokenizer, 12, training=False)]

    assert sides(PAIRS) == [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)]
    assert sides(MENTIONS) == [(0, 0), (1, 0), (2, 0)]
    assert sides(CANDIDATES) == [(0, 1), (1, 1), (2, 1)]
    assert FORM.candidates("en", PAIRS) == ["Q1", "Q2"]
    assert FORM.candidates(MULTIPLE, CANDIDATES) == ["Q3", "Q1", "Q2"]


class Vectors:
    """Stands for a model: rows of a set become given vectors."""

    class world:
        main = True

    def __init__(self, given: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        self.given = given

    def vectors(self, prepared: PreparedSet, head: str) -> tuple[np.ndarray, np.ndarray]:
        return self.given[prepared.folder.name]


@pytest.mark.parametrize("shared", [True, False])
def test_mentions_of_all_languages_search_the_candidate_set(tmp_path: Path, tokenizer, shared: bool) -> None:
    sets = {"en": MENTIONS[:2], "de": MENTIONS[2:], "mul": CANDIDATES} if shared else {"en": PAIRS}
    prepared = {}
    for name, examples in sets.items():
        write_set(tmp_path / name, "linking", examples, FORM.features(TASK, examples, tokenizer, 12, False), {})
        prepared[name] = PreparedSet(tmp_path / name)
    axes = np.eye(3, dtype=np.float32)
    none = np.zeros((0, 3), np.float32)
    given = {"en": (axes[[1, 2]] + 0.1 * axes[[2, 1]], none), "de": (axes[[0]] + 0.1 * axes[[2]], none),
             "mul": (none, axes)} if shared else {"en": (axes[[0, 1, 1]], axes[:2])}  # fmt: skip
    candidates = prepared.pop("mul", None)
    pool = Pool(Vectors(given), TASK, "mewslix", prepared, candidates)
    found = pool.predictions("en")
    if shared:
        assert [(p["prediction"], p["gold"]) for p in found] == [
            (["Q1", "Q2", "Q3"], ["Q1"]),
            (["Q2", "Q1", "Q3"], ["Q1"]),
        ]
        assert pool.predictions("de")[0]["prediction"] == ["Q3", "Q2", "Q1"]
        assert FORM.grade(TASK, "en", MENTIONS[:2], found).metrics == {"map_at_20": 75.0}
    else:
        assert [p["prediction"] for p in found] == [["Q1", "Q2"], ["Q2", "Q1"], ["Q2", "Q1"]]


def test_the_mock_data_has_the_benchmarks_score(real_data: Path) -> None:
    """XTREME's evaluate.py prints 14.390252 for it (facts)."""
    root, scores = real_data / "xtreme_mock_test_data", []
    for code in TASK.languages:
        gold, found = (
            json.loads((root / part / f"mewslix/test-{code}.json").read_text()) for part in ("labels", "predictions")
        )
        examples = [EntityExample(name, "x", right[0], "") for name, right in gold.items()]
        given = [{"id": name, "prediction": found[name], "gold": right} for name, right in gold.items()]
        scores.append(FORM.grade(TASK, code, examples, given).metrics["map_at_20"])
    assert sum(scores) / len(scores) == pytest.approx(14.390252, abs=1e-6)
