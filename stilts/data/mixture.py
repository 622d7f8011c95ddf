"""Which task trains at which optimizer step: one task a step, a pure function of (seed, step)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stilts.config import Mlm, Sampling
from stilts.tasks.text import MLM

_STREAM = 0x7A5C  # keeps this stream apart from the permutations of the same seed


def task_shares(sampling: Sampling, sizes: Mapping[str, int], mlm: Mlm | None = None) -> dict[str, float]:
    """The probability of each task, in the order of `sizes` (training rows a task).

    Samplers of the reference (jiant): uniform, proportional n, capped min(n, cap), temperature min(n, cap)^(1/T),
    given weights. With `mlm`, masked LM has its own share of the steps, and the sampler divides the rest.
    """
    if mlm is not None:
        others = {task: rows for task, rows in sizes.items() if task != MLM.name}
        rest = {task: (1 - mlm.share) * share for task, share in task_shares(sampling, others).items()}
        return {task: rest.get(task, mlm.share) for task in sizes}
    rows = np.asarray(list(sizes.values()), dtype=np.float64)
    capped = np.minimum(rows, sampling.cap)
    weights = {
        "proportional": rows,
        "capped": capped,
        "temperature": capped ** (1 / sampling.temperature),
        "uniform": np.ones_like(rows),
        "given": np.asarray([sampling.weights.get(task, 0.0) for task in sizes], dtype=np.float64),
    }[sampling.strategy]
    return dict(zip(sizes, (weights / weights.sum()).tolist(), strict=True))


class Mixture:
    """The task of every step and how often it came before.

    Args:
        shares: probability of each task.
        steps: optimizer steps of the run; a longer run of the same seed begins with the same tasks.
        seed: the run's seed.
    """

    def __init__(self, shares: Mapping[str, float], steps: int, seed: int) -> None:
        self.tasks: Sequence[str] = list(shares)
        generator = np.random.default_rng([seed, _STREAM])
        self._task = generator.choice(len(self.tasks), size=steps, p=list(shares.values())).astype(np.int16)
        self._before = np.zeros(steps, dtype=np.int64)
        for index in range(len(self.tasks)):
            here = self._task == index
            self._before[here] = np.arange(here.sum())

    def at(self, step: int) -> tuple[str, int]:
        """The task of `step` (from 0) and the number of earlier steps of that task."""
        return self.tasks[self._task[step]], int(self._before[step])
