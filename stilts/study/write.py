"""Writes a plan into the study folder, and keeps two commands from working on one study at the same time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stilts.config import RunSettings
from stilts.drift import listed
from stilts.errors import InputError
from stilts.files import write_text
from stilts.settings import plain
from stilts.study.plan import Plan, plan_row
from stilts.study.started import accept_drift


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
    for run in plan.runs:
        own = started[run.run].run if run.run in started else run
        _replace(plan.run_folder(run.run) / "run.yaml", run_yaml(own))
    _replace(plan.folder / "plan.jsonl", "".join(json.dumps(plan_row(run)) + "\n" for run in plan.runs))
    _replace(plan.folder / "study.yaml", text)
    return [f"{name} goes on with {listed(one.found)}" for name, one in started.items() if one.found]


@contextlib.contextmanager
def study_lock(folder: Path, wait: float = 0) -> Iterator[None]:
    """Hold the study for this process. Raises InputError if another one has it, and still has after `wait` seconds."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=wait)
    try:
        lock.acquire()
    except Timeout:
        raise Locked(
            f"the study in {folder} is already running",
            "one `stilts run` a study at a time",
            "wait for it, or stop it (`stilts status` shows how far it is)",
        ) from None
    try:
        yield
    finally:
        lock.release()


def run_yaml(run: RunSettings) -> str:
    """The text of a `run.yaml`, which `stilts.config.load_run` reads back."""
    import yaml

    class Quoting(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Quotes text that begins like a number: OmegaConf reads a bare 80277997e701 (a hash) as a float."""

    def quoted(dumper: Any, value: str) -> Any:
        style = '"' if value[:1] in tuple("+-.0123456789") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Quoting.add_representer(str, quoted)
    return str(yaml.dump(plain(run), Dumper=Quoting, sort_keys=False, allow_unicode=True, width=120))


def _replace(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
