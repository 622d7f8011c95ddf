"""Supertags, whose labels are learned: the head has their number, and predictions come out in their words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from gold_path import MadeUp
from transformers import BertConfig, BertModel

from stilts.config import RetrievalSettings, RunSettings, SetRef
from stilts.data.store import PreparedSet, write_set
from stilts.distributed import World
from stilts.evaluation.predict import Predictor
from stilts.evaluation.scoring import Scorer
from stilts.formats.batch import Batch
from stilts.formats.tagging import TaggingFormat
from stilts.model.build import build_model
from stilts.tasks import get_task
from stilts.tasks.examples import TaggingExample
from stilts.training.run import Run

CCG = get_task("ccg")
LABELS = (".", "N", "NP/N", "S\\NP")
EXAMPLES = [TaggingExample("1", ("the", "dog", "sleeps"), ("NP/N", "N", "S\\NP")), TaggingExample("2", ("no",), ("X",))]


def test_the_head_has_an_output_for_each_learned_label(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertModel(config).save_pretrained(tmp_path)
    model = build_model(str(tmp_path), None, ["ccg", "udpos"], 1, "fp32", labels={"ccg": LABELS, "other": ("a",)})
    shapes = {name: {p.shape[0] for p in head.parameters()} for name, head in model.heads.items()}
    assert shapes == {"ccg": {4}, "udpos": {17}}


def test_scores_of_a_set_with_learned_labels(wordpiece, tmp_path: Path) -> None:
    rows = TaggingFormat().features(replace(CCG, labels=LABELS), EXAMPLES[:1], wordpiece, 32, training=True)
    rows += [
        {**row, "example": 1} for row in TaggingFormat().features(CCG, EXAMPLES[1:], wordpiece, 32, training=False)
    ]
    write_set(tmp_path / "set", "tagging", EXAMPLES, rows, {"labels": LABELS})

    def gold(batch: Batch) -> torch.Tensor:
        """Logits that are highest at the gold tag; at the first where the tag is unknown."""
        return torch.eye(len(LABELS))[batch.columns["labels"].clamp(min=0)]

    scorer = Scorer(Predictor(MadeUp(gold), World(0, 1, 0, torch.device("cpu"))), ["squad_v1", "ccg"], 1)
    found = scorer.score(CCG, "en", PreparedSet(tmp_path / "set"), RetrievalSettings())
    assert found is not None
    metrics, predictions = found
    assert metrics == {"accuracy": 75.0}
    assert [p["prediction"] for p in predictions] == [["NP/N", "N", "S\\NP"], ["."]]
    assert scorer.task_score(CCG, metrics) == 75.0


def test_a_run_takes_the_labels_from_its_training_set(tmp_path: Path) -> None:
    row = {"input_ids": [1], "example": 0, "labels": [0], "word": [0]}
    write_set(tmp_path / "ccg/train", "tagging", EXAMPLES[:1], [row], {"labels": LABELS})
    run = Run.__new__(Run)
    run.features = tmp_path
    sets = [SetRef("udpos", "train", "en", "udpos/train"), SetRef("ccg", "train", "en", "ccg/train")]
    run.settings = RunSettings("s", "r", "intermediate", "x", {}, "0", train_sets=sets)
    assert run._learned_labels(["ccg", "udpos"]) == {"ccg": LABELS}
    assert run._learned_labels(["udpos"]) == {}
