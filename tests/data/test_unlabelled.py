"""Test sets without labels, as XTREME gives them out: prepared to be predicted where a study reports test sets."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from test_prepare import WORDS, make_tokenizer

from stilts.config import DataSettings, Evaluation, ModelSettings, Study, Target
from stilts.data.noise.kinds import Noise
from stilts.data.prepare import prepare
from stilts.data.shown import prepared_facts, prepared_table
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.errors import InputError
from stilts.tasks.examples import TaggingExample

XTREMES = {
    "xnli/test-de.tsv": "w1 w2\tw3\nw4\tw5 w6\n",
    "pawsx/test-de.tsv": "w1 w2\tw3\nNS\t\n",
    "panx/test-de.tsv": "w1\nw2\n\nw3\n",
    "udpos/test-de.tsv": "w7\nw8\n\nw9\n",
    "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.sw.dev.json": json.dumps({"data": [{"paragraphs": [{
        "context": "w1 w2", "qas": [{"id": "q", "question": "w3", "answers": [{"text": "", "answer_start": 0}]}],
    }]}]}),
    "bucc2018/de-en.test.de": "de-1\tw1 w2\nde-2\tw3\n",
    "bucc2018/de-en.test.en": "en-1\tw4\nen-2\tw5\n",
}  # fmt: skip
TESTS = [
    SetSpec(task, "dev" if task == "tydiqa" else "test", "sw" if task == "tydiqa" else "de", "evaluate", 32, 1)
    for task in ("xnli", "pawsx", "panx", "udpos", "tydiqa", "bucc2018")
]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    root = tmp_path / "raw"
    for name, text in XTREMES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Study(
        name="s",
        model=ModelSettings(name=str(make_tokenizer(tmp_path / "model", WORDS))),
        data=DataSettings(root=str(root)),
        target=Target(tasks=[spec.task for spec in TESTS]),
        evaluation=Evaluation(split="test"),
    )


def test_every_example_is_kept_and_the_sets_are_named(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refs = prepare(study, TESTS, tmp_path / "f", progress=False)
    sets = {ref.task: PreparedSet(tmp_path / "f" / ref.folder) for ref in refs}
    assert not any(one.labelled for one in sets.values())
    assert {task: len(one.examples) for task, one in sets.items()} == {
        "xnli": 2, "pawsx": 2, "panx": 2, "udpos": 2, "tydiqa": 1, "bucc2018": 4,
    }  # fmt: skip
    assert sets["panx"].examples == [TaggingExample("row1", ("w1", "w2"), None), TaggingExample("row4", ("w3",), None)]
    words = [place for row in sets["panx"].rows["word"] for place in row if place >= 0]
    assert words == [0, 1, 0]
    note = (
        "no labels, so predictions for a submission and no scores: xnli/test/de; pawsx/test/de; panx/test/de; "
        "udpos/test/de; tydiqa/dev/sw; bucc2018/test/de"
    )
    assert note in caplog.messages
    assert not any("bucc2018" in line and "official release" in line for line in caplog.messages)
    facts = prepared_facts(tmp_path / "f", refs)
    assert [row[1] for row in prepared_table(facts)] == ["no labels"] * len(TESTS)
    assert not any(one["labelled"] for one in facts)


def test_a_second_call_makes_nothing_and_says_it_again(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (ref,) = prepare(study, TESTS[:1], tmp_path / "f", progress=False)
    manifest = tmp_path / "f" / ref.folder / "manifest.json"
    before = manifest.stat().st_mtime_ns
    caplog.clear()
    assert prepare(study, TESTS[:1], tmp_path / "f", progress=False) == [ref]
    assert manifest.stat().st_mtime_ns == before
    assert any(line.endswith("no scores: xnli/test/de") for line in caplog.messages)


def test_a_study_that_reports_dev_sets_refuses_them(study: Study, tmp_path: Path) -> None:
    """Also the set that another study of the same folder has made: tydiqa's dev set is its test set."""
    prepare(study, TESTS, tmp_path / "f", progress=False)
    dev = replace(study, evaluation=Evaluation(split="dev"))
    for spec in TESTS:
        with pytest.raises(InputError, match=r"gold labels in an evaluation set \(XTREME strips them"):
            prepare(dev, [spec], tmp_path / "f", progress=False)


@pytest.mark.parametrize("purpose", ["train", "select", "support"])
def test_training_selection_and_support_need_labels(study: Study, tmp_path: Path, purpose: str) -> None:
    for spec in (TESTS[0], TESTS[-1]):
        with pytest.raises(InputError, match="has no labels for"):
            prepare(study, [replace(spec, purpose=purpose)], tmp_path / "f", progress=False)


def test_a_set_with_some_labels_is_refused(study: Study, tmp_path: Path) -> None:
    """Nobody left them out on purpose."""
    path = Path(study.data.root or "") / "panx/test-de.tsv"
    path.write_text("w1\tO\nw2\tO\n\nw3\t_\n")
    with pytest.raises(InputError, match="has no labels for 1 of 2 examples of panx/test/de"):
        prepare(study, [TESTS[2]], tmp_path / "f", progress=False)


def test_labels_that_come_later_are_read(study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare(study, TESTS[:1], tmp_path / "f", progress=False)
    (Path(study.data.root or "") / "xnli/test-de.tsv").write_text("w1 w2\tw3\tneutral\nw4\tw5 w6\tentailment\n")
    caplog.set_level(logging.WARNING)
    caplog.clear()
    (ref,) = prepare(study, TESTS[:1], tmp_path / "f", progress=False)
    assert PreparedSet(tmp_path / "f" / ref.folder).labelled
    assert not any("no labels" in line for line in caplog.messages)


def test_xtremes_own_files(real_data: Path, study: Study, tmp_path: Path) -> None:
    study = replace(study, data=DataSettings(root=str(real_data)))
    specs = [SetSpec("xnli", "test", "sw", "evaluate", 64, 1, limit=20), replace(TESTS[4], limit=20)]
    made = [PreparedSet(tmp_path / "f" / ref.folder) for ref in prepare(study, specs, tmp_path / "f", progress=False)]
    assert [(len(one.examples), one.labelled) for one in made] == [(20, False), (20, False)]


@pytest.mark.parametrize("spec", TESTS, ids=lambda spec: spec.task)
def test_noise_needs_labels(study: Study, tmp_path: Path, spec: SetSpec) -> None:
    noisy = replace(spec, purpose="noise", noise=Noise("swap@0.5", "swap", 0.5, 1, "text"))
    with pytest.raises(InputError, match=f"no labels for .* of {spec.name} swap@0.5 seed 1"):
        prepare(study, [spec, noisy], tmp_path / "f", progress=False)
