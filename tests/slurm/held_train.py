"""train.py, whose first start in a job waits at a place that the test names: tests then know when they interrupt it.

`runs/<run>/hold` has an optimizer step. Each rank that comes to it leaves `held-<rank>` and waits until that file is
gone or the rank is asked to stop. Later starts of the job go past.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # before the folder that this program is linked into


def hold(folder: Path) -> None:
    """Let `Trainer.step` wait as the run's folder says."""
    from stilts.training import stopping
    from stilts.training.trainer import Trainer

    file, whole = folder / "hold", Trainer.step
    if not file.is_file() or os.environ.get("SLURM_RESTART_COUNT"):
        return
    held = int(file.read_text())

    def step(self: Trainer, number: int) -> Any:
        if number == held:
            (folder / f"held-{self.world.rank}").touch()
            while file.exists() and not stopping.REQUEST.signal:
                time.sleep(0.05)
        return whole(self, number)

    Trainer.step = step  # type: ignore[method-assign]


def main() -> int:
    """The exit code of the real train.py."""
    from stilts.training.stopping import REQUEST

    REQUEST.install()
    import train

    hold(Path(sys.argv[1]).parent)
    return train.main(sys.argv[1:])


if __name__ == "__main__":
    from stilts.training.orphans import end_process

    end_process(main())
