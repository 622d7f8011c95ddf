"""What a reader of a plan or a table is told about masked LM: its text, and whether it makes runs transductive."""

from __future__ import annotations

import json

from stilts.config import Study
from stilts.data.sources import find_files
from stilts.data.transductive import named_like_evaluation
from stilts.errors import InputError
from stilts.study.plan import Plan
from stilts.tasks import MLM

SHOWN = 4  # notes of a recipe in the plan's text


def transductive_notes(plan: Plan) -> dict[str, list[str]]:
    """Recipe -> why it is transductive, a line each; recipes that are not are left out.

    From the sets that `prepare` made, which were compared with the evaluation sets; by the names of the files where a
    set is not prepared.
    """
    found: dict[str, dict[str, None]] = {}
    for run in plan.runs:
        for ref in (ref for ref in run.train_sets if ref.task == MLM.name):
            manifest = plan.features / ref.folder / "manifest.json"
            if manifest.is_file():
                notes = json.loads(manifest.read_text(encoding="utf-8")).get("transductive", [])
            else:
                notes = _by_name(plan.study, ref.language)
            found.setdefault(run.recipe, {}).update(dict.fromkeys(notes))
    return {recipe: list(notes) for recipe, notes in found.items() if notes}


def mlm_lines(plan: Plan) -> list[str]:
    """What a reader of the plan is told about masked LM and its text, a line each."""
    lines = {
        run.recipe: f"masked LM in {run.recipe}: {run.mlm.share:.0%} of the steps, peak rate "
        f"{run.mlm.learning_rate:g}, languages {' '.join(run.mlm.languages)} drawn by rows^{run.mlm.exponent:g}"
        for run in plan.runs
        if run.mlm is not None
    }
    return [*lines.values(), *transductive_lines(plan)]


def transductive_lines(plan: Plan) -> list[str]:
    """`transductive_notes` as text, a line a recipe, without the last of many."""
    out = []
    for recipe, notes in transductive_notes(plan).items():
        more = f"; and {len(notes) - SHOWN} more" if len(notes) > SHOWN else ""
        out.append(f"{recipe} is transductive: {'; '.join(notes[:SHOWN])}{more}")
    return out


def _by_name(study: Study, language: str) -> list[str]:
    try:
        paths = find_files(MLM, "train", language, study.data)
    except InputError:  # `prepare` says so
        return []
    return named_like_evaluation(f"{MLM.name}/train/{language}", paths)
