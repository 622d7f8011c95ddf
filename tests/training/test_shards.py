"""Parameters are put together from the shards of any number of ranks, in both of DeepSpeed's layouts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stilts.errors import StiltsError
from stilts.training.shards import MASTER, Shards

WHOLE = torch.arange(7.0)  # parameter "long": 7 elements; "short": 2
SHORT = torch.tensor([70.0, 80.0])


def write(folder: Path, shards: list[dict[str, Any]], shapes: list[dict[str, Any]], ranks: int | None = None) -> Path:
    folder.mkdir()
    model = {"dp_world_size": ranks or len(shards), "param_shapes": shapes, "global_steps": 5, "skipped_steps": 1}
    torch.save(model, folder / "mp_rank_00_model_states.pt")
    for rank, shard in enumerate(shards):
        path = folder / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
        torch.save({"optimizer_state_dict": shard}, path)
    return folder


def zero2(master: torch.Tensor, places: dict[str, tuple[int, int]], step: float = 5.0) -> dict[str, Any]:
    """One rank's part of one group: parameters at (start, count), behind them padding in the moments."""
    state = {"step": torch.tensor(step), "exp_avg": torch.cat([-master, torch.zeros(3)])}
    slices = {name: SimpleNamespace(start=start, numel=count) for name, (start, count) in places.items()}
    return {
        "single_partition_of_fp32_groups": [master],
        "base_optimizer_state": {"state": {0: state}},
        "param_slice_mappings": [slices],
        "loss_scaler": 1024,
    }


def zero3(master: torch.Tensor) -> dict[str, Any]:
    state = {"step": torch.tensor(5.0), "exp_avg": -master}
    return {"fp32_flat_groups": [master], "optimizer_state_dict": {"state": {0: state}}, "loss_scaler": 1024}


@pytest.fixture(params=["zero2", "zero3"])
def shards(request: pytest.FixtureRequest, tmp_path: Path) -> Shards:
    """Three ranks: under ZeRO-2 they cut the parameters anywhere, under ZeRO-3 the last ones are padded or empty."""
    if request.param == "zero2":
        parts = [
            zero2(WHOLE[:3], {"long": (0, 3)}),
            zero2(WHOLE[3:6], {"long": (0, 3)}),
            zero2(torch.cat([WHOLE[6:], SHORT]), {"long": (0, 1), "short": (1, 2)}),
        ]
    else:  # three elements of "long" and one of "short" on each rank, two and one of them padding on the last
        parts = [
            zero3(torch.tensor([0.0, 1.0, 2.0, 70.0])),
            zero3(torch.tensor([3.0, 4.0, 5.0, 80.0])),
            zero3(torch.tensor([6.0, 9.0, 9.0, 9.0])),
        ]
    return Shards(write(tmp_path / "engine", parts, [{"long": torch.Size([7, 1]), "short": torch.Size([2])}]))


@pytest.mark.parametrize(("start", "stop"), [(0, 7), (2, 4), (3, 6), (6, 7), (5, 5)])
def test_any_stretch_of_a_parameter(shards: Shards, start: int, stop: int) -> None:
    for key, wanted in ((MASTER, WHOLE), ("exp_avg", -WHOLE)):
        out = torch.full((stop - start,), 99.0)
        shards.read("long", key, start, out)
        assert torch.equal(out, wanted[start:stop])


def test_what_shards_say_of_themselves(shards: Shards) -> None:
    assert shards.moments == ("exp_avg",)
    assert shards.scalars == {"step": torch.tensor(5.0)}
    assert shards.scaling == {"loss_scaler": 1024}
    assert shards.counters == {"global_steps": 5, "skipped_steps": 1}
    assert [shards.count(name) for name in ("long", "short", "other")] == [7, 2, 0]


def test_more_than_there_is_cannot_be_read(shards: Shards) -> None:
    with pytest.raises(StiltsError, match="long: the checkpoint holds 1 of 2 elements of fp32"):
        shards.read("long", MASTER, 6, torch.empty(2))


def test_sgd_has_no_moments(tmp_path: Path) -> None:
    part = zero2(SHORT, {"short": (0, 2)}) | {"base_optimizer_state": {"state": {}}}
    shards = Shards(write(tmp_path / "engine", [part], []))
    assert (shards.moments, shards.scalars, shards.count("short")) == ((), {}, 2)


def test_a_rank_without_its_shard(tmp_path: Path) -> None:
    folder = write(tmp_path / "engine", [zero2(SHORT, {"short": (0, 2)})], [], ranks=2)
    with pytest.raises(StiltsError, match="written by 2 ranks but has no optimizer shard of rank 1"):
        Shards(folder)


def test_ranks_at_different_steps(tmp_path: Path) -> None:
    parts = [zero2(SHORT[:1], {"short": (0, 1)}), zero2(SHORT[1:], {"short": (0, 1)}, step=6.0)]
    with pytest.raises(StiltsError, match="different numbers of steps"):
        Shards(write(tmp_path / "engine", parts, []))


def test_a_checkpoint_without_zero(tmp_path: Path) -> None:
    with pytest.raises(StiltsError, match="holds no optimizer shards of ZeRO"):
        Shards(write(tmp_path / "engine", [], [], ranks=1))
