"""A trained model as a Hugging Face folder, and the proof that a later run started from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.files import sync_files
from stilts.model.build import FACTS_FILE, HEADS_FILE, read_facts
from stilts.model.multitask import MultiTaskModel
from stilts.model.weights import digest, full_weights, iterate_full_weights
from stilts.training.attempt import Attempt
from stilts.training.card import CARD, model_card


def export_model(
    model: MultiTaskModel,
    folder: Path,
    facts: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    attempt: Attempt,
    world: World,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write fp32 master weights, configuration, tokenizer, heads, model card and `stilts.json` to `folder`.

    A collective. The folder appears by one rename when it is whole, and only while `attempt` is the run's current one.
    `weights` (rank 0) are written instead of the model's own, named as in it.
    """
    if weights is None:
        encoder = full_weights(model.encoder, keep=world.main)
        heads = full_weights(model.heads, keep=world.main)
    else:
        encoder, heads = _part(weights, "encoder."), _part(weights, "heads.")

    def write() -> None:
        staged = attempt.stage("export")
        config = copy.deepcopy(model.encoder.config)
        config.dtype = torch.float32
        config._attn_implementation = None  # ours is for packed streams; a reader chooses their own
        config.architectures = [type(model.encoder).__name__]
        config.save_pretrained(staged)
        save_file(encoder, str(staged / "model.safetensors"), metadata={"format": "pt"})
        save_file({k: v.contiguous() for k, v in heads.items()}, str(staged / HEADS_FILE))
        tokenizer.save_pretrained(staged)
        digests = {"encoder_sha256": digest(encoder), "heads_sha256": digest(heads)}
        written = {**facts, **digests, "heads": sorted(model.heads)}
        (staged / CARD).write_text(model_card(written), encoding="utf-8")
        (staged / FACTS_FILE).write_text(json.dumps(written, indent=1), encoding="utf-8")
        sync_files(staged)
        folder.parent.mkdir(parents=True, exist_ok=True)
        attempt.commit(staged, folder)

    world.on_main(write)


def exported_weights(folder: Path) -> dict[str, torch.Tensor]:
    """All parameters of an export, named as in a `MultiTaskModel`. Raises StiltsError where they are not as written."""
    facts = read_facts(folder)
    encoder, heads = load_file(str(folder / "model.safetensors")), load_file(str(folder / HEADS_FILE))
    for name, weights in (("encoder", encoder), ("heads", heads)):
        if digest(weights) != facts[f"{name}_sha256"]:
            raise StiltsError(f"the {name} in {folder} changed since it was exported: remove the run's folder")
    return {f"encoder.{k}": v for k, v in encoder.items()} | {f"heads.{k}": v for k, v in heads.items()}


def verify_loaded(model: MultiTaskModel, folder: Path, expected_run: str, world: World) -> None:
    """Check that the encoder in `model` is the one exported at `folder` by `expected_run`. A collective.

    Every weight is compared with the file in the dtype it was loaded in; the file itself must match the digest that
    the exporting run recorded, and must differ from the weights that run started from.

    Raises StiltsError naming the first difference.
    """
    problem = world.from_main(_wrong_export(model, folder, expected_run) if world.main else None)
    if problem is None:
        with safe_open(str(folder / "model.safetensors"), framework="pt") as stored:
            for name, loaded in iterate_full_weights(model.encoder):
                if world.main and not problem:
                    same = torch.equal(loaded.cpu(), stored.get_tensor(name).to(loaded.dtype))
                    problem = None if same else f"encoder weight {name} is not the one in {folder}"
        problem = world.from_main(problem)
    if problem:
        raise StiltsError(f"the start model is wrong: {problem}")


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _wrong_export(model: MultiTaskModel, folder: Path, expected_run: str) -> str | None:
    """What is wrong with the files at `folder`, or None."""
    facts = read_facts(folder)
    if facts["run"] != expected_run:
        return f"{folder} was exported by {facts['run']}, not by {expected_run}"
    if facts["steps"] and facts["encoder_sha256"] == facts["start_sha256"]:
        return f"{folder} holds the weights its run started from: training changed nothing"
    stored = load_file(str(folder / "model.safetensors"))
    if digest(stored) != facts["encoder_sha256"]:
        return f"{folder}/model.safetensors changed since its run exported it"
    expected = {name for name, _ in model.encoder.named_parameters()}
    if set(stored) - set(model.encoder.state_dict()) or expected - set(stored):
        return f"{folder}/model.safetensors and the encoder differ in {', '.join(sorted(set(stored) ^ expected)[:3])}"
    return None
