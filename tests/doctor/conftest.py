"""A machine on which everything is fine: tests take one thing away and look for the one line that says so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from healthy import CONFIG, LIMITS, SCRIPTS, SITE, SLURM, Known, script

from stilts.config import load_study
from stilts.doctor.check import Check
from stilts.doctor.examine import examine
from stilts.doctor.machine import Machine
from stilts.study.plan import expand


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study file with its model and its data: mnli, and xnli in two languages."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(CONFIG))
    (model / "model.safetensors").touch()
    root = tmp_path / "data"
    for name in ("mnli/train.tsv", "mnli/dev.tsv", "xnli/dev-en.tsv", "xnli/dev-de.tsv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a\tb\tneutral\n" * 3)
    files = {"mnli": {split: {"en": f"mnli/{split}.tsv"} for split in ("train", "dev")}}
    content = {
        "name": "s",
        "output_dir": str(tmp_path / "out"),
        "model": {"name": str(model)},
        "data": {"root": str(root), "files": files},
        "intermediate": [{"name": "none"}, {"name": "a", "tasks": ["mnli"]}],
        "target": {"tasks": ["xnli"], "languages": ["en", "de"]},
        "training": {"max_steps": 3, "select": "last"},
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with links to what runs need and nothing else, and with commands in Slurm's place."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("c++", "mpirun", "ninja", "sh", "env"):
        path = shutil.which(name, path=f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
        assert path, f"{name} is missing: make set-up needs it, too"
        (folder / name).symlink_to(path)
    for name, text in SLURM.items():
        script(folder, name, text)
    return folder


@pytest.fixture
def machine(tmp_path: Path, tools: Path, study: Path) -> Callable[..., Machine]:
    """A machine on which everything is fine, with changes to its fields and to the study's settings.

    `real` starts the probes.
    """

    def make(real: bool = False, overrides: tuple[str, ...] = (), **changes: Any) -> Machine:
        plan = expand(load_study(study, overrides))
        for name in ("devices", "infiniband", "scripts"):
            (tmp_path / name).mkdir(exist_ok=True)
        healthy = (Machine if real else Known)(
            environment={**os.environ, "PATH": str(tools), "TMPDIR": str(tmp_path)},
            plan=plan,
            data=plan.study.data,
            devices=tmp_path / "devices",
            infiniband=tmp_path / "infiniband",
            scripts=tmp_path / "scripts",
            limits=LIMITS,
        )
        return replace(healthy, **changes)

    return make


@pytest.fixture
def bad() -> Callable[[Machine], dict[str, Check]]:
    """All checks of a machine that are not ok, by name; what depends on the machine that tests run on is left out."""

    def bad(machine: Machine) -> dict[str, Check]:
        return {check.name: check for check in examine(machine) if check.state != "ok" and check.name not in SITE}

    return bad
