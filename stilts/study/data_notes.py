"""`results/data.md`: where all data of a study are from, under which licences, and how much of them was prepared."""

from __future__ import annotations

import json
from pathlib import Path

from stilts.data.specs import SetSpec
from stilts.study.plan import Plan
from stilts.tasks.credits import credit, data_sets, markdown_table

_USES = {"train": "trained on", "select": "chosen on", "evaluate": "scored", "support": "read to score"}
_DATA_SETS = ("task", "data set", "hub", "licence", "citation")
_SETS = ("task", "split", "part", "use", "languages", "examples")


def data_notes(plan: Plan) -> str:
    """A Markdown page: each data set of the study with its licence and citation, and each task's sets with sizes.

    Sizes are those of prepared sets. A task of parts is credited by its parts.
    """
    tasks = data_sets(dict.fromkeys(spec.task for spec in plan.specs))
    groups: dict[tuple[str, ...], list[SetSpec]] = {}
    sets = [spec for spec in plan.specs if spec.purpose in _USES]  # noisy ones are copies of those that are scored
    for spec in sets:
        how = f" (machine-translated from {spec.translated_from})" if spec.translated_from else ""
        groups.setdefault((spec.task, spec.split, spec.part, _USES[spec.purpose] + how), []).append(spec)
    scored = [spec for spec in plan.specs if spec.purpose == "evaluate"]
    folders = {spec: plan.features / spec.ref(plan.study.model, plan.study.data, scored).folder for spec in sets}
    rows = [
        (*key, " ".join(dict.fromkeys(spec.language for spec in own)), _examples([folders[spec] for spec in own]))
        for key, own in groups.items()
    ]
    return (
        f"# Data of {plan.study.name}\n\nCite what you use, and keep to its licence. Files of your own that stand for "
        "one of these (`data.root`, `data.files`) have their own.\n\n"
        + markdown_table(_DATA_SETS, [(task.name, *credit(task)) for task in tasks])
        + "\n## Sets\n\nExamples over all languages of a line, after limits and exclusions; - where a set is not "
        "prepared here.\n\n" + markdown_table(_SETS, rows)
    )


def _examples(folders: list[Path]) -> str:
    """Examples of prepared sets, from their manifests."""
    paths = [folder / "manifest.json" for folder in folders]
    if not all(path.is_file() for path in paths):
        return "-"
    return f"{sum(json.loads(path.read_text(encoding='utf-8'))['examples'] for path in paths):,}"
