"""What a run leaves: the model that targets start from, chosen, exported and put back into memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from stilts import __version__
from stilts.config import RunSettings
from stilts.distributed import World
from stilts.files import write_text
from stilts.model.build import FACTS_FILE, read_facts
from stilts.model.multitask import MultiTaskModel
from stilts.model.weights import set_weights
from stilts.outcome import Outcome, write_outcome
from stilts.training import averaging
from stilts.training.card import CARD, model_card
from stilts.training.checkpoint import Checkpoints, TrainingState
from stilts.training.export import export_model, exported_weights
from stilts.training.trainer import Trainer


class Publisher:
    """Exports models of one run. All methods but `facts` are collectives.

    Args:
        folder: the run's `model/`.
        decides: the settings that decide the run's result, as they are recorded.
        transductive: where its raw text comes from evaluation sets, a line each.
        before: the runs it starts from, the first one first: {"run", "tasks", "steps"}.
        start_sha256: digest of the encoder's weights before training (rank 0).
    """

    def __init__(
        self,
        settings: RunSettings,
        folder: Path,
        decides: Mapping[str, Any],
        transductive: Sequence[str],
        before: Sequence[Mapping[str, Any]],
        start_sha256: str,
        tokenizer: PreTrainedTokenizerBase,
        checkpoints: Checkpoints,
        world: World,
        log: logging.Logger,
    ) -> None:
        self.settings, self.folder, self.decides, self.transductive = settings, folder, decides, list(transductive)
        self.before = list(before)
        self.start_sha256, self.tokenizer, self.world, self.log = start_sha256, tokenizer, world, log
        self.checkpoints, self.attempt = checkpoints, checkpoints.attempt
        self.drift: list[str] = []

    def facts(self, step: int) -> dict[str, Any]:
        """What `stilts.json` says about the model after `step`; the export adds the digests."""
        settings = self.settings
        return {
            "study": settings.study,
            "run": settings.run,
            "recipe": settings.recipe,
            "phase": settings.kind,
            "base": settings.model.name,
            "tasks": ", ".join(settings.trains_on),
            "steps": step,
            "settings_hash": settings.settings_hash,
            "settings": dict(self.decides),
            "drift": self.drift,
            "start_sha256": self.start_sha256,
            "version": __version__,
            "transductive": self.transductive,
            "before": self.before,
        }

    def export(
        self, model: MultiTaskModel, folder: Path, step: int, weights: Mapping[str, torch.Tensor] | None = None
    ) -> None:
        """Write the model after `step` to `folder`; `weights` (rank 0) instead of its own where given."""
        export_model(model, folder, self.facts(step), self.tokenizer, self.attempt, self.world, weights)

    def keep_best(self, model: MultiTaskModel, step: int) -> None:
        """Export the best model so far beside the checkpoints."""
        self.export(model, self.checkpoints.best(step), step)

    def keep_for_average(self, model: MultiTaskModel, step: int) -> None:
        """Keep the weights after `step` for the mean."""
        averaging.keep_for_average(model, self.checkpoints.folder, step, self.attempt, self.world)

    def finish(self, trainer: Trainer, state: TrainingState, best: bool) -> int:
        """Put the chosen model into `model/` and into memory; returns the step it was trained for."""
        model, step = trainer.engine.module, state.step
        averaged = averaging.averaged_steps(trainer.training, step)
        chosen = bool(best and not averaged)
        # before the model: a run that has one is not trained again
        self.world.on_main(lambda: write_outcome(self.folder.parent, self._outcome(state, chosen)))
        if averaged:
            weights = averaging.mean_weights(self.checkpoints.folder, averaged)
            self.export(model, self.folder, step, weights)
            set_weights(model, weights)
            self.log.info("the mean of the models of steps %s", ", ".join(map(str, averaged)))
        elif not best:
            self.export(model, self.folder, step)
        else:
            step = state.best_step
            self.world.on_main(lambda: self._commit_best(step))
            set_weights(model, exported_weights(self.folder))
        self.checkpoints.finish(keep=self.settings.kind == "intermediate")
        self.log.info("the model of step %d is in %s", step, self.folder)
        return step

    def _outcome(self, state: TrainingState, chosen: bool) -> Outcome:
        losses = state.mean_losses()
        first, last = (losses[0], losses[-1]) if losses else (None, None)
        found = Outcome(state.step, first, last, state.bad_steps, state.best_step if chosen else state.step)
        if not chosen:
            return found
        sets = tuple(ref.name for ref in self.settings.selection_sets)
        return replace(found, chosen_on=sets, chosen_score=state.best_score)

    def _commit_best(self, step: int) -> None:
        """The best model becomes the run's; it may have been exported before a setting was changed."""
        best = self.checkpoints.best(step)
        now = {key: value for key, value in self.facts(step).items() if key in ("settings_hash", "settings", "drift")}
        facts = {**read_facts(best), **now}
        write_text(best / CARD, model_card(facts))
        write_text(best / FACTS_FILE, json.dumps(facts, indent=1))
        self.attempt.commit(best, self.folder)
