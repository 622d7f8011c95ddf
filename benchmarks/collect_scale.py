"""How long `stilts collect` takes for 5,100 runs in 40 languages (1 million score rows), and how much memory.

    python benchmarks/collect_scale.py [--runs 5100] [--more 10] [--keep FOLDER]

The study is made up as in many_runs.py: one fine-tune on SQuAD a run, which serves xquad, mlqa, tatoeba and bucc2018 in
40 languages (6 scores each), with three seeds a recipe, five target seeds, and as many recipes as give the number of
runs. `collect` is called three times, each time as a process of its own: first with everything to read, then after
`--more` further runs have ended, then with nothing new. Seconds are those apart from the statistics (which the command
prints), CPU seconds those of the command and its children.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

import yaml
from many_runs import make_up, measure, write_recipes

from stilts.config import load_study
from stilts.status import read_status
from stilts.study.plan import Plan, expand
from stilts.study.write import write

LANGUAGES = ("en", *(f"q{first}{last}" for first in "ab" for last in "abcdefghijklmnopqrstuvwxyz"))[:41]
TARGET = {
    "tasks": ["xquad", "mlqa", "tatoeba", "bucc2018"],
    "languages": {
        "xquad": LANGUAGES[:40], "mlqa": LANGUAGES[:40], "tatoeba": LANGUAGES[1:], "bucc2018": LANGUAGES[1:],
    },
    "per_task": {name: {"train": ["squad_v1"]} for name in ("tatoeba", "bucc2018")},
    "seeds": [1, 2, 3, 4, 5],
}  # fmt: skip
EVERY = 250  # of so many runs one has not ended


def write_study(folder: Path, runs: int) -> Path:
    """A study file with at least so many runs."""
    target = yaml.safe_load(json.dumps(TARGET))
    return write_recipes(folder, runs, {"target": target, "training": {"select": "last"}})


def end_more(plan: Plan, count: int) -> int:
    """Let so many of the runs that are not done end; how many there were."""
    folders = [plan.run_folder(run.run) for run in plan.runs if run.kind != "intermediate"]
    open_ones = [folder for folder in folders if read_status(folder).state != "done"][:count]
    names = {folder.name for folder in open_ones}
    make_up(plan, [run for run in plan.runs if run.run in names], every=len(names) + 1)
    return len(open_ones)


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of results/ that people read."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5100)
    parser.add_argument("--more", type=int, default=10, help="runs that end between the first call and the second")
    parser.add_argument("--keep", type=Path, help="make the study in this new folder, and leave it there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = write_study(options.keep or Path(temporary) / "many", options.runs)
        plan = expand(load_study(path))
        write(plan, path.read_text())
        make_up(plan, every=EVERY)
        files = plan.folder.glob("runs/*/scores.jsonl")
        rows = sum(file.read_bytes().count(b"\n") for file in files)
        print(json.dumps({"runs": len(plan.runs), "rows": rows, "cores": os.cpu_count()}), flush=True)
        for name in ("first", f"after {options.more} more", "nothing new"):
            if name.startswith("after"):
                end_more(plan, options.more)
            with tempfile.TemporaryFile() as said:
                wall, cpu, mb, code = measure(["collect", str(path)], said)
                said.seek(0)
                own = re.search(rb"statistics: ([\d.]+) s", said.read())
            spent = float(own[1]) if own else 0.0
            found = {"call": name, "seconds": round(wall - spent, 2), "statistics": spent, "cpu": round(cpu, 2),
                     "mb": round(mb), "code": code}  # fmt: skip
            print(json.dumps({**found, "files": digests(plan.folder / "results")}), flush=True)


if __name__ == "__main__":
    main()
