"""Reads DeepSpeed configurations; imports nothing heavy, so a study can be checked before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stilts.errors import InputError

CONFIGS = Path(__file__).parents[1] / "ds_configs"


def read_deepspeed_config(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The plain DeepSpeed JSON that `deepspeed.config` names, with the other keys of the section merged in.

    Raises InputError for a file that is missing, not JSON, or holds no `zero_optimization.stage`.
    """
    overrides = dict(settings)
    name = str(overrides.pop("config", "zero2"))
    candidates = [Path(name), CONFIGS / name, CONFIGS / f"{name}.json"]
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.json")))
        raise InputError(
            f"deepspeed.config {name!r} is no file", f"a path, or one of {known}", "change deepspeed.config"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}", "a DeepSpeed configuration", "mend the file") from None
    _merge(config, overrides)
    section = config.get("zero_optimization")
    if not isinstance(section, dict) or section.get("stage") not in (0, 1, 2, 3):
        raise InputError(f"{path} has no zero_optimization.stage", "0, 1, 2 or 3", "add it")
    return config


def zero_stage(config: Mapping[str, Any]) -> int:
    """The ZeRO stage of a DeepSpeed configuration."""
    return int(config["zero_optimization"]["stage"])


def offload_device(config: Mapping[str, Any], part: str) -> str | None:
    """Where the "optimizer" state or the "param" partitions go: "cpu", "nvme", or None where they stay."""
    device = config["zero_optimization"].get(f"offload_{part}", {}).get("device", "none")
    return None if device == "none" else str(device)


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
