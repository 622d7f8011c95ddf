"""Where every number is from, as columns that the page's script reads: rows as objects would be five times as long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stilts.report.results import KINDS, Results

MOST_VALUES = 200_000  # scores by seed that are on the page; of a larger study they stay in scores.csv
_FACTS = ("run", "target", "split", "step", "layer", "selection", "task_version", "git", "config_hash")


class _Words:
    """Texts, each once, and their numbers."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def provenance(results: Results) -> dict[str, Any]:
    """The page's data. Numbers in `words` stand for texts; an entry is what a run said about a target.

    Keys: words, recipes, baseline, folder (of the study), runs, entries, whole (whether entries have values), features
    (target, split, language -> the prepared set that was scored), deltas, reasons.
    """
    words = _Words()
    plan = results.plan
    entries, whole = _entries(results, words)
    content = {
        "recipes": list(results.recipes),
        "baseline": plan.baseline,
        "folder": str(plan.folder),
        "runs": _runs(results, words),
        "entries": entries,
        "whole": whole,
        "features": _features(results, words),
        "deltas": _deltas(results),
        "reasons": _columns([(*key, words(why)) for key, why in results.reasons.items()], "recipe target language why"),
    }
    return {**content, "words": list(words.numbers)}


def _runs(results: Results, words: _Words) -> dict[str, list[Any]]:
    """Of each run: its id, row of plan.jsonl, recipe, seeds, settings hash, and the rows of the runs it needs."""
    rows = {run.run: index for index, run in enumerate(results.plan.runs)}
    lines = [
        (words(run.run), run.recipe, run.seeds["intermediate"], run.seeds["target"], words(run.settings_hash),
         [rows[need] for need in run.needs])
        for run in results.plan.runs
    ]  # fmt: skip
    return _columns(lines, "run recipe intermediate target hash needs")


def _entries(results: Results, words: _Words) -> tuple[dict[str, list[Any]], bool]:
    """The rows of scores.csv, those with the same facts in one entry; and whether values by seed are there."""
    rows = {run.run: index for index, run in enumerate(results.plan.runs)}
    found: dict[tuple[str, ...], dict[str, dict[str, tuple[float, int]]]] = {}
    count = 0
    for row in results.rows_of_scores():
        if row["run"] not in rows:
            continue
        count += 1
        entry = found.setdefault(tuple(row[name] for name in _FACTS), {})
        entry.setdefault(row["language"], {})[row["metric"]] = round(float(row["value"]), 4), int(row["n"])
    whole = count <= MOST_VALUES
    lines: list[tuple[Any, ...]] = []
    for facts, languages in found.items():
        run, target, split, step, layer, *texts = facts
        metrics = list(next(iter(languages.values())))
        values = [[own.get(m, (None, 0))[0] for own in languages.values()] for m in metrics] if whole else []
        counts = [next(iter(own.values()))[1] for own in languages.values()]
        lines.append((rows[run], words(target), words(split), int(step), layer, *map(words, texts),
                      [words(code) for code in languages], [words(m) for m in metrics], values, counts))  # fmt: skip
    return _columns(lines, " ".join((*_FACTS, "languages", "metrics", "values", "n"))), whole


def _features(results: Results, words: _Words) -> dict[str, list[Any]]:
    """The folder of each set that is scored, whose name has the hash of all that decides what is in it."""
    sets = dict.fromkeys(ref for run in results.plan.runs for ref in run.evaluation_sets)
    lines = [(words(ref.task), words(ref.split), words(ref.language), words(ref.folder)) for ref in sets]
    return _columns(lines, "target split language folder")


def _deltas(results: Results) -> dict[str, list[Any]]:
    """Every difference with all of its intervals."""
    names = KINDS.values()
    lines = []
    for key, delta in results.deltas.items():
        own = {one.over: [round(one.low, 3), round(one.high, 3), one.p and round(one.p, 5)] for one in delta.intervals}
        detectable = delta.detectable and round(delta.detectable, 2)
        lines.append((*key, round(delta.value, 4), delta.seeds, detectable, *(own.get(over, 0) for over in names)))
    return _columns(lines, "recipe target language delta seeds detectable seeds_interval items combined")


def _columns(lines: Sequence[tuple[Any, ...]], names: str) -> dict[str, list[Any]]:
    columns = names.split()
    parts = zip(*lines, strict=True) if lines else ([] for _ in columns)
    return {name: list(part) for name, part in zip(columns, parts, strict=True)}
