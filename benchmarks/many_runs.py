"""How long the commands that plan and watch take for a study of 2,000 runs, and how much memory.

    python benchmarks/many_runs.py [--runs 2000] [--rounds 3] [--keep FOLDER]

The study has the nine tasks of XTREME in all their languages, five target seeds, and as many recipes with three seeds
each as give the number of runs. Its runs are made up: a status.json and a scores.jsonl with every score of the plan for
those that are done (19 in 20), of the others some are running, some failed. Each command is a process of its own: wall
time, CPU time (what it would take on an idle machine, but for waiting for the disk), and the peak of its resident
memory. The first `plan` writes every file, the second finds them as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from stilts.config import RunSettings, load_study
from stilts.status import Status, write_status
from stilts.study.plan import Cell, Plan, expand
from stilts.study.scores import KEYS, SCORES

TASKS = ("mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "cosmosqa", "commonsenseqa")
TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
SEEDS, TARGET_SEEDS = (1, 2, 3), (1, 2, 3, 4, 5)
COMMANDS = {
    "plan, first": ["plan"],
    "submit --dry-run": ["submit", "launch.profile=gpu", "--dry-run"],
    "plan": ["plan"],
    "plan --json": ["plan", "--json"],
    "status": ["status"],
    "status --json": ["status", "--json"],
    "collect": ["collect"],
}
NOTHING_DONE = ("plan, first", "submit --dry-run")  # before the runs are made up
EVERY = 20  # of so many runs one is not done
_CONFIG = {
    "model_type": "xlm-roberta", "num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16,
    "intermediate_size": 4096, "vocab_size": 250002, "max_position_embeddings": 514, "type_vocab_size": 1,
}  # fmt: skip


def write_study(folder: Path, runs: int) -> Path:
    """A study file with at least so many runs, and the configuration of its model."""
    return write_recipes(folder, runs, {"target": {"tasks": list(TARGETS), "seeds": list(TARGET_SEEDS)}})


def write_recipes(folder: Path, runs: int, settings: dict[str, Any]) -> Path:
    """A study file with `settings` and as many recipes of two tasks as give so many runs."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(_CONFIG))
    recipes: list[dict[str, Any]] = [{"name": "none"}]
    path = folder / "study.yaml"
    while True:
        number = len(recipes) - 1
        pair = [TASKS[number % len(TASKS)], TASKS[(number + 1 + number // len(TASKS)) % len(TASKS)]]
        recipes.append({"name": f"recipe{number}", "tasks": list(dict.fromkeys(pair))})
        if number == 0:
            _write(path, folder, recipes, settings)
            expanded = expand(load_study(path)).runs
            baseline = sum(run.recipe == "none" for run in expanded)
        # each seed of a recipe brings its own run and as many as the baseline has
        if baseline + (len(recipes) - 1) * len(SEEDS) * (baseline + 1) >= runs:
            _write(path, folder, recipes, settings)
            return path


def _write(path: Path, folder: Path, recipes: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    study = {
        "name": "many",
        "output_dir": str(folder / "outputs"),
        "model": {"name": str(folder / "model")},
        "intermediate": recipes,
        **settings,
        "seeds": list(SEEDS),
    }
    path.write_text(yaml.safe_dump(study, sort_keys=False))


def make_up(plan: Plan, runs: Sequence[RunSettings] = (), every: int = EVERY) -> None:
    """Write what runs leave: most are done with all their scores, of the others some are running, some failed.

    Args:
        plan: the study.
        runs: those to make up; none for all.
        every: of so many runs one is not done.
    """
    draw = random.Random(1)
    cells: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        cells.setdefault(cell.run, []).append(cell)
    for index, run in enumerate(runs or plan.runs):
        status = Status("done", 1, 0, 1000, 1000, 0.5, 9000.0, error=None)
        if index % every == every - 1:
            here = {"host": "elsewhere", "pid": 1}
            status = Status("running", 1, 0, 400, 1000, 0.8, 9000.0, time.time(), [here])
            if index % (2 * every) == every - 1:
                status = Status("failed", 1, 0, 400, 1000, 0.8, error="OSError: No space left on device")
        folder = plan.run_folder(run.run)
        write_status(folder, status)
        if status.state == "done" and run.run in cells:
            rows = [json.dumps(_row(run, cell, draw.uniform(30, 90))) for cell in cells[run.run]]
            (folder / SCORES).write_text("\n".join(rows) + "\n", encoding="utf-8")


def _row(run: RunSettings, cell: Cell, value: float) -> dict[str, Any]:
    row = {
        "study": run.study, "run": run.run, "recipe": run.recipe, "target": cell.target, "language": cell.language,
        "split": cell.split, "metric": cell.metric, "value": value, "n": 2000,
        "intermediate_seed": cell.intermediate_seed, "target_seed": cell.target_seed, "condition": "clean",
        "noise_seed": None, "step": 1000, "layer": None, "task_version": 1, "git": "0123456789ab",
        "selection": f"best:{cell.target}/dev/en" if run.trains_on else "last", "config_hash": run.settings_hash,
    }  # fmt: skip
    return {key: row[key] for key in KEYS}


def measure(command: list[str], errors: IO[bytes] | int = subprocess.DEVNULL) -> tuple[float, float, float, int]:
    """Of `stilts` with these arguments: wall and CPU seconds, peak resident memory in MB (10^6 bytes), exit code.

    `errors` takes its stderr.
    """
    began = time.perf_counter()
    words = [sys.executable, "-m", "stilts", *command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
    _, state, usage = os.wait4(process.pid, 0)  # with the children that it has waited for
    process.returncode = os.waitstatus_to_exitcode(state)
    wall, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return wall, cpu, usage.ru_maxrss * 1024 / 1e6, process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="of each command; the median is printed")
    parser.add_argument("--keep", type=Path, help="make the study in this new folder, and leave it there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = write_study(options.keep or Path(temporary) / "many", options.runs)
        plan = expand(load_study(path))
        found = {}
        for name, words in COMMANDS.items():
            rounds = 1 if name in NOTHING_DONE else options.rounds
            taken = [measure([words[0], str(path), *words[1:]]) for _ in range(rounds)]
            found[name] = {
                "seconds": round(statistics.median(wall for wall, *_ in taken), 2),
                "cpu": round(statistics.median(cpu for _, cpu, *_ in taken), 2),
                "mb": round(max(mb for _, _, mb, _ in taken)),
                "code": taken[-1][3],
            }
            if name == NOTHING_DONE[-1]:
                make_up(plan)
        counts = {"runs": len(plan.runs), "scores": len(plan.cells), "cores": os.cpu_count()}
        print(json.dumps({**counts, "commands": found}))


if __name__ == "__main__":
    main()
