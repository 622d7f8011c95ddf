"""The sample's pretraining: a run of this project, exported as a published masked LM, and kept for the next call."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stilts.errors import StiltsError
from stilts.sample import pretrain as module
from stilts.sample.model import write_with_weights

CODES = ["en", "qac"]
pytestmark = pytest.mark.slow


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sixty steps instead of all, and an empty cache."""
    monkeypatch.setattr(module, "TRAINING", replace(module.TRAINING, max_steps=60))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def loss_of(folder: Path, lines: list[str]) -> float:
    """Loss of predicting every fifth token."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()
    batch = tokenizer(lines, padding=True, return_tensors="pt")
    labels = torch.full_like(batch["input_ids"], -100)
    places = (torch.arange(labels.shape[1]) % 5 == 3) & batch["attention_mask"].bool()
    labels[places] = batch["input_ids"][places]
    batch["input_ids"][places] = tokenizer.mask_token_id
    with torch.no_grad():
        return float(model(**batch, labels=labels).loss)


def test_pretraining_learns_is_published_and_is_kept(sample: Path, short: Path, monkeypatch, capfd) -> None:
    random = sample / "model_random"
    module.pretrain(short / "one", random, sample, CODES, seed=1)
    lines = (sample / "mlm_text/sample/qac.txt").read_text(encoding="utf-8").splitlines()[:40]
    assert loss_of(short / "one", lines) < loss_of(random, lines) - 1
    assert "pretraining: 60 steps on the text of 2 languages" in capfd.readouterr().err
    monkeypatch.setattr(module, "_run", lambda *_: pytest.fail("it was there"))
    module.pretrain(short / "two", random, sample, CODES, seed=1)
    files = sorted(path.name for path in (short / "one").iterdir())
    assert files == sorted(path.name for path in (short / "two").iterdir())
    assert all((short / "one" / name).read_bytes() == (short / "two" / name).read_bytes() for name in files)
    assert "heads.safetensors" not in files


def test_another_seed_text_or_step_count_is_another_model(sample: Path, short: Path, monkeypatch) -> None:
    random = sample / "model_random"
    keys = [module._key(random, sample, CODES, 1), module._key(random, sample, CODES, 2)]
    keys += [module._key(random, sample, ["en"], 1)]
    monkeypatch.setattr(module, "TRAINING", replace(module.TRAINING, max_steps=61))
    assert len({*keys, module._key(random, sample, CODES, 1)}) == 4


def test_a_run_that_fails_is_named(sample: Path, short: Path) -> None:
    broken = short / "broken"
    shutil.copytree(sample / "model_random", broken)
    (broken / "config.json").write_text('{"model_type": "xlm-roberta", "vocab_size": 3}')
    with pytest.raises(StiltsError, match="pretraining failed"):
        module.pretrain(short / "out", broken, sample, CODES, seed=1)
    assert not (short / "out").exists()


def test_weights_that_are_not_all_there_are_refused(sample: Path, short: Path) -> None:
    with pytest.raises(ValueError, match="weights differ"):
        write_with_weights(short / "out", sample / "model_random", {}, {})
