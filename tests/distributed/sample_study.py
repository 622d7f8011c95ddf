"""Trains every run of a study on the sample, two at a time, and gives what `collect` answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cases
from harness import run_ranks

from stilts.config import Study
from stilts.sample import generate
from stilts.settings import load_yaml, read
from stilts.study.collect import collect
from stilts.study.local import prepare_data
from stilts.study.plan import Plan, expand
from stilts.study.write import write

STUDIES = Path(__file__).parents[2] / "studies"
Answers = dict[str, Any]


def sample(out: Path, languages: int) -> Path:
    """The sample with an encoder that has seen no text, and without what its languages were made with."""
    generate(out, seed=1, languages=languages, pretrained=False)
    (out / "languages.json").unlink()  # no analysis may read it
    return out


def answered(study: str, data: Path, name: str, *overrides: str) -> Answers:
    """What `collect` writes about the questions after all runs of a study of `studies/`, by question."""
    words = [f"name={name}", f"output_dir={data.parent}", f"data.root={data}", f"data.cache_dir={data.parent / 'sets'}",
             f"model.name={data / 'model_random'}", *overrides]  # fmt: skip
    plan = expand(read(Study, load_yaml(STUDIES / study, words), ""))
    write(plan, "")
    prepare_data(plan)
    for wave in _waves(plan):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda run: _execute(plan, run), wave))
    found = collect(plan)
    assert (found.missing, found.noisy_missing, found.problems) == ([], [], [])
    content: Answers = json.loads((found.folder / "answers.json").read_text(encoding="utf-8"))
    return content["answers"]


def _waves(plan: Plan) -> list[list[str]]:
    """The runs, each after those that it needs."""
    waves: list[list[str]] = []
    left = {run.run: set(run.needs) for run in plan.runs}
    while left:
        wave = [run for run, before in left.items() if not before & left.keys()]
        waves.append(wave)
        left = {run: before for run, before in left.items() if run not in wave}
    return waves


def _execute(plan: Plan, run: str) -> None:
    folder = plan.run_folder(run)
    run_ranks(cases.run_file, 1, plan.folder / "logs" / run, str(folder / "run.yaml"), timeout=500)
