"""Which models are averaged, and their mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stilts.config import Training
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.training.attempt import Attempt
from stilts.training.averaging import averaged_steps, keep_for_average, mean_weights

ALONE = World(0, 1, 0, torch.device("cpu"))


def test_the_last_steps_save_every_apart() -> None:
    assert averaged_steps(Training(average_last=1), 100) == []
    assert averaged_steps(Training(average_last=3, save_every=10), 95) == [75, 85, 95]
    assert averaged_steps(Training(average_last=5, save_every=10), 25) == [5, 15, 25], "a short run has fewer"


def test_mean_of_the_kept_models(tmp_path: Path) -> None:
    module, attempt = torch.nn.Linear(2, 1), Attempt.begin(tmp_path, ALONE)
    for step, value in ((1, 1.0), (2, 4.0)):
        torch.nn.init.constant_(module.weight, value)
        keep_for_average(module, tmp_path, step, attempt, ALONE)
    assert mean_weights(tmp_path, [1, 2])["weight"].tolist() == [[2.5, 2.5]]
    with pytest.raises(StiltsError, match="average_last"):
        mean_weights(tmp_path, [1, 2, 3])
