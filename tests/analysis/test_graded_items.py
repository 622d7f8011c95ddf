"""Items read from predictions give the score that evaluation wrote, and clusters join what belongs together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stilts.analysis import item_store
from stilts.analysis.clusters import cluster_sums, joint_clusters
from stilts.analysis.item_store import graded_of_run
from stilts.analysis.items import Items, read_graded, read_groups, set_groups
from stilts.config import SetRef
from stilts.errors import InputError
from stilts.formats import get_format
from stilts.tasks import get_task
from stilts.tasks.examples import (
    BitextExample,
    PairExample,
    RetrievalExample,
    SentenceExample,
    SpanExample,
    TaggingExample,
)


def _span(name: str, answer: str, article: str = "A") -> SpanExample:
    return SpanExample(name, "who?", f"It was {answer}.", ((answer, 7),), article)


def _sentence(name: str) -> SentenceExample:
    return SentenceExample(name, "who?", "It was Ada.", (("Ada", 7),), "A", ("It was Ada.",), 0)


CASES: dict[str, tuple[str, Sequence[Any], list[dict[str, Any]]]] = {
    "xnli": ("accuracy", [PairExample(str(i), "p", "h", "neutral") for i in range(3)],
             [{"id": str(i), "prediction": p} for i, p in enumerate(("neutral", "entailment", "neutral"))]),
    "udpos": ("f1", [TaggingExample("s1", ("a", "b", "c"), ("NOUN", "VERB", "NOUN")),
                      TaggingExample("s2", ("d",), ("X",))],
              [{"id": "s1", "prediction": ["NOUN", "NOUN", "NOUN"]}, {"id": "s2", "prediction": ["X"]}]),
    "mlqa": ("f1", [_span("q1", "the great Ada"), _span("q2", "Bob")],
             [{"id": "q1", "prediction": "Ada"}, {"id": "q2", "prediction": "Bob"}]),
    "tatoeba": ("accuracy", [RetrievalExample(str(i), "x", "same") for i in range(2)],
                [{"id": "0", "prediction": 0}, {"id": "1", "prediction": 0}]),
    "lareqa": ("map_at_20", [_sentence("q1"), _sentence("q2")],
               [{"id": "q1", "prediction": ["b", "a"], "gold": ["a", "c"]},
                {"id": "q2", "prediction": ["a"], "gold": ["a"]}]),
    "bucc2018": ("f1", [BitextExample("d1", "x", 0, ("e1",)), BitextExample("d2", "y", 0, ("e2",)),
                        BitextExample("d3", "z", 0, ()), BitextExample("e1", "x", 1, ("d1",)),
                        BitextExample("e2", "y", 1, ("d2",))],
                 [{"id": "d1", "prediction": "e1"}, {"id": "d2", "prediction": None},
                  {"id": "d3", "prediction": "e2"}]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_score_of_the_items_is_the_score_of_the_set(name: str, tmp_path: Path) -> None:
    metric, examples, predictions = CASES[name]
    task = get_task(name)
    graded = get_format(task.format).grade(task, "en", examples, predictions)
    path = tmp_path / "test-en.jsonl"
    rows = [{**p, **item} for p, item in zip(predictions, graded.items, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    items = read_graded(path, task).items([metric])
    assert items.score == pytest.approx(graded.metrics[metric], rel=1e-12)
    assert 0 < items.score < 100  # the case is one where a mistake would show


def test_two_metrics_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "dev-en.jsonl"
    path.write_text('{"id": "a", "exact_match": 0.0, "f1": 0.5}\n{"id": "b", "exact_match": 1.0, "f1": 1.0}\n', "utf-8")
    assert read_graded(path, get_task("xquad")).items(["f1", "exact_match"]).score == 100 * (0.25 + 1.0) / 2


@pytest.mark.parametrize("line", ['{"id": "b", "corr', '{"id": "b", "prediction": "neutral"}', "[1]"])
def test_what_is_no_graded_prediction_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "test-en.jsonl"
    path.write_text('{"id": "a", "correct": true}\n' + line, encoding="utf-8")
    with pytest.raises(InputError, match=r"test-en\.jsonl line 2"):
        read_graded(path, get_task("xnli")).items(["accuracy"])


def test_groups_of_examples(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    rows = [
        {"id": "1", "article": "A", "context": "x"},
        {"id": "2", "article": "", "context": "y"},
        {"id": "3", "article": "A", "context": "z"},
        {"id": "3", "article": "B", "context": "z"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert read_groups(path, get_task("mlqa")) == {"1": "A", "2": "y", "3": ""}
    assert read_groups(path, get_task("udpos")) == {}


def test_lines_end_where_json_says(tmp_path: Path) -> None:
    path = tmp_path / "dev-en.jsonl"
    path.write_text('{"id": "a", "prediction": "x\u2028y\x85z", "correct": true}\n', encoding="utf-8")
    assert read_graded(path, get_task("xnli")).items(["accuracy"]).ids == ("a",)


def test_placeholders_group_nothing(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text("".join(json.dumps({"id": str(k), "text_a": "NS"}) + "\n" for k in range(2)), encoding="utf-8")
    assert read_groups(path, get_task("pawsx")) == {"0": "", "1": ""}


def test_items_of_a_run_know_their_premises(tmp_path: Path) -> None:
    ref = SetRef("xnli", "test", "de", "xnli/test-de-1")
    (tmp_path / "features" / ref.folder).mkdir(parents=True)
    examples = [{"id": str(i), "text_a": f"p{i // 3}", "text_b": "h"} for i in range(6)]
    (tmp_path / "features" / ref.folder / "examples.jsonl").write_text("\n".join(map(json.dumps, examples)), "utf-8")
    (tmp_path / "run/predictions/xnli").mkdir(parents=True)
    lines = "\n".join(json.dumps({"id": str(i), "correct": i % 2 == 0}) for i in range(6))
    (tmp_path / "run/predictions/xnli/test-de.jsonl").write_text(lines, encoding="utf-8")
    graded = graded_of_run(tmp_path / "run", [ref])["de"]
    groups = set_groups(tmp_path / "features", [ref])["de"]
    assert graded.items(["accuracy"], groups).groups == ("p0", "p0", "p0", "p1", "p1", "p1")
    assert set_groups(tmp_path / "nowhere", [ref]) == {"de": {}}
    assert graded.items(["accuracy"]).groups == ("",) * 6


def test_the_commonest_prediction(tmp_path: Path) -> None:
    path = tmp_path / "dev-en.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(i), "prediction": "01"[i > 5], "correct": True}) + "\n" for i in range(8))
    )
    graded = read_graded(path, get_task("pawsx"))
    assert (graded.commonest, graded.share) == ("0", 0.75)
    words = {"id": "1", "prediction": ["X", "X", "O"], "gold": ["X", "O", "O"], "correct": 2, "spans": [1, 1, 0]}
    path.write_text(json.dumps(words) + "\n")
    graded = read_graded(path, get_task("udpos"))
    assert (graded.commonest, graded.share) == ("X", 2 / 3)


def test_what_was_read_is_kept_beside_the_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [SetRef("mlqa", "test", language, "") for language in ("en", "de")]
    folder = tmp_path / "predictions/mlqa"
    folder.mkdir(parents=True)
    for ref in refs:
        rows = [
            {"id": f"q{i}", "prediction": "a", "exact_match": 0.0, "f1": i / 7, "cluster": ref.language}
            for i in range(3)
        ]
        (folder / f"test-{ref.language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = graded_of_run(tmp_path, refs)
    reads: list[Path] = []
    original = item_store.read_graded
    monkeypatch.setattr(item_store, "read_graded", lambda path, task: reads.append(path) or original(path, task))
    ids: item_store.Ids = {}
    again = graded_of_run(tmp_path, refs, ids)
    assert not reads
    assert again["en"].ids is again["de"].ids, "one object"
    for language in ("en", "de"):
        assert again[language].clusters == (language,) * 3
        assert (again[language].commonest, again[language].share) == ("a", 1.0)
        for metric in ("f1", "exact_match"):
            assert np.array_equal(again[language].parts[metric], first[language].parts[metric])
    changed = folder / "test-de.jsonl"
    changed.write_text(changed.read_text().replace("0.0", "1.0"))
    assert graded_of_run(tmp_path, refs)["de"].items(["exact_match"]).score == 100
    assert reads == [changed]
    (folder / item_store.STORE).write_bytes(b"PK damaged")
    assert graded_of_run(tmp_path, refs)["en"].items(["f1"]).score == pytest.approx(100 / 7)


def _items(ids: Sequence[str], groups: Sequence[str], right: Sequence[float]) -> Items:
    return Items(tuple(ids), tuple(groups), np.array(right, dtype=float), np.ones(len(ids)))


def test_translations_join_the_articles_of_two_languages() -> None:
    """MLQA: a German article has another title, and only some of the English one's questions."""
    sets = {
        "en": _items("abcd", ["Plant", "Plant", "Moon", "Moon"], [1, 1, 0, 1]),
        "de": _items("bd", ["Pflanze", "Mond"], [1, 0]),
    }
    found = joint_clusters(sets, parallel=True)
    assert found["en"][0] == found["en"][1] == found["de"][0]
    assert found["en"][2] == found["en"][3] == found["de"][1]
    assert found["en"][0] != found["en"][2]
    apart = joint_clusters(sets, parallel=False)
    assert not set(apart["en"]) & set(apart["de"])


def test_items_without_a_group_are_clusters_of_their_own() -> None:
    same_id_twice = {"en": _items(["1", "1", "2"], ["", "", ""], [1, 0, 1])}
    assert len(set(joint_clusters(same_id_twice, parallel=False)["en"])) == 3


def test_sums_are_those_of_the_items() -> None:
    sets = {
        "en": _items("abcd", ["P", "P", "M", "M"], [1, 1, 0, 1]),
        "de": _items("bd", ["Q", "N"], [1, 0]),
        "fi": _items("xy", ["", ""], [1, 0]),
    }
    other = {name: Items(i.ids, i.groups, 1 - i.numerator, i.denominator) for name, i in sets.items()}
    sums = cluster_sums([sets, other], parallel=True)
    assert sorted(block.numerator.shape for block in sums.blocks) == [(2, 1, 2), (2, 2, 2)]
    expected = [[i.score, o.score] for i, o in zip(sets.values(), other.values(), strict=True)]
    assert np.allclose(sums.scores, expected)
    assert sorted(map(tuple, sums.blocks[0].denominator[:, :, 0].tolist())) == [(2, 1), (2, 1)]


def test_runs_on_other_items_are_refused() -> None:
    one, other = {"en": _items("ab", ["", ""], [1, 0])}, {"en": _items("ba", ["", ""], [1, 0])}
    with pytest.raises(InputError, match="runs 1 and 2 are not scored on the same items in 'en'"):
        cluster_sums([one, other], parallel=True)


@pytest.mark.slow
def test_analysis_needs_no_torch() -> None:
    names = ["items", "clusters", "intervals", "bootstrap", "seeds", "families", "power", "selection"]
    code = "import sys; " + "".join(f"import stilts.analysis.{name}; " for name in names)
    code += "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
