"""Shows on the sample benchmark that the trainer measures transfer, not noise: effects that must and must not be.

    python benchmarks/sample_science.py [--seeds 1 2 3 4 5] [--folder FOLDER]

For each seed a sample of its own is generated (other words, other sentences, another pretrained model) and a few small
studies run on it through the public commands. Printed is one Markdown table: mean, 95 % interval (Student t over seeds)
and what was to be expected. A folder that is given is kept, and a second call goes on where the first one stopped.
Exit code 1 if an effect is not as expected.
"""

from __future__ import annotations

import argparse
import csv
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from scipy import stats

FAR = "qac"  # no word in common with English, SOV, 1,600 lines of text
NEAR = ["qaa", "qad"]  # share 85 % and 60 % of their words with English
LANGUAGES = ["en", *NEAR, FAR]
FEW = 64  # questions of the target's training set, so that an intermediate task has something to add
STEPS = {"tydiqa": 60, "udpos": 150, "xnli": 300}
CHANCE = 100 / 3


@dataclass(frozen=True)
class Effect:
    """One line of the table: what is measured for each seed, and where its interval has to lie.

    Attributes:
        expected: "above", "not above" or "holds" the reference; "reported" where nothing is asked of it.
        measure: a sample's scores -> points.
        reference: what the interval is compared with, in points.
    """

    name: str
    expected: str
    measure: Callable[[Scores], float]
    reference: float = 0.0

    def holds(self, low: float, high: float) -> bool:
        """Whether the interval is where it should be."""
        if self.expected == "reported":
            return True
        if self.expected == "above":
            return low > self.reference
        return low <= self.reference if self.expected == "not above" else low <= self.reference <= high


class Scores:
    """The scores of all studies of one seed, by study."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[dict[str, str]] = []
        for path in sorted(folder.glob("outputs/*/results/scores.csv")):
            with open(path, encoding="utf-8", newline="") as file:
                self.rows += csv.DictReader(file)

    def mean(self, study: str, recipe: str, target: str, metric: str, languages: Sequence[str] = LANGUAGES) -> float:
        """The mean over languages, in points."""
        values = [
            float(row["value"]) for row in self.rows
            if (row["study"], row["recipe"], row["target"], row["metric"]) == (study, recipe, target, metric)
            and row["language"] in languages
        ]  # fmt: skip
        assert len(values) == len(languages), (study, recipe, target, values)
        return sum(values) / len(values)


def gain(study: str, recipe: str) -> Callable[[Scores], float]:
    """TyDiQA's F1 after a recipe less that of the baseline."""
    return lambda s: s.mean(study, recipe, "tydiqa", "f1") - s.mean("plain", "none", "tydiqa", "f1")


def pretraining(target: str, metric: str, languages: Sequence[str]) -> Callable[[Scores], float]:
    """The score after pretraining less that of the random encoder."""
    return lambda s: (s.mean("pretrained", "none", target, metric, languages)
                      - s.mean("random", "none", target, metric, languages))  # fmt: skip


EFFECTS = (
    Effect(f"pretrained less random encoder: udpos F1 in {FAR}, which shares no word with English", "above",
           pretraining("udpos", "f1", [FAR])),
    Effect("the same: xnli accuracy in English", "above", pretraining("xnli", "accuracy", ["en"])),
    # five seeds of so small an encoder do not show whether what sentence pairs need crosses over; what words need does
    Effect(f"the same: xnli accuracy in {', '.join(NEAR)}, which share 85 % and 60 % of their words", "reported",
           pretraining("xnli", "accuracy", NEAR)),
    Effect(f"the same: xnli accuracy in {FAR}", "reported", pretraining("xnli", "accuracy", [FAR])),
    Effect(f"squad_v1 first: tydiqa F1 ({FEW} training questions)", "above", gain("plain", "squad_v1")),
    Effect("an irrelevant task first (commonsenseqa): tydiqa F1", "not above", gain("plain", "commonsenseqa")),
    Effect("squad_v1 with shuffled answers first: tydiqa F1", "not above", gain("shuffled", "squad_v1")),
    Effect("xnli accuracy after mnli with shuffled labels", "holds",
           lambda s: s.mean("chance", "none", "xnli", "accuracy"), CHANCE),
)  # fmt: skip


def study(folder: Path, name: str, data: str, model: str, recipes: dict[str, list[str]], targets: list[str]) -> Path:
    """Write one study file."""
    intermediate = [
        {"name": recipe, "tasks": tasks, **({"budget": {"steps": 150}} if tasks else {})}
        for recipe, tasks in recipes.items()
    ]
    content: dict[str, Any] = {
        "name": name,
        "output_dir": str(folder / "outputs"),
        "model": {"name": str(folder / model)},
        "data": {"root": str(folder / data), "limit": {"tydiqa": {"train": FEW}}},
        "intermediate": intermediate,
        "target": {"tasks": targets, "languages": LANGUAGES,
                   "per_task": {task: {"max_steps": STEPS[task]} for task in targets}},
        "training": {"batch_size": 32, "learning_rate": 1e-3, "max_length": 128, "max_steps": 150, "select": "last",
                     "precision": "fp32", "dropout": 0.0, "save_every": 0},
        "deepspeed": {"config": "zero0"},
        "launch": {"processes": 1, "parallel_runs": 2},
        "seeds": [1],
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def run_seed(folder: Path, seed: int) -> Scores:
    """Generate the samples of one seed and run its studies; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").is_dir():
        command("sample", folder / "data", "--seed", seed)
    if not (folder / "shuffled").is_dir():
        command("sample", folder / "shuffled", "--seed", seed, "--shuffle-labels", "squad_v1",
                "--shuffle-labels", "mnli")  # fmt: skip
    several = {"none": [], "squad_v1": ["squad_v1"], "commonsenseqa": ["commonsenseqa"]}
    for path in (
        study(folder, "pretrained", "data", "data/model", {"none": []}, ["udpos", "xnli"]),
        study(folder, "random", "data", "data/model_random", {"none": []}, ["udpos", "xnli"]),
        study(folder, "plain", "data", "data/model", several, ["tydiqa"]),
        study(folder, "shuffled", "shuffled", "shuffled/model", {"squad_v1": ["squad_v1"]}, ["tydiqa"]),
        study(folder, "chance", "shuffled", "shuffled/model", {"none": []}, ["xnli"]),
    ):
        command("run", path)
    return Scores(folder)


def command(*words: object) -> None:
    """One command of stilts; its output goes to stderr, so that stdout has the table only."""
    subprocess.run([sys.executable, "-m", "stilts", *map(str, words)], stdout=sys.stderr, check=True)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval, Student t over seeds."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * spread
    return mean, mean - half, mean + half


def main() -> int:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--folder", type=Path, help="keep samples and studies there; default a temporary folder")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stilts-science-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        scores = [run_seed(folder / f"seed{seed}", seed) for seed in options.seeds]
    print("| effect | mean, points | 95 % interval | n | expected | |\n|---|---|---|---|---|---|")
    failed = 0
    for effect in EFFECTS:
        mean, low, high = interval([effect.measure(s) for s in scores])
        failed += not effect.holds(low, high)
        verdict = "as expected" if effect.holds(low, high) else "NOT as expected"
        asked = "–" if effect.expected == "reported" else f"{effect.expected} {effect.reference:.1f}"
        print(f"| {effect.name} | {mean:.1f} | {low:.1f} to {high:.1f} | {len(scores)} | {asked} | "
              f"{'reported' if asked == '–' else verdict} |")  # fmt: skip
    print(f"\n{len(scores)} seeds in {(time.monotonic() - began) / 60:.0f} minutes", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
