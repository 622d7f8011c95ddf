"""The model card: metadata that the hub's client reads back, training data of the whole chain, scores by language."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub import ModelCard

from stilts.tasks import get_task
from stilts.training.card import model_card
from stilts.training.card_code import loading_code


def facts_of(**changes: Any) -> dict[str, Any]:
    sets = [{"task": "xnli", "split": "dev", "language": language} for language in ("en", "de")]
    settings = {
        "model": {"name": "FacebookAI/xlm-roberta-large", "revision": None}, "trains_on": ["mnli"],
        "train_sets": [{"task": "mnli", "split": "train", "language": "en"}], "evaluation_sets": sets,
        "seeds": {"intermediate": 1, "target": 2}, "sampling": {"strategy": "proportional"},
        "training": {"preset": "jiant", "learning_rate": 1e-5, "batch_size": 16, "max_steps": None},
    }  # fmt: skip
    before = [{"run": "intermediate-a-s1", "tasks": ["anli_plus", "squad_v1"], "steps": 500}]
    facts = {
        "study": "paper", "run": "target-a-s1-xnli-t2", "recipe": "a", "phase": "target", "steps": 90,
        "base": "FacebookAI/xlm-roberta-large", "settings": settings, "settings_hash": "0123456789ab",
        "version": "0.1.0", "before": before, "heads": ["mnli"], "drift": [], "transductive": [],
    }  # fmt: skip
    return {**facts, **changes}


def row(language: str, value: float) -> dict[str, Any]:
    return {
        "target": "xnli", "language": language, "split": "dev", "metric": "accuracy", "value": value, "n": 2490,
        "selection": "last",
    }  # fmt: skip


def test_metadata_is_what_the_hub_reads() -> None:
    data = ModelCard(model_card(facts_of(), [row("en", 88.25), row("de", 80.0)]), ignore_metadata_errors=False).data
    assert data.language == ["de", "en"]
    assert data.base_model == "FacebookAI/xlm-roberta-large"
    assert data.datasets == ["facebook/anli", "nyu-mll/multi_nli", "rajpurkar/squad", "stanfordnlp/snli"]
    assert (data.library_name, data.license, data.metrics) == ("transformers", "other", ["accuracy"])
    assert data.model_name == "target-a-s1-xnli-t2"
    assert data.eval_results is not None
    results = {one.dataset_config: one for one in data.eval_results}
    assert results["en"].metric_value == 88.25
    assert (results["de"].dataset_type, results["de"].dataset_split) == ("facebook/xnli", "dev")
    assert results["de"].task_type == "text-classification"


def test_text_names_the_data_of_the_whole_chain_and_scores_by_language() -> None:
    card = model_card(facts_of(transductive=["6 lines of xnli"]), [row("en", 88.25), row("de", 80.0)])
    for name in ("snli", "mnli", "anli", "squad_v1"):
        assert get_task(name).licence in card
        assert get_task(name).citation in card
    assert "then 500 optimizer steps on anli_plus + squad_v1 (run intermediate-a-s1), then 90 optimizer steps" in card
    assert "| en | dev | 2490 | 88.25 |" in card
    assert "| mean |  |  | 84.12 |" in card
    assert "| learning_rate | 1e-05 |" in card
    assert "max_steps" not in card, "what is not set is not shown"
    assert "Transductive: 6 lines of xnli." in card
    assert "| mean |" not in model_card(facts_of(), [row("en", 88.25)]), "a smaller mean is none"


def test_a_card_without_scores_says_why() -> None:
    assert "Not scored yet." in model_card(facts_of())
    start = facts_of(phase="intermediate", before=[])
    start["settings"] = {**start["settings"], "evaluation_sets": []}
    card = model_card(start)
    assert "has no scores of its own" in card
    assert ModelCard(card).data.eval_results is None


def test_a_local_base_model_is_no_repository(tmp_path: Any) -> None:
    card = model_card(facts_of(base=str(tmp_path / "encoder")))
    assert ModelCard(card).data.base_model is None
    assert "the local model `encoder`" in card
    assert str(tmp_path) not in card


@pytest.mark.parametrize("head", ["mnli", "copa", "squad_v1", "udpos", "ccg", "lareqa", "mewslix", "mlm"])
def test_code_compiles_for_every_format(head: str) -> None:
    code = loading_code([head])
    compile(code, "card", "exec")
    assert "{head}" not in code
    assert "{labels}" not in code
    assert (f'"{head}.' in code) == (head != "mlm")
