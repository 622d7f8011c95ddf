"""Which files a leaderboard wants: task -> form of its files, languages, sizes.

From evaluate.py of google-research/xtreme at 838c13b and its mock data. LAReQA has no files there; ours are laid out as
Mewsli-X's, with candidates named as in `DualFormat.candidates`, so that XTREME-R's average can be scored from files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stilts.errors import InputError
from stilts.metrics import mlqa, squad
from stilts.settings import unknown
from stilts.submission.base import Form
from stilts.submission.lines import IndexLines, LabelLines, PairLines, TagLines
from stilts.submission.objects import Answers, ChoiceRows, Rankings
from stilts.tasks import BENCHMARKS, get_task, languages_of, target_tasks
from stilts.tasks.languages import is_invented

MANIFEST = "submission.json"
"""What a study writes beside the folders of the tasks: where each file is from and what is missing."""

_SQUAD = Answers(lambda answer, golds, language: squad.score(answer, golds))
LAYOUTS: dict[str, Form] = {
    "xnli": LabelLines(get_task("xnli").labels),
    "pawsx": LabelLines(get_task("pawsx").labels),
    "udpos": TagLines(get_task("udpos").labels),
    "panx": TagLines(get_task("panx").labels),
    "xquad": _SQUAD,
    "mlqa": Answers(mlqa.score),
    "tydiqa": _SQUAD,
    "bucc2018": PairLines(),
    "tatoeba": IndexLines(),
    "xcopa": ChoiceRows(2),
    "lareqa": Rankings(),
    "mewslix": Rankings(),
}


def file_name(task: str, language: str) -> str:
    """The name of a file in the folder of its task."""
    return f"test-{language}.{LAYOUTS[task].suffix}"


def languages_in(task: str, benchmark: str, folders: Iterable[Path]) -> tuple[str, ...]:
    """The languages that the folders should have files of: the benchmark's.

    Where a folder has an invented language (qaa to qtz: the sample benchmark), all languages it has, in order.
    """
    pattern = file_name(task, "*")
    held = {path.stem.removeprefix("test-") for folder in folders for path in (folder / task).glob(pattern)}
    return tuple(sorted(held)) if any(map(is_invented, held)) else languages_of(task, benchmark)


def expected_size(task: str, language: str) -> int | None:
    """How many predictions the test set wants in a language; None where that is not declared or up to the model."""
    if not LAYOUTS[task].sized or is_invented(language):
        return None
    declared = get_task(task)
    sizes = declared.sizes.get(declared.reported["test"], {})
    return sizes.get(language, sizes.get("*"))


def tasks_of(benchmark: str, folders: Iterable[Path]) -> tuple[str, ...]:
    """The benchmark's tasks in order, then other tasks of which every folder has a folder."""
    own = target_tasks(benchmark)
    paths = list(folders)
    return own + tuple(task for task in LAYOUTS if task not in own and all((path / task).is_dir() for path in paths))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest that a study wrote into a folder; empty where there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: [dict(one) for one in content.get(key, [])] for key in ("missing", "limited")}
        return {"benchmark": str(content["benchmark"]), **lists}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no manifest ({error})", "what `stilts collect` writes", "remove it") from None


def open_folder(folder: Path, benchmark: str | None) -> str:
    """The benchmark of a folder of predictions: the given one, else its manifest's, else "xtreme".

    Raises InputError for a folder without a folder of any task, or an unknown benchmark.
    """
    if not any((folder / task).is_dir() for task in LAYOUTS):
        found = "has no folder of a task" if folder.is_dir() else "is no folder"
        raise InputError(f"{folder} {found}", f"folders such as {', '.join(LAYOUTS)}", "name the folder above them")
    name = benchmark or read_manifest(folder).get("benchmark", "xtreme")
    if name not in BENCHMARKS:
        raise unknown(f"benchmark {name!r}", name, list(BENCHMARKS), "choose one of them")
    return name
