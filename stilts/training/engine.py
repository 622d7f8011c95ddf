"""Turns a model and a run's settings into a DeepSpeed engine."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stilts.config import Training
from stilts.data.batches import accumulation_steps
from stilts.deepspeed_config import zero_stage
from stilts.distributed import World
from stilts.errors import InputError
from stilts.model.weights import remember_masters

LARGEST_MICRO_BATCH = 32  # rows, where training.micro_batch_size does not say


def micro_batch_size(training: Training, ranks: int) -> int:
    """Rows one rank runs at a time: the setting, or an even share of the batch up to 32."""
    assert training.batch_size is not None
    return training.micro_batch_size or min(-(-training.batch_size // ranks), LARGEST_MICRO_BATCH)


def fill_auto(config: dict[str, Any], training: Training, world: World) -> dict[str, Any]:
    """Replace every "auto" by what the run decides; a value that is set otherwise and contradicts is an InputError."""
    if training.precision == "fp16" and world.device.type == "cpu":
        raise InputError(
            "training.precision is fp16 on a CPU", "bf16 or fp32 without a GPU", "set training.precision=bf16"
        )
    assert training.batch_size is not None
    micro = micro_batch_size(training, world.size)
    stage = zero_stage(config)
    # DeepSpeed accumulates in the model's dtype without ZeRO (anything else: NotImplementedError)
    accumulate_in = training.precision if stage == 0 else "fp32"
    decided: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": micro,
        "gradient_accumulation_steps": accumulation_steps(training.batch_size, micro, world.size),
        "gradient_clipping": training.max_grad_norm,
        "bf16.enabled": training.precision == "bf16",
        "fp16.enabled": training.precision == "fp16",
        "data_types.grad_accum_dtype": accumulate_in,
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
    config.pop("train_batch_size", None)  # follows from the two above; empty slots may make it larger than the batch
    return config


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """AdamW groups: no decay on biases and normalisation weights (1-dimensional parameters)."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in module.parameters():
        if parameter.requires_grad:
            shape = getattr(parameter, "ds_shape", parameter.shape)
            groups[len(shape) > 1].append(parameter)
    return [
        {"params": groups[True], "weight_decay": weight_decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]


def build_engine(module: nn.Module, config: dict[str, Any], training: Training, world: World) -> Any:
    """A DeepSpeed engine that trains `module` with AdamW."""
    import deepspeed

    groups = parameter_groups(module, training.weight_decay or 0.0)
    options: dict[str, Any] = {"lr": 0.0, "betas": (0.9, 0.999), "eps": training.adam_epsilon}
    offload = config["zero_optimization"].get("offload_optimizer", {}).get("device", "none")
    optimizer: torch.optim.Optimizer
    if offload != "none":
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        optimizer = DeepSpeedCPUAdam(groups, adamw_mode=True, **options)
    else:
        optimizer = torch.optim.AdamW(groups, fused=True, **options)
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config, dist_init_required=False)
    remember_masters(engine.optimizer)
    return engine


def set_learning_rate(engine: Any, rate: float) -> None:
    """The rate of the next optimizer step, in every group."""
    for group in engine.optimizer.param_groups:
        group["lr"] = rate
