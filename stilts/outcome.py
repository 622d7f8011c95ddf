"""What training came to: `runs/<run>/outcome.json`, which stays when the model is removed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stilts.files import write_text

OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """The content of `outcome.json`.

    Attributes:
        steps: optimizer steps that were taken.
        first_loss, last_loss: mean training loss of the first and of the last tenth of the planned steps.
        bad_steps: steps that were dropped, as a loss or gradient was not finite.
        chosen_step: the step whose model was kept.
        chosen_on: the sets that chose it (`<task>/<split>/<language>`), empty for the last one.
        chosen_score: its mean score on them in points, None for the last one.
    """

    steps: int
    first_loss: float | None
    last_loss: float | None
    bad_steps: int
    chosen_step: int
    chosen_on: tuple[str, ...] = ()
    chosen_score: float | None = None


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write `outcome.json` of a run."""
    write_text(folder / OUTCOME, json.dumps(asdict(outcome)) + "\n")


def read_outcome(folder: Path) -> Outcome | None:
    """What training came to; None for a run that has not trained to its end, or whose file is damaged."""
    try:
        content = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
        return Outcome(**{**content, "chosen_on": tuple(content["chosen_on"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
