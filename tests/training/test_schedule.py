"""Length and learning rate of a run."""

from __future__ import annotations

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from stilts.config import Budget, Mlm, Training
from stilts.errors import InputError
from stilts.training.schedule import learning_rate, rate_factors, total_steps, warmup_steps


@pytest.mark.parametrize("warmup", [0.0, 0.1, 7.0])
def test_the_rate_is_transformers_linear_schedule(warmup: float) -> None:
    training, steps = Training(batch_size=8, learning_rate=3e-5, warmup=warmup), 50
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-5)
    reference = get_linear_schedule_with_warmup(optimizer, warmup_steps(training, steps), steps)
    for step in range(steps):
        assert learning_rate(training, step, steps) == pytest.approx(reference.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        reference.step()


@pytest.mark.parametrize(
    ("training", "budget", "steps"),
    [
        (Training(batch_size=8, max_steps=30, epochs=2.0), Budget(), 30),
        (Training(batch_size=8, epochs=2.0), Budget(), 25),
        (Training(batch_size=8, epochs=0.001), Budget(), 1),
        (Training(batch_size=8, max_steps=30), Budget(steps=5), 5),
        (Training(batch_size=8, max_steps=30), Budget(examples=17), 3),
        (Training(batch_size=8, max_steps=30), Budget(epochs=1.0), 13),
    ],
)
def test_length(training: Training, budget: Budget, steps: int) -> None:
    assert total_steps(training, budget, rows=100) == steps


def test_no_length_is_wrong_input() -> None:
    with pytest.raises(InputError, match="no length"):
        total_steps(Training(batch_size=8), Budget(), 100)


def test_masked_lm_has_its_own_peak_and_the_same_shape() -> None:
    training, mlm = Training(learning_rate=1e-5, warmup=0.1), Mlm(learning_rate=4e-6)
    factor = rate_factors(training, mlm)["mlm"]
    for step in (0, 5, 10, 60, 100):
        own = learning_rate(Training(learning_rate=4e-6, warmup=0.1), step, 100)
        assert factor * learning_rate(training, step, 100) == pytest.approx(own)
    assert rate_factors(training, None) == {}


def test_a_trunk_is_constant_after_its_warm_up_and_a_branch_falls_from_there() -> None:
    training = Training(learning_rate=3e-5, warmup=4.0)
    trunk = [learning_rate(training, step, 40, 40) for step in range(40)]
    assert trunk[:4] == pytest.approx([0.0, 0.75e-5, 1.5e-5, 2.25e-5])
    assert trunk[4:] == [3e-5] * 36
    branch = [learning_rate(training, step, 44, 40) for step in range(44)]
    assert branch[:40] == trunk
    assert branch[40:] == pytest.approx([3e-5, 2.25e-5, 1.5e-5, 0.75e-5])
    assert learning_rate(training, 44, 44, 40) == 0.0
    usual = [learning_rate(training, step, 40) for step in range(40)]
    assert usual == [learning_rate(training, step, 40, 4) for step in range(40)]
