"""train.py, which waits at a place that the test names: tests then know when they interrupt it.

`runs/<run>/hold-<restart>` is for that start of its job (0, 1, ...): an optimizer step, and a rank if for one only.
A rank that comes to the step leaves `held-<restart>-<rank>` and waits until the file is gone or it is asked to stop.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # before the folder that this program is linked into


def commit_at_once() -> None:
    """Let a save wait for its commit, which otherwise comes a step or two later: tests know what there is."""
    from stilts.training.checkpoint import Checkpoints

    whole = Checkpoints.save

    def save(self: Checkpoints, *values: Any) -> None:
        whole(self, *values)
        self.settle()

    Checkpoints.save = save  # type: ignore[method-assign]


def hold(folder: Path) -> None:
    """Let `Trainer.step` wait as the run's folder says."""
    from stilts.training import stopping
    from stilts.training.trainer import Trainer

    restart = os.environ.get("SLURM_RESTART_COUNT", "0")
    file, whole = folder / f"hold-{restart}", Trainer.step
    if not file.is_file():
        return
    held, *ranks = map(int, file.read_text().split())

    def step(self: Trainer, number: int) -> Any:
        if number == held and self.world.rank in (ranks or [self.world.rank]):
            (folder / f"held-{restart}-{self.world.rank}").touch()
            while file.exists() and not stopping.REQUEST.signal:
                time.sleep(0.05)
        return whole(self, number)

    Trainer.step = step  # type: ignore[method-assign]


def main() -> int:
    """The exit code of the real train.py."""
    from stilts.training.stopping import REQUEST

    REQUEST.install()
    import train

    commit_at_once()
    hold(Path(sys.argv[1]).parent)
    return train.main(sys.argv[1:])


if __name__ == "__main__":
    from stilts.training.orphans import end_process

    end_process(main())
