"""What the benchmarks share: a run on real data without a study file, and the machine they ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stilts.config import Budget, DataSettings, ModelSettings, Recipe, RunSettings, Study, Target, Training
from stilts.data.prepare import prepare
from stilts.study.plan import expand
from stilts.tasks import get_task

STAND_INS = {
    # the slices of the official data that the benchmarks were run on have a dev file only
    "squad_v1": "squad/dev-v1.1.json",
    "squad_v2": "squad/dev-v2.0.json",
    "pawsx": "pawsx/xtreme/dev-en.tsv",
    "snli": "snli/snli_1.0/snli_1.0_dev.jsonl",
    "mnli": "mnli/glue_data/MNLI/train.more.tsv",
    "hellaswag": "hellaswag/hellaswag_val.jsonl",
    "cosmosqa": "cosmosqa/valid.csv",
}


def training_run(
    task: str, model: str, root: str, folder: Path, training: Training, deepspeed: Mapping[str, Any], steps: int = 1000
) -> RunSettings:
    """Settings of a run that trains `model` on one task; its features are prepared below `folder`."""
    files = {t: {"train": {"en": path}} for t, path in STAND_INS.items() if not _official(root, t)}
    intermediate = get_task(task).kind == "intermediate"
    study = Study(
        name="benchmark",
        output_dir=str(folder),
        model=ModelSettings(name=model),
        data=DataSettings(root=root, files=files),
        intermediate=[Recipe(task, tasks=[task], budget=Budget(steps=steps))] if intermediate else [],
        target=Target(tasks=["tatoeba"] if intermediate else [task], languages={} if intermediate else {task: ["en"]}),
        training=replace(training, max_steps=steps),
        deepspeed=dict(deepspeed),
    )
    plan = expand(study)
    run = next(run for run in plan.runs if run.train_sets)
    wanted = {ref.folder for ref in run.train_sets}
    specs = [spec for spec, ref in zip(plan.specs, _refs(plan), strict=True) if ref in wanted]
    prepare(study, specs, plan.features, progress=False)
    (plan.run_folder(run.run)).mkdir(parents=True, exist_ok=True)
    return run


def machine() -> dict[str, Any]:
    """What figures depend on: processor, cores, versions."""
    import torch
    import transformers

    name = next(
        (line.split(":", 1)[1].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def _official(root: str, task: str) -> bool:
    from stilts.data.sources import find_files
    from stilts.errors import InputError

    try:
        return bool(find_files(get_task(task), "train", "en", DataSettings(root=root)))
    except InputError:
        return False


def _refs(plan: Any) -> list[str]:
    reported = [spec for spec in plan.specs if spec.purpose == "evaluate"]
    return [spec.ref(plan.study.model, plan.study.data, reported).folder for spec in plan.specs]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
