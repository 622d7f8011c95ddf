"""Turns a model and a run's settings into a DeepSpeed engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stilts.config import Training
from stilts.deepspeed_config import offload_device, zero_stage
from stilts.distributed import World
from stilts.errors import InputError
from stilts.model.weights import remember_masters

EMBEDDINGS = "encoder.embeddings."
_LAYER = re.compile(r"encoder\.encoder\.layer\.(\d+)\.")


def fill_auto(config: dict[str, Any], training: Training, world: World, folder: Path | None = None) -> dict[str, Any]:
    """Replace every "auto" by what the run decides; a value that is set otherwise and contradicts is an InputError.

    Args:
        folder: the run's folder, where NVMe offload goes unless the configuration names a place.
    """
    if training.precision == "fp16" and world.device.type == "cpu":
        raise InputError(
            "training.precision is fp16 on a CPU", "bf16 or fp32 without a GPU", "set training.precision=bf16"
        )
    # Micro-batches hold as many rows as their token budget allows, and the loop tells DeepSpeed which one is a step's
    # last: these two numbers only satisfy its check that they multiply to the batch size.
    decided: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": training.max_grad_norm,
        "bf16.enabled": training.precision == "bf16",
        "fp16.enabled": training.precision == "fp16",
        "data_types.grad_accum_dtype": accumulates_in(config, training),
    }
    for key, value in decided.items():
        section, _, name = key.rpartition(".")
        place = config.setdefault(section, {}) if section else config
        if place.get(name, "auto") not in ("auto", value):
            raise InputError(
                f"the DeepSpeed configuration sets {key} to {place[name]!r}",
                f'"auto" (this run decides {value!r})',
                f"remove {key} there and use the training section",
            )
        place[name] = value
    config.pop("train_batch_size", None)
    _fill_offload(config, training, folder)
    return config


def accumulates_in(config: Mapping[str, Any], training: Training) -> str:
    """Precision that gradients are summed in: fp32 where the stage allows it.

    Without ZeRO DeepSpeed (0.19.8) accumulates in the model's precision; anything else is a NotImplementedError there.
    """
    return training.precision if zero_stage(config) == 0 else "fp32"


def parameter_groups(module: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Optimizer groups: no decay on biases and normalisation weights (1-dimensional parameters), a rate for each depth.

    `rate_scale` of a group is what the schedule's rate is multiplied with: layerwise_lr_decay to the power of the
    layers above (heads and the encoder's last layer 1, embeddings one more than the lowest layer).
    """
    depths = [int(found.group(1)) for name, _ in module.named_parameters() if (found := _LAYER.match(name))]
    layers = max(depths, default=-1) + 1
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            scale = training.layerwise_lr_decay ** _layers_above(name, layers)
            decays = len(getattr(parameter, "ds_shape", parameter.shape)) > 1
            groups.setdefault((scale, decays), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": (training.weight_decay or 0.0) if decays else 0.0, "rate_scale": scale}
        for (scale, decays), parameters in sorted(groups.items(), key=lambda item: (-item[0][0], not item[0][1]))
    ]


def build_engine(module: nn.Module, config: dict[str, Any], training: Training, world: World) -> Any:
    """A DeepSpeed engine that trains `module`; its optimizer has one group for each depth and kind of parameter."""
    import deepspeed

    if training.freeze_embeddings:
        for name, parameter in module.named_parameters():
            if name.startswith(EMBEDDINGS):
                parameter.requires_grad_(False)
    optimizer = _optimizer(parameter_groups(module, training), config, training)
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config, dist_init_required=False)
    remember_masters(engine.optimizer)
    _forget_first_step(engine.optimizer)
    if world.size == 1 and zero_stage(config) <= 1 and not hasattr(engine.optimizer, "reduce_gradients"):
        engine.enable_backward_allreduce = False  # it copies every gradient twice to sum it with nothing
    return engine


def set_learning_rate(engine: Any, rate: float) -> None:
    """The rate of the next optimizer step, in every group."""
    for group in engine.optimizer.param_groups:
        group["lr"] = rate * group["rate_scale"]


def use_deterministic_kernels() -> None:
    """Deterministic kernels only, before the first CUDA call of the process."""
    import os

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with a fixed workspace only
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def _optimizer(groups: list[dict[str, Any]], config: Mapping[str, Any], training: Training) -> torch.optim.Optimizer:
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0)
    options: dict[str, Any] = {"lr": 0.0, "betas": (0.9, 0.999), "eps": training.adam_epsilon}
    if offload_device(config, "optimizer") is not None:
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        return DeepSpeedCPUAdam(groups, adamw_mode=True, **options)
    return torch.optim.AdamW(groups, fused=True, **options)


def _forget_first_step(optimizer: Any) -> None:
    """Undo the step on zero gradients that the half-precision optimizer without ZeRO takes when it is made (0.19.8).

    It moves nothing, but AdamW would count it: the first update would be a quarter too small.
    """
    from deepspeed.runtime.fp16.unfused_optimizer import FP16_UnfusedOptimizer

    if isinstance(optimizer, FP16_UnfusedOptimizer):
        optimizer.optimizer.state.clear()


def _layers_above(name: str, layers: int) -> int:
    found = _LAYER.match(name)
    if found:
        return layers - 1 - int(found.group(1))
    return layers if name.startswith(EMBEDDINGS) else 0


def _fill_offload(config: dict[str, Any], training: Training, folder: Path | None) -> None:
    """Where offloaded state goes, and whether this machine can."""
    if training.optimizer == "sgd" and offload_device(config, "optimizer") is not None:
        config["zero_force_ds_cpu_optimizer"] = False  # DeepSpeed would insist on its own Adam
    if "nvme" not in (offload_device(config, "optimizer"), offload_device(config, "param")):
        return
    if not _has_async_io():
        raise InputError(
            "the DeepSpeed configuration offloads to NVMe, but DeepSpeed's operator async_io cannot be built here",
            "libaio with its header",
            "install libaio (Debian: libaio-dev), or offload to the CPU",
        )
    for part in ("optimizer", "param"):
        section = config["zero_optimization"].get(f"offload_{part}", {})
        if section.get("device") == "nvme" and section.get("nvme_path", "auto") == "auto":
            section["nvme_path"] = str((folder or Path.cwd()) / "nvme")


def _has_async_io() -> bool:
    from deepspeed.ops.op_builder import AsyncIOBuilder

    return bool(AsyncIOBuilder().is_compatible(verbose=False))
