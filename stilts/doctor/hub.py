"""The way to published models: a folder, the hub's cache, or the hub itself."""

from __future__ import annotations

from pathlib import Path

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Machine

TRUE = ("1", "ON", "YES", "TRUE")  # huggingface_hub/constants.py, ENV_VARS_TRUE_VALUES
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def hub(machine: Machine) -> Check:
    """Whether the hub answers, is not to be asked, or has a mirror."""
    mirror = machine.data.mirror
    if mirror is not None and not Path(mirror).is_dir():
        return problem("hub", f"data.mirror: no folder at {mirror}", "copy hub repositories there, or mend the path")
    also = f"; data.mirror {mirror}" if mirror else ""
    if offline(machine):
        return ok("hub", f"HF_HUB_OFFLINE is set: only what is in {machine.hub_cache}{also}")
    if not machine.hub_error:
        return ok("hub", f"it answers; cache {machine.hub_cache}{also}")
    if not _needed(machine):
        return ok("hub", "it cannot be reached from here, and the study needs nothing of it")
    fix = "set HF_HUB_OFFLINE=1, so that nothing waits for it, with data.root or data.mirror and a model's folder"
    return warning("hub", f"it cannot be reached from here ({machine.hub_error}){also}", fix)


def model(machine: Machine) -> Check:
    """Whether the study's model is there: a folder, or in the hub's cache."""
    if machine.plan is None:
        return ok("model", "no study was named")
    settings = machine.plan.study.model
    folder = Path(settings.name)
    if folder.is_dir():
        return _whole(folder, folder, "give a folder in the Hugging Face layout as model.name")
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(
        settings.name, "config.json", cache_dir=machine.hub_cache, revision=settings.revision
    )
    fetch = f"hf download {settings.name}, where there is a network"
    if isinstance(cached, str):
        return _whole(Path(cached).parent, Path(settings.name), fetch)
    if offline(machine) or machine.hub_error:
        found = f"{settings.name} is no folder and not in {machine.hub_cache}, and the hub cannot be reached"
        return problem("model", found, f"{fetch}; or set model.name to a folder")
    return warning(
        "model", f"{settings.name} is not in {machine.hub_cache} yet", f"the first use fetches it, or {fetch}"
    )


def offline(machine: Machine) -> bool:
    """Whether the hub is not to be asked."""
    return machine.environment.get("HF_HUB_OFFLINE", "").upper() in TRUE


def _needed(machine: Machine) -> bool:
    """Whether the model or data may have to come from the hub."""
    local = machine.data.root is not None or machine.data.mirror is not None
    return machine.plan is None or not local or not Path(machine.plan.study.model.name).is_dir()


def _whole(folder: Path, name: Path, fix: str) -> Check:
    """Whether a folder has a configuration and weights."""
    if not (folder / "config.json").is_file():
        return problem("model", f"{name} has no config.json", fix)
    if not any(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        return problem("model", f"{name} has no weights in {folder} ({' or '.join(WEIGHTS)})", fix)
    return ok("model", f"{name}" if folder == name else f"{name} in the hub's cache")
