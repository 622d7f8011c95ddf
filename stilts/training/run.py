"""One run from start to end: model, training, export, scores. Called by `train.py` on every rank."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stilts import distributed
from stilts.board.run_board import Board
from stilts.board.scores import final_scores
from stilts.board.texts import environment
from stilts.config import CLEAN, RetrievalSettings, RunSettings, SetRef
from stilts.data.mixture import Mixture, task_shares
from stilts.data.staged import open_set
from stilts.data.text_rows import training_rows
from stilts.deepspeed_config import read_deepspeed_config, zero_stage
from stilts.distributed import World
from stilts.drift import allowed, decisive, differences, listed
from stilts.errors import StiltsError
from stilts.evaluation.predict import Predictor
from stilts.evaluation.scoring import ScoreFile, Scorer, score_all
from stilts.files import write_text
from stilts.model.build import FACTS_FILE, build_model, read_facts
from stilts.model.multitask import MultiTaskModel
from stilts.model.weights import digest, full_weights
from stilts.tasks import get_task
from stilts.training import averaging
from stilts.training import engine as engines
from stilts.training.attempt import Attempt
from stilts.training.budget import micro_batch_tokens
from stilts.training.card import CARD, model_card, own_steps
from stilts.training.checkpoint import Checkpoints, TrainingState, step_name
from stilts.training.elastic import hyper_parameters
from stilts.training.export import verify_loaded
from stilts.training.health import BAD_BATCHES
from stilts.training.loop import Loop
from stilts.training.monitor import open_log
from stilts.training.publish import Publisher
from stilts.training.record import Record
from stilts.training.resume import branch_off, resume
from stilts.training.schedule import labelled, learning_rate, rate_factors, total_steps, warmup_steps
from stilts.training.stopping import Votes
from stilts.training.trainer import Trainer
from stilts.training.watchdog import Watchdog

SNAPSHOTS = "snapshots"  # folder of the models of a run's kept steps


def execute(settings: RunSettings, folder: Path) -> None:
    """Train and score one run; skip what is done. `folder` holds run.yaml.

    Raises:
        Stopped: the ranks were asked to stop; status.json says "stopped", and the same command goes on.
        StiltsError: it failed (also InputError); status.json says "failed" with its line.
    """
    world = distributed.setup(settings.training.collective_timeout)
    run = Run(settings, folder, world)
    with run.record.until_the_end(), run.watchdog:
        run.go()


class Run:
    """The state of one run on one rank."""

    def __init__(self, settings: RunSettings, folder: Path, world: World) -> None:
        self.settings, self.folder, self.world = settings, folder, world
        self.features = (folder / settings.features).resolve()
        self.model_folder = folder / "model"
        self.decides = {**decisive(settings), "deepspeed": read_deepspeed_config(settings.deepspeed)}
        self.log: logging.Logger = open_log(folder, world.main)
        self.attempt = Attempt.begin(folder, world)
        self.record = Record(folder, self.attempt, world, self.log)
        training = settings.training
        self.votes = Votes(world, stop_after=training.stop_after, alive=self.record.alive)
        kept = settings.branch_steps
        self.checkpoints = Checkpoints(folder / "checkpoints", self.attempt, training, world, self.log, kept)
        self.watchdog = Watchdog(
            folder / "log.txt",
            world.rank,
            training.step_timeout,
            alarm=self.attempt.staging / "alarm",
            on_hang=lambda reason: self.record.ended(StiltsError(reason)),
        )

    def go(self) -> None:
        """Train (unless that is done), score, and say so."""
        from transformers import AutoTokenizer

        if self.world.on_main(self._scored_for_good):
            self.record.update(state="done")
            self.log.info("done already, and its model was not to be kept (target.keep_models)")
            return
        start = self._start()
        self.tokenizer = AutoTokenizer.from_pretrained(start, revision=self.settings.model.revision)
        self.configure()
        self.log.info(
            "%s: %d ranks on %s, ZeRO-%d, %s, gradients summed in %s",
            self.settings.run,
            self.world.size,
            self.world.device.type,
            zero_stage(self.config),
            self.settings.training.precision,
            engines.accumulates_in(self.config, self.settings.training),
        )
        if self.settings.trains_on and not self.world.on_main(self._trained):
            model, step = self._train(start)
        else:
            model, step = self._load(start)
        self._score(model, step)

    def configure(self) -> None:
        """Settle the DeepSpeed configuration, and deterministic kernels where they are asked for."""
        training = self.settings.training
        if training.deterministic:
            engines.use_deterministic_kernels()
        self.config = engines.fill_auto(
            read_deepspeed_config(self.settings.deepspeed), training, self.world, self.folder.resolve()
        )

    def fresh_trainer(self) -> Trainer:
        """The run's trainer before its first step; nothing is resumed, exported or scored. A collective."""
        self.configure()
        model = self._build(self._start(), self.settings.trains_on, None)
        return self._trainer(engines.build_engine(model, self.config, self.settings.training, self.world))

    # ---- start

    def _start(self) -> str:
        """The published model, or the folder that the run before this one exported."""
        if self.settings.init_run is None:
            return self.settings.model.name
        step, before = self.settings.init_step, self.folder.parent / self.settings.init_run
        folder = before / "model" if step is None else before / SNAPSHOTS / step_name(step)
        read_facts(folder)
        return str(folder)

    def _trained(self) -> bool:
        """Whether this run's own export is there, made by these settings or by others that may have been changed."""
        if not (self.model_folder / FACTS_FILE).is_file():
            return False
        drift = differences(read_facts(self.model_folder)["settings"], self.decides)
        trained = all(allowed(difference, self.settings.allow_drift) for difference in drift)
        if trained and drift:
            self.log.warning("the finished model was trained with other settings (--allow-drift): %s", listed(drift))
        return trained

    def _zero3(self) -> dict[str, Any] | None:
        return self.config if zero_stage(self.config) == 3 else None

    def _build(self, name: str, heads: list[str], reuse_from: Path | None) -> MultiTaskModel:
        training = self.settings.training
        return build_model(
            name,
            None if Path(name).is_dir() else self.settings.model.revision,
            heads,
            self.settings.seed,
            training.precision,
            training.dropout,
            training.gradient_checkpointing,
            reuse_from,
            self._zero3(),
            self._learned_labels(heads),
        )

    def _learned_labels(self, heads: list[str]) -> dict[str, tuple[str, ...]]:
        """The labels of heads whose tasks learn them, from the training sets of this run."""
        own = [ref for ref in self.settings.train_sets if ref.task in heads and get_task(ref.task).learns_labels]
        return {ref.task: open_set(self.features, ref).labels for ref in own}

    # ---- training

    def _train(self, start: str) -> tuple[MultiTaskModel, int]:
        settings, training = self.settings, self.settings.training
        reuse = Path(start) if settings.init_head == "reuse" and settings.init_run else None
        model = self._build(start, settings.trains_on, reuse)
        if settings.init_run:
            verify_loaded(model, Path(start), settings.init_run, self.world)
            self.log.info("starts from %s: every encoder weight verified", start)
        publisher = self._publisher(model)
        engine = engines.build_engine(model, self.config, training, self.world)
        distributed.set_timeouts(training.collective_timeout)  # the groups that DeepSpeed has made now
        fresh = TrainingState(0, self.world.size, self.decides, groups=hyper_parameters(engine))
        state = resume(engine, self.checkpoints, fresh, settings.allow_drift, self.world, self.log)
        begin = settings.branch_step or 0
        if settings.branch_run and not state.step:
            trunk = self.folder.parent / settings.branch_run
            state = branch_off(engine, trunk, begin, fresh, self.world, self.log)
        trainer = self._trainer(engine, state.micro_batch_tokens)
        state = replace(state, micro_batch_tokens=trainer.cost.budget)
        publisher.drift = state.drift
        if state.step > begin:
            averaging.check_kept(self.checkpoints.folder, training, state.step, trainer.steps)
            self.record.update(restarts=self.record.status.restarts + 1)
            self.log.info("resumes after step %d", state.step)
        self.record.update(step=state.step, steps=trainer.steps)
        self.board = self._board(state.step + 1, bool(state.drift))
        scorer = self._scorer(trainer.engine.module)
        best = training.select == "best" and settings.selection_sets
        module = trainer.engine.module
        loop = Loop(
            trainer,
            self.checkpoints,
            self.log,
            self.board,
            validate=(lambda step: self._validate(scorer, step)) if best else None,
            keep_best=lambda step: publisher.keep_best(module, step),
            keep_for_average=lambda step: publisher.keep_for_average(module, step),
            heartbeat=lambda step, loss, speed: self.record.update(step=step, loss=loss, tokens_per_second=speed),
            saved=lambda step: self.record.update(step=step),
            watched=self.watchdog.step,
            keep_snapshot=lambda step: publisher.export(module, self.folder / SNAPSHOTS / step_name(step), step),
            snapshot_steps=settings.snapshot_steps,
            branch_steps=settings.branch_steps,
        )
        state = loop.run(state)
        self.record.update(step=state.step)
        return module, publisher.finish(trainer, state, bool(best))

    def _trainer(self, engine: Any, budget: int | None = None) -> Trainer:
        """What runs the steps; `budget` is the tokens a micro-batch had before a resume."""
        settings, training = self.settings, self.settings.training
        assert training.batch_size is not None
        rows = {}
        for task in settings.trains_on:
            sets = [open_set(self.features, ref) for ref in settings.train_sets if ref.task == task]
            rows[task] = training_rows(task, sets, training.batch_size, settings.seed, settings.mlm)
        sizes = {task: len(r) for task, r in rows.items()}
        shares = task_shares(settings.sampling, sizes, settings.mlm)
        epoch = sum(labelled(sizes).values())
        steps = total_steps(training, settings.budget, epoch)
        for task, size in sizes.items():
            self.log.info("%s: %d rows, %.1f %% of the steps", task, size, 100 * shares[task])
        warm = warmup_steps(training, steps)
        self.log.info(
            "%d steps of %d rows = %.2f epochs; warm-up %d steps to %.2e, %s",
            steps,
            training.batch_size,
            steps * training.batch_size / epoch,
            warm,
            learning_rate(training, warm, steps, settings.decay_from),
            _decay(settings.decay_from, steps),
        )
        if budget is None or training.micro_batch_tokens is not None:
            budget = micro_batch_tokens(training, engine, rows, self.world)
        self.log.info("micro-batches of at most %d tokens", budget)
        mixture, bad = Mixture(shares, steps, settings.seed), self.folder / BAD_BATCHES
        own, seed, decay_from = rate_factors(training, settings.mlm), settings.seed, settings.decay_from
        return Trainer(
            engine, training, rows, mixture, steps, seed, budget, self.world, bad, own, self.votes, decay_from
        )

    def _validate(self, scorer: Scorer, step: int) -> float:
        """The mean task score over the selection sets, in points, the same on every rank."""
        values: list[float] = []
        tags: dict[str, float] = {}
        for ref in self.settings.selection_sets:
            task = get_task(ref.task)
            result = scorer.score(task, ref.language, open_set(self.features, ref), self._retrieval(ref.task))
            if result is not None:
                tags |= {f"train/validation/{ref.task}/{ref.language}/{m}": v for m, v in result[0].items()}
                values.append(scorer.task_score(task, result[0]))
        score = float(self.world.from_main(math.fsum(values) / len(values) if values else 0.0))
        self.board.scalars(step, {**tags, "train/validation/score": score})  # at once: it may be stopped before
        self.log.info("step %d: selection score %.3f", step, score)
        return score

    def _publisher(self, model: MultiTaskModel) -> Publisher:
        """What exports this run's models, made while `model` is as training finds it."""
        notes = self._transductive()
        for note in notes:
            self.log.warning("transductive: %s", note)
        weights = full_weights(model.encoder, keep=self.world.main)
        start = digest(weights) if self.world.main else ""
        where = (self.settings, self.model_folder, self.decides, notes, self._before(), start, self.tokenizer)
        return Publisher(*where, self.checkpoints, self.world, self.log)

    def _before(self) -> list[dict[str, Any]]:
        """The runs that this one starts from or goes on from, the first one first."""
        settings = self.settings
        if settings.branch_run:
            return [{"run": settings.branch_run, "tasks": settings.trains_on, "steps": settings.branch_step}]
        if not settings.init_run:
            return []
        facts = read_facts(Path(self._start()))
        own = {"run": facts["run"], "tasks": facts["settings"]["trains_on"], "steps": own_steps(facts)}
        return [*facts.get("before", []), own]

    def _transductive(self) -> list[str]:
        """Where raw text of this run comes from evaluation sets, or that of the run it starts from; a line each."""
        start = read_facts(Path(self._start())).get("transductive", []) if self.settings.init_run else []
        sets = [open_set(self.features, ref) for ref in self.settings.train_sets]
        notes = [note for prepared in sets for note in prepared.manifest.get("transductive", [])]
        return list(dict.fromkeys([*start, *notes]))

    # ---- scores

    def _load(self, start: str) -> tuple[MultiTaskModel, int]:
        """A model to score with: this run's export, or the start model where nothing is trained."""
        own = bool(self.settings.trains_on)
        if own:
            self.checkpoints.finish(keep=self.settings.kind == "intermediate")
        self.board = self._board(None if own else 0)
        name = str(self.model_folder) if own else start
        heads = self.settings.trains_on if own else []
        model = self._build(name, heads, self.model_folder if own else None)
        source = self.settings.run if own else self.settings.init_run
        if source:
            verify_loaded(model, Path(name), source, self.world)
        if self._zero3():
            import deepspeed

            engine, *_ = deepspeed.initialize(model=model, config=self.config, dist_init_required=False)
            distributed.set_timeouts(self.settings.training.collective_timeout)
            return engine.module, self._steps_of(name)
        return model.to(self.world.device), self._steps_of(name)

    def _steps_of(self, name: str) -> int:
        return int(read_facts(Path(name))["steps"]) if (Path(name) / FACTS_FILE).is_file() else 0

    def _score(self, model: MultiTaskModel, step: int) -> None:
        settings = self.settings
        scores = ScoreFile(self.folder, settings, self.attempt.check)
        chosen = "+".join(ref.name for ref in settings.selection_sets)
        facts = {"step": step, "selection": f"best:{chosen}" if chosen and settings.trains_on else "last"}

        def on_cell(ref: SetRef, metrics: dict[str, float]) -> None:
            text = "  ".join(f"{m} {v:.2f}" for m, v in metrics.items()) or "predicted, the set has no labels"
            self.log.info("%s: %s", ref.name, text)
            self.record.update()

        score_all(self._scorer(model), scores, self.folder, self.features, facts, on_cell)
        self.world.on_main(lambda: self._publish(step, scores))
        if not settings.keep_model:  # before "done": a start that finds all scores and no model is done, too
            self.world.on_main(lambda: self.attempt.discard(self.model_folder))
        self.record.update(state="done")
        self.log.info("done: %d scores", len(scores.rows))

    def _publish(self, step: int, scores: ScoreFile) -> None:
        """The final scores in TensorBoard and on the model's card; rank 0."""
        self.attempt.check()
        clean = [row for row in scores.rows if row["condition"] == CLEAN]
        if self.settings.trains_on and self.settings.keep_model:
            write_text(self.model_folder / CARD, model_card(read_facts(self.model_folder), clean))
        planned = {(ref.task, ref.language) for ref in self.settings.evaluation_sets}
        self.board.finish(self.settings, step, final_scores(clean, planned))

    def _board(self, first_step: int | None, changed: bool = False) -> Board:
        """TensorBoard's files from a step on; None where this start has nothing to show but scores."""
        board, status = Board(self.folder / "tensorboard", self.world.main, first_step), self.record.status
        if self.world.main and first_step is not None:
            board.start(self.settings, environment(status.ranks, self._device(), status.slurm), changed)
        return board

    def _device(self) -> str:
        """What rank 0 computes on."""
        device = self.world.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def _scored_for_good(self) -> bool:
        """Whether all is scored with these settings and the model was removed, as it was not to be kept."""
        settings, scores = self.settings, ScoreFile(self.folder, self.settings)
        removed = not settings.keep_model and not self.model_folder.exists()
        wanted = [*settings.evaluation_sets, *settings.noisy_sets]
        return removed and bool(wanted) and all(map(scores.has, wanted))

    def _scorer(self, model: MultiTaskModel) -> Scorer:
        predictor = Predictor(model, self.world, check=self.votes.check)
        return Scorer(predictor, self.settings.trains_on, int(model.encoder.config.num_hidden_layers))

    def _retrieval(self, task: str) -> RetrievalSettings:
        return self.settings.retrieval.get(task, RetrievalSettings())


def _decay(begin: int | None, steps: int) -> str:
    """How the rate goes on after the warm-up, for the log."""
    if begin is None:
        return "then linear to 0"
    return "then constant" if begin >= steps else f"from step {begin} on linear to 0"
