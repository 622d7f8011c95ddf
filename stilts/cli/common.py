"""What the commands share: arguments, and how they read a study and print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stilts.study.plan import Plan

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="study file")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="key=value", help="settings that differ from the file")]
RunsAndOverrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN|key=value", help="runs, default all; settings as for the others"),
]
AllowDrift = Annotated[
    list[str] | None,
    typer.Option("--allow-drift", metavar="KEY", help="let started runs go on with another KEY (repeatable)"),
]
Json = Annotated[bool, typer.Option("--json", help="for programs")]


def plan_of(study: Path, overrides: list[str] | None) -> Plan:
    """The plan of a study file with `key=value` settings."""
    from stilts.config import load_study
    from stilts.study.plan import expand

    return expand(load_study(study, overrides or ()))


def plan_and_runs(study: Path, words: list[str] | None) -> tuple[Plan, list[str]]:
    """The plan, and those of the words that are runs; the others are settings. Raises InputError for an unknown run."""
    from stilts.study.local import known_run

    planned = plan_of(study, [word for word in words or () if "=" in word])
    return planned, [known_run(planned, word) for word in words or () if "=" not in word]


def print_notes(lines: list[str]) -> None:
    """Print lines that are no result, each as a note, on stderr."""
    for line in lines:
        print(f"note: {line}", file=sys.stderr)


def print_json(content: Any) -> None:
    """Print what a program reads."""
    print(json.dumps(content, indent=2, ensure_ascii=False))
