"""Settings of the optimizer's groups survive JSON, and state that cannot be dealt out is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stilts.distributed import World
from stilts.errors import InputError, StiltsError
from stilts.training.elastic import hyper_parameters, load, set_hyper_parameters


def engine_of(*decays: float) -> Any:
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(2))], "weight_decay": decay, "rate_scale": 0.8} for decay in decays
    ]
    return SimpleNamespace(optimizer=torch.optim.AdamW(groups, lr=0.25, fused=True))


def test_groups_come_back_as_they_were() -> None:
    recorded = json.loads(json.dumps(hyper_parameters(engine_of(0.5, 0.0))))
    other = engine_of(0.5, 0.5)
    for group in other.optimizer.param_groups:
        group |= {"betas": (0.1, 0.1), "lr": 0.0, "rate_scale": 1.0}
    set_hyper_parameters(other, recorded)
    assert [g["weight_decay"] for g in other.optimizer.param_groups] == [0.5, 0.0]
    for group, parameters in zip(other.optimizer.param_groups, [2, 2], strict=True):
        assert (group["betas"], group["lr"], group["rate_scale"]) == ((0.9, 0.999), 0.25, 0.8)
        assert group["params"][0].numel() == parameters


def test_another_number_of_groups() -> None:
    with pytest.raises(StiltsError, match="has 2 optimizer groups, this run has 1"):
        set_hyper_parameters(engine_of(0.5), hyper_parameters(engine_of(0.5, 0.0)))


def test_another_optimizer() -> None:
    recorded = hyper_parameters(engine_of(0.5))
    del recorded[0]["eps"]
    with pytest.raises(StiltsError, match=r"group 0 .* differ in \['eps'\]"):
        set_hyper_parameters(engine_of(0.5), recorded)


@pytest.mark.parametrize("part", ["optimizer", "param"])
def test_state_on_nvme_is_refused(part: str) -> None:
    engine = engine_of(0.5)
    for name in ("optimizer", "param"):
        section = SimpleNamespace(device="nvme" if name == part else "cpu")
        setattr(engine, f"zero_offload_{name}", lambda section=section: section)
    with pytest.raises(InputError, match="NVMe"):
        load(engine, Path("checkpoint/engine"), World(0, 1, 0, torch.device("cpu")), [])
