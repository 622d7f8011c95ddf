"""Texts beside the curves: the configuration of a run, and where it runs with which versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from stilts import __version__
from stilts.config import RunSettings
from stilts.provenance import code_version
from stilts.settings import plain

PACKAGES = ("torch", "deepspeed", "transformers", "tokenizers", "safetensors", "numpy", "tensorboard")


def configuration(run: RunSettings) -> str:
    """All settings of a run, as its run.yaml says them and with what its command line changed."""
    import yaml

    return fenced(yaml.safe_dump(plain(run), sort_keys=False, allow_unicode=True, width=120), "yaml")


def environment(ranks: Sequence[Mapping[str, Any]], device: str, slurm: Mapping[str, Any] | None) -> str:
    """A table of versions, commit, hosts and device of one start.

    Args:
        ranks: {"host", "pid"} of each rank, as status.json has them.
        device: as torch names it.
        slurm: the job, as status.json has it.
    """
    hosts = [str(rank["host"]) for rank in ranks]
    facts = {"stilts": __version__, "git": code_version(), "python": platform.python_version()}
    facts |= {name: _version(name) for name in PACKAGES}
    facts |= {"system": f"{platform.system()} {platform.release()} {platform.machine()}", "device": device}
    facts |= {"ranks": str(len(ranks)), "hosts": ", ".join(f"{h} ({hosts.count(h)})" for h in dict.fromkeys(hosts))}
    if slurm:
        facts |= {"Slurm job": str(slurm["job"]), "nodes": str(slurm["nodes"])}
    return "| what | value |\n|---|---|\n" + "".join(f"| {key} | {value} |\n" for key, value in facts.items())


def fenced(content: str, language: str) -> str:
    """A Markdown code block; its fence is longer than any in the content."""
    fence = "```"
    while fence in content:
        fence += "`"
    return f"{fence}{language}\n{content.rstrip()}\n{fence}\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
