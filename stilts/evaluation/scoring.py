"""Scores prepared sets with a model: predictions on disk, score rows, and the number a checkpoint is chosen by."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.config import CLEAN, RetrievalSettings, RunSettings, SetRef, condition_of
from stilts.data.staged import open_set
from stilts.data.store import PreparedSet
from stilts.errors import InputError
from stilts.evaluation import mining
from stilts.evaluation.pool import Pool
from stilts.evaluation.predict import Predictor
from stilts.evaluation.search import nearest
from stilts.files import write_text
from stilts.formats import get_format
from stilts.formats.base import Prediction
from stilts.formats.retrieval import english_places
from stilts.provenance import code_version
from stilts.tasks import get_task
from stilts.tasks.base import Task

SCORES_FILE, PREDICTED_FILE = "scores.jsonl", "predicted.jsonl"


def default_layer(layers: int) -> int:
    """The hidden state to pool for retrieval: number 14 of 24 as in the paper, round(14 L / 24) at other depths."""
    return round(14 * layers / 24)


class Scorer:
    """Scores prepared sets with one model. All methods are collectives.

    Args:
        predictor: the model and this rank's place.
        heads: training tasks of the model, the last one first choice for a target.
        layers: encoder layers, for the retrieval layer.
    """

    def __init__(self, predictor: Predictor, heads: Sequence[str], layers: int) -> None:
        self.predictor, self.heads, self.layers = predictor, list(heads), layers

    def score(
        self,
        task: Task,
        language: str,
        prepared: PreparedSet,
        retrieval: RetrievalSettings,
        pool: Pool | None = None,
        tuned: PreparedSet | None = None,
    ) -> tuple[dict[str, float], list[Prediction]] | None:
        """Metrics in points and graded predictions, on rank 0; None elsewhere.

        There are no metrics of a set without labels, and its predictions are not graded.

        `pool`: what a format that searches searches; without one, the candidates of the set itself. `tuned`: what
        mining tunes its threshold on; without one, the set itself.
        """
        form = get_format(task.format)
        if form.searches:
            predictions = (pool or self.pool(task, {language: prepared})).predictions(language)
        elif form.has_head:
            head = self._head_for(task)
            # a head answers in its own training task's labels: mnli's order may not be xnli's
            labels = get_task(head).labels or prepared.labels or task.labels
            predictions = self.predictor.predict(dataclasses.replace(task, labels=labels), head, prepared)
        elif form.mines:
            predictions = self._mine(prepared, tuned or prepared, retrieval)
        else:
            predictions = self._retrieve(prepared, retrieval)
        if predictions is None:
            return None
        if not prepared.labelled:
            return {}, predictions
        graded = form.grade(task, language, prepared.examples, predictions)
        joined = [{**p, **item} for p, item in zip(predictions, graded.items, strict=True)]
        return graded.metrics, joined

    def pool(self, task: Task, sets: Mapping[str, PreparedSet], candidates: PreparedSet | None = None) -> Pool:
        """All questions and candidates of a task, embedded by the model as it is now."""
        return Pool(self.predictor, task, self._head_for(task), sets, candidates)

    def task_score(self, task: Task, metrics: dict[str, float]) -> float:
        """The mean of the metrics that make the task's score (span: EM and F1)."""
        return sum(metrics[name] for name in task.score_metrics) / len(task.score_metrics)

    def layer(self, retrieval: RetrievalSettings) -> int:
        """The hidden state that retrieval pools."""
        if retrieval.layer is not None and retrieval.layer > self.layers:
            raise InputError(
                f"retrieval.layer is {retrieval.layer}", f"at most {self.layers}, the encoder's layers", "lower it"
            )
        return default_layer(self.layers) if retrieval.layer is None else retrieval.layer

    def _head_for(self, task: Task) -> str:
        same = [head for head in self.heads if get_task(head).format == task.format]
        return task.name if task.name in same else same[-1]

    def _retrieve(self, prepared: PreparedSet, retrieval: RetrievalSettings) -> list[Prediction] | None:
        sides = self.predictor.embed(prepared, self.layer(retrieval), retrieval.pooling)
        if sides is None:
            return None
        language, english = sides
        ask_english = retrieval.query_side == "english"
        found = nearest(english, language) if ask_english else nearest(language, english)
        ids = [example.id for example in prepared.examples]
        rows: list[Prediction] = [{"id": name, "prediction": int(i)} for name, i in zip(ids, found, strict=True)]
        if ask_english:
            for row, place in zip(rows, english_places(prepared.examples), strict=True):
                row["place"] = place
        return rows

    def _mine(self, prepared: PreparedSet, tuned: PreparedSet, retrieval: RetrievalSettings) -> list[Prediction] | None:
        layer = self.layer(retrieval)
        found = mining.candidates(self.predictor, prepared, layer, retrieval)
        known = found
        if tuned.folder != prepared.folder:
            known = mining.candidates(self.predictor, tuned, layer, retrieval)
        return None if found is None or known is None else found.predictions(known.threshold())


class ScoreFile:
    """`scores.jsonl` of a run: the cells that are done; replaced as a whole at each new cell, never half-written.

    Sets without labels are in `predicted.jsonl` beside it: score rows without `metric` and `value`.

    Args:
        run_folder: the run's folder.
        settings: the run's.
        check: raises where this process must not write any more.
    """

    def __init__(self, run_folder: Path, settings: RunSettings, check: Callable[[], None] = lambda: None) -> None:
        self.folder, self.settings, self.check = run_folder, settings, check
        self.rows, self.predicted = self._read(SCORES_FILE), self._read(PREDICTED_FILE)

    def has(self, ref: SetRef) -> bool:
        """Whether this set's scores are already there, or its predictions where it has no labels."""
        keys = ("target", "split", "language", "condition", "noise_seed")
        done = (tuple(row[key] for key in keys) for row in (*self.rows, *self.predicted))
        return (ref.task, ref.split, ref.language, *condition_of(ref)) in done

    def add(self, ref: SetRef, metrics: dict[str, float], facts: dict[str, Any]) -> None:
        """Append one row a metric, or one that says that there are predictions; `facts`: n, step, layer, selection."""
        self.check()
        for metric, value in metrics.items():
            self.rows.append(self._row(ref, facts, {"metric": metric, "value": value}))
        if metrics:
            self._write(SCORES_FILE, self.rows)
        else:
            self.predicted.append(self._row(ref, facts, {}))
            self._write(PREDICTED_FILE, self.predicted)

    def _row(self, ref: SetRef, facts: dict[str, Any], score: dict[str, Any]) -> dict[str, Any]:
        run = self.settings
        condition, noise_seed = condition_of(ref)
        return {
            "study": run.study,
            "run": run.run,
            "recipe": run.recipe,
            "target": ref.task,
            "language": ref.language,
            "split": ref.split,
            **score,
            "n": facts["n"],
            "intermediate_seed": run.seeds["intermediate"],
            "target_seed": run.seeds["target"],
            "condition": condition,
            "noise_seed": noise_seed,
            "step": facts["step"] if run.kept_step is None else run.kept_step,
            "layer": facts["layer"],
            "selection": facts["selection"],
            "task_version": get_task(ref.task).version,
            "git": code_version(),
            "config_hash": run.settings_hash,
        }

    def _read(self, name: str) -> list[dict[str, Any]]:
        """The rows of these settings."""
        path = self.folder / name
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
        return [row for row in rows if row["config_hash"] == self.settings.settings_hash]

    def _write(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        write_text(self.folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def score_all(
    scorer: Scorer,
    scores: ScoreFile,
    run_folder: Path,
    features: Path,
    facts: dict[str, Any],
    on_cell: Callable[[SetRef, dict[str, float]], None],
) -> None:
    """Score every evaluation set of a run that has no score yet, then the noisy ones; rank 0 tells `on_cell`."""
    main, world, settings = scorer.predictor.world.main, scorer.predictor.world, scores.settings
    wanted = [*settings.evaluation_sets, *settings.noisy_sets]
    todo = world.from_main([r for r in wanted if not scores.has(r)] if main else None)
    pools: dict[tuple[str, str, int | None], Pool] = {}
    for ref in todo:
        task = get_task(ref.task)
        retrieval = settings.retrieval.get(ref.task, RetrievalSettings())
        place = (ref.task, *condition_of(ref))
        if get_format(task.format).searches and place not in pools:
            pools = {place: _pool(scorer, task, settings, features, condition_of(ref))}
        prepared = open_set(features, ref)
        tuned = tuned_on(settings, ref)
        dev = open_set(features, tuned) if tuned else None
        result = scorer.score(task, ref.language, prepared, retrieval, pools.get(place), dev)
        if result is not None:
            metrics, predictions = result
            lines = "".join(json.dumps(p, ensure_ascii=False) + "\n" for p in predictions)
            write_text(run_folder / "predictions" / ref.task / predictions_file(ref), lines)
            layer = None if get_format(task.format).has_head else scorer.layer(retrieval)
            selection = _chosen_on(facts["selection"], tuned)
            scores.add(ref, metrics, {**facts, "n": len(predictions), "layer": layer, "selection": selection})
            on_cell(ref, metrics)


def predictions_file(ref: SetRef) -> str:
    """The name of a set's predictions below `predictions/<task>/`."""
    condition, seed = condition_of(ref)
    return f"{ref.split}-{ref.language}{'' if condition == CLEAN else f'.{condition}-n{seed}'}.jsonl"


def _pool(scorer: Scorer, task: Task, settings: RunSettings, features: Path, condition: tuple[str, int | None]) -> Pool:
    """A task's questions in all languages, and what they search: one set for all where the task has one.

    Languages that a noisy condition is not for stay in the pool as they are.
    """
    own = [r for r in settings.evaluation_sets if r.task == task.name]
    own += [r for r in settings.noisy_sets if r.task == task.name and condition_of(r) == condition]
    sets = {r.language: open_set(features, r) for r in own}
    searched = [open_set(features, r) for r in settings.support_sets if r.task == task.name]
    return scorer.pool(task, sets, searched[0] if searched else None)


def tuned_on(settings: RunSettings, ref: SetRef) -> SetRef | None:
    """The set that tunes the threshold for `ref`, if there is one: the task's support set in the same language."""
    return next((s for s in settings.support_sets if (s.task, s.language) == (ref.task, ref.language)), None)


def _chosen_on(selection: str, tuned: SetRef | None) -> str:
    """A cell's `selection`: the sets that chose its checkpoint, and the one that tuned its threshold."""
    if tuned is None:
        return selection
    return f"{selection}+{tuned.name}" if selection.startswith("best:") else f"best:{tuned.name}"
