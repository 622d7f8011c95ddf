"""The raw data of each task: what is there, with counts, and the paths of what is not. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stilts.config import DataSettings
from stilts.data.hub import NotFetched
from stilts.data.sources import find_files
from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.hub import offline
from stilts.doctor.machine import Machine
from stilts.errors import InputError
from stilts.tasks import TASKS, Task, get_task, languages_of

MIB = 2**20
COUNTED = 64 * MIB  # of a task's files together, up to which lines are counted
BY_LINES = (".tsv", ".csv", ".txt", ".jsonl", ".conllu", ".conll", "")
Set = tuple[str, str, str | None]  # split, language, what it was translated from


def data_checks(machine: Machine) -> Iterator[Check]:
    """A check for each task of the study; without one, for each task that data.root has something of."""
    if machine.plan is not None:
        sets: dict[str, dict[Set, None]] = {}
        for spec in machine.plan.specs:
            sets.setdefault(spec.task, {})[spec.split, spec.language, spec.translated_from] = None
        for task, wanted in sets.items():
            yield task_data(machine, task, wanted)
    elif machine.data.root is not None:
        yield from _root(machine)


def task_data(machine: Machine, task: str, wanted: Iterable[Set]) -> Check:
    """Whether every set of a task is there."""
    paths, there, missing = _look(task, wanted, machine.data)
    name, found = f"data {task}", _text(paths, there)
    if not missing:
        return _unless_empty(name, found, paths)
    error = missing[0][1]
    more = f" (and {len(missing) - 1} more sets are not there)" if len(missing) > 1 else ""
    said = f"{error.found}, {error.expected}{more}; there: {found}"
    if isinstance(error, NotFetched) and not (offline(machine) or machine.hub_error):
        return warning(name, said, error.change)
    if isinstance(error, NotFetched):
        return problem(name, said, f"{error.change}, or set data.root, data.mirror or data.files.{task}")
    return problem(name, said, error.change)


def _root(machine: Machine) -> Iterator[Check]:
    """What data.root has of each task, in any language; one line for all the tasks that it has nothing of."""
    root = Path(machine.data.root or "")
    if not root.is_dir():
        yield problem("data.root", f"no folder at {root}", "mend the path")
        return
    nothing = []
    for task in TASKS.values():
        paths, there, missing = _look(task.name, _declared(task), machine.data)
        name, found = f"data {task.name}", _text(paths, there)
        lacking = [error for split, error in missing if split not in there]
        if not there:
            nothing.append(task.name)
        elif lacking:
            said = f"{found}; {lacking[0].found}, {lacking[0].expected}"
            yield warning(name, said, f"{lacking[0].change}, if a study needs it")
        else:
            yield _unless_empty(name, found, paths)
    if nothing:
        fix = "if a study needs one, `stilts tasks NAME` shows where its files belong"
        yield warning("data of other tasks", f"{root} has nothing of {' '.join(nothing)}", fix)


def _declared(task: Task) -> Iterator[Set]:
    """The sets of a task that most studies read: of training sets of targets the English one, if it is trained on."""
    for split in task.files:
        if split != "train" or task.kind != "target":
            yield from ((split, language, None) for language in languages_of(task, "xtreme_r"))
        elif task.name in task.trains_on:
            yield split, "en", None


def _look(
    task: str, wanted: Iterable[Set], data: DataSettings
) -> tuple[list[Path], dict[str, list[str]], list[tuple[str, InputError]]]:
    """The files of sets, each once; split -> languages that are there; split and error of each set that is not."""
    paths: dict[Path, None] = {}
    there: dict[str, list[str]] = {}
    missing = []
    for split, language, source in wanted:
        try:
            found = find_files(get_task(task), split, language, data, fetch=False, translated_from=source)
        except InputError as error:
            missing.append((split, error))
            continue
        paths.update(dict.fromkeys(found))
        there.setdefault(split, []).append(language)
    return list(paths), there, missing


def _unless_empty(name: str, found: str, paths: Iterable[Path]) -> Check:
    empty = next((path for path in paths if path.stat().st_size == 0), None)
    if empty is not None:
        return problem(name, f"{found}; {empty} is empty", "copy it again from where the data set is published")
    return ok(name, found)


def _text(paths: list[Path], there: dict[str, list[str]]) -> str:
    """Splits with their languages, the number of files and their size, and of lines where that is cheap to count."""
    if not there:
        return "nothing"
    sets = ", ".join(f"{split} {' '.join(languages)}" for split, languages in there.items())
    size = sum(path.stat().st_size for path in paths)
    text = f"{sets}: {len(paths)} file{'s' * (len(paths) > 1)}, {size / MIB:.1f} MiB"
    if size <= COUNTED and all(path.suffix in BY_LINES for path in paths):
        text += f", {sum(map(_lines, paths)):,} lines"
    return text


def _lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(MIB), b""))
