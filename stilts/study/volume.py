"""Tokens and floating-point work of a plan's runs, from prepared sets where they exist and declared sizes elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stilts.config import Mlm, RunSettings, Sampling, SetRef, Training
from stilts.study.model_size import ModelSize
from stilts.study.targets import read_limit, smaller
from stilts.study.translated import translated_languages
from stilts.tasks import MLM, get_task
from stilts.tasks.text import PREDICTED
from stilts.training.schedule import labelled, total_steps

if TYPE_CHECKING:
    from stilts.study.plan import Plan

MEAN_TOKENS = {
    "pair": 45, "choice": 200, "span": 330, "tagging": 30, "retrieval": 30, "mining": 40, "dual": 200, "linking": 100,
    "mlm": 40,
}  # fmt: skip
"""Assumed mean tokens a row by format, where a set is not prepared."""
_SIDES = {"retrieval": 2, "mining": 75}  # rows an example; of mining, sentences a gold pair (unverified)
_TWO_PASSES = ("dual", "linking")
SEQUENCES = {"choice": 4, "dual": 2, "linking": 2}
"""Sequences a row, each of at most max_length tokens; most choice tasks have 2 to 5."""


@dataclass(frozen=True)
class Rows:
    """Rows of one set or mixture and their mean length in tokens; `count` is None where nobody knows it.

    `predicted`: share of the tokens that are multiplied with the vocabulary (masked LM). `again`: further forward
    passes of training (trained retrieval looks at the whole batch first).
    """

    count: float | None
    mean: float
    predicted: float = 0.0
    again: int = 0

    @property
    def tokens(self) -> float | None:
        """All of them, or None."""
        return None if self.count is None else self.count * self.mean


@dataclass
class Phase:
    """What one kind of runs costs together.

    Attributes:
        runs: how many.
        training, scoring: tokens; scoring includes the validations that choose a checkpoint.
        flops: floating-point operations; None where the model's size is not known.
        unknown: (task, split, language) of sets of unknown size, which are not in the numbers.
    """

    runs: int = 0
    training: float = 0.0
    scoring: float = 0.0
    flops: float | None = 0.0
    unknown: set[tuple[str, str, str]] = field(default_factory=set)


def flops_a_token(size: ModelSize, length: float, predicted: float = 0.0) -> float:
    """Work of training on one token in a row of `length` tokens: 6 a parameter of the layers, 12 L h n of attention.

    2 operations a multiply-add; forward 1, backward 2. Embeddings are looked up, not multiplied. Kaplan et al. 2020
    (arXiv 2001.08361, section 2.1). Scoring is the forward pass, a third. Masked LM multiplies the share `predicted` of
    the tokens with the word embeddings.
    """
    decoder = 6.0 * predicted * size.vocabulary * size.hidden
    return 6.0 * size.encoder + 12.0 * size.layers * size.hidden * length + decoder


def recomputed_layers(training: Training, layers: int) -> int:
    """Layers under gradient checkpointing."""
    return layers if training.gradient_checkpointing is True else min(int(training.gradient_checkpointing), layers)


def task_shares(sampling: Sampling, sizes: Mapping[str, float], mlm: Mlm | None = None) -> dict[str, float]:
    """As `stilts.data.mixture.task_shares`, in plain Python: a plan does not load numpy."""
    if mlm is not None:
        rest = task_shares(sampling, {task: rows for task, rows in sizes.items() if task != MLM.name})
        return {task: (1 - mlm.share) * rest[task] if task in rest else mlm.share for task in sizes}
    capped = {task: min(rows, sampling.cap) for task, rows in sizes.items()}
    weights: dict[str, dict[str, float]] = {
        "proportional": dict(sizes),
        "capped": capped,
        "temperature": {task: rows ** (1 / sampling.temperature) for task, rows in capped.items()},
        "uniform": dict.fromkeys(sizes, 1.0),
        "given": {task: sampling.weights.get(task, 0.0) for task in sizes},
    }
    chosen = weights[sampling.strategy]
    whole = sum(chosen.values()) or 1.0
    return {task: weight / whole for task, weight in chosen.items()}


class Volumes:
    """The volumes of a plan's runs. Reads each prepared set's manifest once.

    Attributes:
        assumed: formats whose mean length was assumed.
        prepared, absent: folders of sets that are prepared, and of those that are not.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.assumed: set[str] = set()
        self.prepared: set[str] = set()
        self.absent: set[str] = set()
        self._read: dict[str, Rows | None] = {}

    def phases(self, runs: Sequence[RunSettings], size: ModelSize | None) -> dict[str, Phase]:
        """Kind of run -> what its runs cost together."""
        found: dict[str, Phase] = {}
        for run in runs:
            phase = found.setdefault(run.kind, Phase())
            phase.runs += 1
            trained, scored = self._trained(run, phase.unknown), self._scored(run, phase.unknown)
            phase.training += sum(part.tokens or 0.0 for part in trained)
            phase.scoring += sum(part.tokens or 0.0 for part in scored)
            if size is None:
                phase.flops = None
            elif phase.flops is not None:
                recomputed = recomputed_layers(run.training, size.layers) / size.layers
                phase.flops += sum(
                    (p.tokens or 0.0) * flops_a_token(size, p.mean, p.predicted) * (3 + recomputed + p.again) / 3
                    for p in trained
                )
                phase.flops += sum((p.tokens or 0.0) * flops_a_token(size, p.mean) / 3 for p in scored)
        return found

    def steps(self, run: RunSettings) -> int | None:
        """The last optimizer step of a run; None where it is not known how many rows an epoch has."""
        if run.training.max_steps is None and not run.training.epochs:
            return None
        rows = self.epoch(run)
        if run.training.max_steps is None and rows is None:
            return None
        return total_steps(run.training, run.budget, rows or 0)

    def epoch(self, run: RunSettings) -> int | None:
        """Training rows of an epoch of a run, or None where not all of its sets' sizes are known."""
        rows = [part.count for part in labelled(self._by_task(run)).values()]
        known = [count for count in rows if count is not None]
        return None if len(known) < len(rows) else round(sum(known))

    def _trained(self, run: RunSettings, unknown: set[tuple[str, str, str]]) -> list[Rows]:
        """The rows of each task that a run trains on, over all its steps."""
        if not run.trains_on:
            return []
        parts, steps = self._by_task(run), self.steps(run)
        lost = [task for task, part in labelled(parts).items() if part.count is None]
        by_size = len(labelled(parts)) > 1 and run.sampling.strategy not in ("uniform", "given")
        if steps is None or (lost and by_size):
            unknown.update((ref.task, ref.split, ref.language) for ref in run.train_sets if ref.task in (lost or parts))
            return []
        shares = task_shares(run.sampling, {task: part.count or 1.0 for task, part in parts.items()}, run.mlm)
        rows = (steps - (run.branch_step or 0)) * (run.training.batch_size or 0)
        return [
            Rows(
                rows * shares[task],
                part.mean,
                PREDICTED if task == MLM.name else 0.0,
                get_task(task).format in _TWO_PASSES,
            )
            for task, part in parts.items()
        ]

    def _scored(self, run: RunSettings, unknown: set[tuple[str, str, str]]) -> list[Rows]:
        """The rows of the evaluation sets, and of the selection sets over all validations."""
        read = {ref.folder: ref for ref in [*run.evaluation_sets, *run.noisy_sets, *run.support_sets]}
        sets = [(ref, self._scored_set(ref, run.training, False), 1) for ref in read.values()]
        if run.training.select == "best" and run.selection_sets:
            validations = math.ceil((self.steps(run) or 0) / run.training.validate_every)
            sets += [(ref, self._scored_set(ref, run.training, True), validations) for ref in run.selection_sets]
        unknown.update((ref.task, ref.split, ref.language) for ref, rows, _ in sets if rows.count is None)
        return [Rows(rows.count * times, rows.mean) for _, rows, times in sets if rows.count is not None]

    def _by_task(self, run: RunSettings) -> dict[str, Rows]:
        """Training rows of each task; several languages of one task are one stream."""
        found: dict[str, Rows] = {}
        for ref in run.train_sets:
            turns = len(translated_languages(run, ref.task))
            new, old = self._set(ref, run.training, False, turns), found.get(ref.task, Rows(0.0, 0.0))
            if new.count is None or old.count is None:
                found[ref.task] = Rows(None, new.mean)
            else:
                count = old.count + new.count
                found[ref.task] = Rows(count, ((old.tokens or 0) + (new.tokens or 0)) / count if count else new.mean)
        return found

    def _scored_set(self, ref: SetRef, training: Training, selects: bool) -> Rows:
        """A set that is scored: where training has two sequences a row, here each is a row of its own."""
        rows = self._set(ref, training, selects)
        if get_task(ref.task).format in _TWO_PASSES and training.max_length:
            return replace(rows, mean=min(rows.mean, float(training.max_length)))
        return rows

    def _set(self, ref: SetRef, training: Training, selects: bool, turns: int = 0) -> Rows:
        """A set's rows; `turns`: of so many languages that share the rows of the English set (translated data)."""
        if ref.folder not in self._read:
            self._read[ref.folder] = self._manifest(ref.folder)
        known = self._read[ref.folder]
        if known is not None:
            return known
        task, study = get_task(ref.task), self.plan.study
        if task.format not in MEAN_TOKENS:
            return Rows(None, 0.0)
        self.assumed.add(task.format)
        mean = MEAN_TOKENS[task.format]
        mean = min(mean, (training.max_length or mean) * SEQUENCES.get(task.format, 1))
        # a file of the user's: only the limit is known
        given = any(ref.split in study.data.files.get(name, {}) for name in (ref.task, *task.parts))
        sizes = {} if given else task.sizes.get(ref.split, {})
        most = smaller(read_limit(study, task, ref.split), training.validation_examples if selects else None)
        declared, sides = sizes.get("en" if turns else ref.language, sizes.get("*")), _SIDES.get(task.format, 1)
        if task.format == "mining":  # declared sizes are gold pairs, a limit is of sentences
            rows = smaller(None if declared is None else declared * sides, most)
        else:
            examples = smaller(declared, most)
            rows = None if examples is None else math.ceil(examples * sides / max(1, turns))
        return Rows(None if rows is None else float(rows), float(mean))

    def _manifest(self, folder: str) -> Rows | None:
        path = self.plan.features / folder / "manifest.json"
        try:
            lengths: list[int] = json.loads(path.read_text(encoding="utf-8"))["lengths"]
        except (OSError, ValueError, KeyError):  # not prepared, or of another version: `prepare` makes it anew
            self.absent.add(folder)
            return None
        self.prepared.add(folder)
        return Rows(float(len(lengths)), sum(lengths) / len(lengths) if lengths else 0.0)
