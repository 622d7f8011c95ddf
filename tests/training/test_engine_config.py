"""DeepSpeed configurations: files, overrides, and what the run decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from stilts.config import Training
from stilts.deepspeed_config import CONFIGS, read_deepspeed_config
from stilts.distributed import World
from stilts.errors import InputError
from stilts.training.engine import fill_auto, micro_batch_size, parameter_groups

ALONE = World(0, 1, 0, torch.device("cpu"))
TRAINING = Training(batch_size=16, precision="fp32")


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.json")))
def test_every_shipped_configuration_is_filled(name: str) -> None:
    config = fill_auto(read_deepspeed_config({"config": name}), TRAINING, ALONE)
    assert "auto" not in json.dumps(config)
    assert config["train_micro_batch_size_per_gpu"] * config["gradient_accumulation_steps"] == 16
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


@pytest.mark.parametrize(
    ("ranks", "setting", "size"), [(1, None, 32), (2, None, 32), (3, None, 22), (8, None, 8), (2, 5, 5)]
)
def test_micro_batch(ranks: int, setting: int | None, size: int) -> None:
    assert micro_batch_size(Training(batch_size=64, micro_batch_size=setting), ranks) == size


def test_no_decay_on_biases_and_norms() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    decay, rest = parameter_groups(module, 0.01)
    assert [p.shape for p in decay["params"]] == [(4, 3)]
    assert (decay["weight_decay"], rest["weight_decay"], len(rest["params"])) == (0.01, 0.0, 3)
