"""Writes a plan into the study folder, and keeps two commands from working on one study at the same time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stilts.drift import listed
from stilts.errors import InputError
from stilts.files import write_text
from stilts.study.plan import Plan, plan_row
from stilts.study.run_file import RunTexts
from stilts.study.started import accept_drift

WRITERS = 8  # threads that write run.yaml files: nearly all of the time goes into waiting for the disk


BRIEFLY = 10.0  # seconds that a command waits for another one that writes the plan


class Locked(InputError):
    """Another process works on the study."""


def study_text(path: Path, overrides: Sequence[str]) -> str:
    """The text of `study.yaml`: the file as given, or, with overrides, the settings that result from them.

    Interpolations such as `${oc.env:USER}` stay unresolved; comments are lost where there are overrides.
    """
    if not overrides:
        return path.read_text(encoding="utf-8")
    import yaml
    from omegaconf import OmegaConf

    config = OmegaConf.load(path)
    for override in overrides:
        key, _, value = override.partition("=")
        OmegaConf.update(config, key, yaml.safe_load(value), force_add=True)
    return f"# {path.name} with {' '.join(overrides)}\n{OmegaConf.to_yaml(config)}"


def write(plan: Plan, text: str, allow_drift: Sequence[str] = ()) -> list[str]:
    """Write study.yaml, plan.jsonl and every `runs/<run>/run.yaml`. Files that would not change are not touched.

    Args:
        plan: the expanded study.
        text: the study file's text.
        allow_drift: settings (with those below them) that started runs may go on with though they differ.

    Returns:
        A line for each run that goes on with other settings.

    Raises:
        InputError: a run was already started with other settings.
    """
    started = {one.run.run: one for one in accept_drift(plan, allow_drift)}
    texts = RunTexts()
    runs = [one.run if (one := started.get(run.run)) else run for run in plan.runs]
    others = [run for run in runs if run.run not in started or not started[run.run].unchanged]
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda run: _replace(plan.run_folder(run.run) / "run.yaml", texts.of(run)), others):
            pass
    _replace(plan.folder / "plan.jsonl", "".join(json.dumps(plan_row(run)) + "\n" for run in plan.runs))
    _replace(plan.folder / "study.yaml", text)
    return [f"{name} goes on with {listed(one.found)}" for name, one in started.items() if one.found]


@contextlib.contextmanager
def study_lock(folder: Path, wait: float = 0) -> Iterator[None]:
    """Hold the study for this process. Raises InputError if another one has it, and still has after `wait` seconds."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=wait, mode=0o664)  # a group's, where the folder is one's
    try:
        lock.acquire()
    except Timeout:
        raise Locked(
            f"the study in {folder} is already running",
            "one command that runs or submits a study at a time",
            "wait for it, or stop it (`stilts status` shows how far it is)",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _replace(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
