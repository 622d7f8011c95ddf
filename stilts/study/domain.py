"""results/domain.csv: how far each intermediate task's data are from each target's, measured in prepared sets.

The English side of both: what the intermediate task trains on, and what the target is scored on. A target that is not
scored in English is measured by the sentences that it is compared with (retrieval), else by what it is fine-tuned on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from stilts.config import ModelSettings, RunSettings, SetRef
from stilts.files import write_text
from stilts.study.marks import fine_tuned_on
from stilts.study.plan import Plan
from stilts.tasks import MLM, data_of, get_task

if TYPE_CHECKING:
    import numpy as np

    from stilts.data.documents import Documents

DOMAIN, MADE_OF = "domain.csv", ".domain"
COLUMNS = (
    "intermediate", "target", "measure", "value", "n_intermediate", "n_target", "seed", "same_data", "column",
)  # fmt: skip
VERSION = 1
"""Raised whenever a measure changes: those of another version are made again."""
ENGLISH = "en"


def is_measured(plan: Plan) -> bool:
    """Whether the study's measures are there and of what is prepared now, or none are wanted."""
    if not (plan.study.evaluation.domain and _intermediate(plan) and _targets(plan)):
        return True
    made = plan.folder / MADE_OF
    return (plan.folder / "results" / DOMAIN).is_file() and made.is_file() and made.read_text() == _facts(plan)


def measure(plan: Plan, said: Callable[[str], None]) -> None:
    """Write results/domain.csv, unless it is there; `said` hears of what is left out.

    Raises StiltsError where a set is not prepared, or the process that holds the encoder dies.
    """
    if is_measured(plan):
        return
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(plan, said))
    write_text(plan.folder / "results" / DOMAIN, out.getvalue())
    write_text(plan.folder / MADE_OF, _facts(plan))


def _rows(plan: Plan, said: Callable[[str], None]) -> Iterator[tuple[str | int | float, ...]]:
    from stilts.analysis.domain_measures import distances

    seed = plan.study.seeds[0]
    near, far = _documents(plan, _intermediate(plan), seed), _documents(plan, _targets(plan), seed)
    runs = {run.run: run for run in plan.runs}
    trained = {target: run for run in plan.runs for target in run.evaluates}
    for one in distances(near, far, lambda texts: _apart(texts, plan.study.model), seed, said):
        run = trained[one.other]
        later = {name for task in fine_tuned_on(run, runs) for name in data_of(task)}
        same = "yes" if data_of(one.one) & later else ""
        yield (one.one, one.other, one.measure, one.value, one.n, one.n, seed, same, _column(one.other, run))


def _apart(texts: Sequence[str], model: ModelSettings) -> np.ndarray:
    """Vectors of texts, from a process of its own: this one goes on to start runs, and may have no room for a model."""
    from stilts.data.workers import carry_out, workers
    from stilts.evaluation.text_vectors import text_vectors

    with workers(2) as pool:
        [(_, found, _)] = carry_out(pool, 2, [(None, (text_vectors, (list(texts), model)))])
    vectors: np.ndarray = found
    return vectors


def _documents(plan: Plan, sets: dict[str, list[SetRef]], seed: int) -> dict[str, Documents]:
    from stilts.data.documents import documents_of
    from stilts.data.store import PreparedSet

    return {
        name: documents_of([PreparedSet(plan.features / ref.folder) for ref in refs], seed)
        for name, refs in sets.items()
    }


def _intermediate(plan: Plan) -> dict[str, list[SetRef]]:
    """Intermediate task -> its English training set."""
    runs = [run for run in plan.runs if run.kind == "intermediate"]
    return {
        ref.task: [ref] for run in runs for ref in run.train_sets if ref.task != MLM.name and ref.language == ENGLISH
    }


def _targets(plan: Plan) -> dict[str, list[SetRef]]:
    """Target -> the sets that have its English texts."""
    out: dict[str, list[SetRef]] = {}
    for target, run in {target: one for one in plan.runs for target in one.evaluates}.items():
        scored = [ref for ref in run.evaluation_sets if ref.task == target]
        if get_task(target).untrained:
            found = scored
        else:
            found = [ref for ref in scored if ref.language == ENGLISH]
            found = found or [ref for ref in run.train_sets if ref.language == ENGLISH]
        if found:
            out[target] = found
    return out


def _column(target: str, run: RunSettings) -> str:
    """Equal for targets of one format that one fine-tune is scored on."""
    alike = [name for name in run.evaluates if get_task(name).format == get_task(target).format]
    return "+".join(alike) if run.trains_on else target


def _facts(plan: Plan) -> str:
    """What the measures are made of: the sets as they are prepared, the encoder, the seed."""
    refs = [ref for sets in (_intermediate(plan), _targets(plan)) for own in sets.values() for ref in own]
    manifests = [plan.features / ref.folder / "manifest.json" for ref in refs]
    made = [path.read_bytes() if path.is_file() else b"" for path in manifests]
    model = plan.study.model
    facts = [
        VERSION,
        model.name,
        model.revision,
        plan.study.seeds[0],
        *(hashlib.sha256(one).hexdigest() for one in made),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
