"""What training came to: the losses of its first and last steps, its file, and the states of older checkpoints."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from stilts.outcome import OUTCOME, Outcome, read_outcome, write_outcome


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    outcome = Outcome(100, 1.5, 0.5, 2, 80, ("xnli/dev/en",), 71.25)
    write_outcome(tmp_path, outcome)
    assert read_outcome(tmp_path) == outcome
    assert json.loads((tmp_path / OUTCOME).read_text())["chosen_on"] == ["xnli/dev/en"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"steps": 3}', '{"chosen_on": 3}'])
def test_a_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    assert read_outcome(tmp_path) is None
    (tmp_path / OUTCOME).write_text(text)
    assert read_outcome(tmp_path) is None


def test_losses_are_those_of_tenths_of_the_planned_steps() -> None:
    from stilts.training.checkpoint import TrainingState

    state = TrainingState(0, 1)
    for step in range(1, 26):
        state = replace(state, step=step)
        if step != 2:  # a dropped one
            state = state.with_loss(float(step), 25)
    means = state.mean_losses()
    assert (len(means), means[0], means[-1]) == (10, (1 + 3) / 2, (24 + 25) / 2)
    few = replace(TrainingState(0, 1), step=1).with_loss(3.0, 2)
    assert few.mean_losses() == replace(few, step=2).with_loss(1.0, 2).mean_losses()[:1] == [3.0]


def test_the_state_of_an_older_checkpoint_has_no_losses(tmp_path: Path) -> None:
    from stilts.training.checkpoint import STATE_FILE, TrainingState, read_state

    content = asdict(TrainingState(7, 2, best_score=1.5))
    del content["losses"]
    (tmp_path / STATE_FILE).write_text(json.dumps(content))
    state = read_state(tmp_path)
    assert (state.step, state.best_score, state.mean_losses()) == (7, 1.5, [])
    later = replace(state, step=8).with_loss(0.5, 8)
    (tmp_path / STATE_FILE).write_text(json.dumps(asdict(later)))
    assert read_state(tmp_path) == later
