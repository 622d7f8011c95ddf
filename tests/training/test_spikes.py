"""Losses far above the usual."""

from __future__ import annotations

import random

from stilts.training.health import SPIKE_STEPS, Spikes


def test_a_spike_is_seen_and_does_not_count_as_usual() -> None:
    rng, spikes = random.Random(0), Spikes()
    usual = [rng.gauss(1.0, 0.1) for _ in range(300)]
    assert not any(spikes.is_spike("mnli", loss) for loss in usual)
    assert spikes.is_spike("mnli", 3.0)
    assert spikes.is_spike("mnli", 3.0), "the first one did not raise the limit"
    assert not spikes.is_spike("mnli", 1.1)
    assert not spikes.is_spike("squad_v1", 6.0), "another task has losses of its own"


def test_the_first_steps_are_none() -> None:
    spikes = Spikes()
    assert not any(spikes.is_spike("mnli", loss) for loss in [0.1] * (SPIKE_STEPS - 1) + [9.0])


def test_a_falling_loss_is_none() -> None:
    spikes = Spikes()
    assert not any(spikes.is_spike("mnli", 5.0 * 0.99**step) for step in range(500))
