"""DeepSpeed configurations: files, overrides, and what the run decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from stilts.config import Training
from stilts.deepspeed_config import CONFIGS, read_deepspeed_config
from stilts.distributed import World
from stilts.errors import InputError
from stilts.training import engine
from stilts.training.engine import accumulates_in, fill_auto, parameter_groups

ALONE = World(0, 1, 0, torch.device("cpu"))
TRAINING = Training(batch_size=16, precision="fp32")


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.json")))
def test_every_shipped_configuration_is_filled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_has_async_io", lambda: True)
    config = fill_auto(read_deepspeed_config({"config": name}), TRAINING, ALONE)
    assert "auto" not in json.dumps(config)
    assert str(config["zero_optimization"]["stage"]) in name


def test_overrides_are_merged_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"zero_optimization": {"stage": 2, "overlap_comm": true}}')
    config = read_deepspeed_config({"config": str(path), "zero_optimization": {"overlap_comm": False}})
    assert config["zero_optimization"] == {"stage": 2, "overlap_comm": False}


def test_a_value_that_contradicts_the_run_is_refused() -> None:
    with pytest.raises(InputError, match="gradient_accumulation_steps"):
        fill_auto(read_deepspeed_config({"config": "zero2", "gradient_accumulation_steps": 4}), TRAINING, ALONE)


WRONG_FILES = [
    (None, "is no file"),
    ("{", "is not JSON"),
    ('{"zero_optimization": {}}', "has no zero_opt"),
    ('{"zero_optimization": 3}', "has no zero_opt"),
]


@pytest.mark.parametrize(("content", "line"), WRONG_FILES)
def test_wrong_files(tmp_path: Path, content: str | None, line: str) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=line):
        read_deepspeed_config({"config": str(path)})


def test_no_decay_on_biases_and_norms() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    decay, rest = parameter_groups(module, Training(weight_decay=0.01))
    assert [p.shape for p in decay["params"]] == [(4, 3)]
    assert (decay["weight_decay"], rest["weight_decay"], len(rest["params"])) == (0.01, 0.0, 3)


def test_layers_further_down_learn_slower() -> None:
    from stilts.model.multitask import MultiTaskModel

    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    model = MultiTaskModel(BertModel(config, add_pooling_layer=False), {"mnli": torch.nn.Linear(8, 3)}, {})
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, Training(layerwise_lr_decay=0.5))
    scale = {names[parameter]: group["rate_scale"] for group in groups for parameter in group["params"]}
    assert scale["heads.mnli.weight"] == scale["encoder.encoder.layer.2.output.dense.weight"] == 1.0
    assert scale["encoder.encoder.layer.0.output.dense.bias"] == 0.25
    assert scale["encoder.embeddings.word_embeddings.weight"] == 0.125


def test_nvme_offload_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "_has_async_io", lambda: False)
    with pytest.raises(InputError, match="libaio"):
        fill_auto(read_deepspeed_config({"config": "zero3_nvme"}), TRAINING, ALONE, tmp_path)
    monkeypatch.setattr(engine, "_has_async_io", lambda: True)
    config = fill_auto(read_deepspeed_config({"config": "zero3_nvme"}), TRAINING, ALONE, tmp_path)
    assert config["zero_optimization"]["offload_param"]["nvme_path"] == str(tmp_path / "nvme")


def test_accumulation_is_fp32_where_the_stage_allows_it() -> None:
    half = Training(precision="bf16")
    kinds = {
        name: accumulates_in(read_deepspeed_config({"config": name}), half) for name in ("zero0", "zero1", "zero3")
    }
    assert kinds == {"zero0": "bf16", "zero1": "fp32", "zero3": "fp32"}
