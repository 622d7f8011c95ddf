"""What a study will cost: GPU memory, disk at its peak, tokens and GPU-hours, each with the assumption behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stilts.config import RunSettings
from stilts.deepspeed_config import read_deepspeed_config
from stilts.settings import plain
from stilts.study.disk import GIB, SAVING, Disk, disk_of, shown
from stilts.study.memory import ADAM_MOMENTS, FP32, Memory, Setup, layouts
from stilts.study.model_size import ModelSize, find_model_size
from stilts.study.volume import MEAN_TOKENS, SEQUENCES, Phase, Volumes, recomputed_layers
from stilts.tasks import get_task
from stilts.tasks.text import MLM, PREDICTED

if TYPE_CHECKING:
    from stilts.study.plan import Plan

ASSUMED_TOKENS = 16384  # of a micro-batch, where the run looks for what fits
_WIDTH = {"bf16": 2, "fp16": 2, "fp32": FP32}


@dataclass(frozen=True)
class Cost:
    """The cost of the runs of a plan.

    Attributes:
        size: the encoder; None where `unknown_size` says why it is not known: then memory, disk and hours are not.
        tokens: of the micro-batch that activations are counted for; 0 where nothing is trained.
        longest: tokens of the longest row that a run trains on: the smallest micro-batch.
        memory: one entry for each DeepSpeed layout, the study's own marked.
        phases: kind of run -> tokens and work.
        gpu_hours: kind of run -> hours of one GPU, at launch.tflops.
    """

    size: ModelSize | None
    unknown_size: str
    tokens: int
    longest: int
    memory: tuple[Memory, ...]
    disk: Disk | None
    phases: dict[str, Phase]
    gpu_hours: dict[str, float | None]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def cost_of(plan: Plan, at_once: int | None = None) -> Cost:
    """The cost of a plan. Reads config.json, manifests and file sizes; starts and imports nothing heavy.

    Args:
        at_once: runs that go at the same time; None for `launch.parallel_runs`.
    """
    study, launch = plan.study, plan.study.launch
    size, why = find_model_size(study.model.name, study.model.revision)
    training = [run for run in plan.runs if run.trains_on]
    longest = max((run.training.max_length or 1 for run in training), default=0)
    volumes = Volumes(plan)
    phases = volumes.phases(plan.runs, size)
    phases = {kind: phases[kind] for kind in ("intermediate", "target", "evaluation") if kind in phases}
    memory: list[Memory] = []
    disk, setup = None, None
    if size is not None and training:
        setup = _setup(plan, size, training)
        memory = layouts(setup, read_deepspeed_config(study.deepspeed))
        disk = disk_of(plan, setup, training, volumes, at_once)
    speed = launch.tflops * 1e12 * 3600
    return Cost(
        size=size,
        unknown_size=why,
        tokens=setup.tokens if setup else 0,
        longest=longest,
        memory=tuple(memory),
        disk=disk,
        phases=phases,
        gpu_hours={kind: None if p.flops is None else p.flops / speed for kind, p in phases.items()},
        assumptions=tuple(_assumptions(plan, setup, volumes, phases)),
        warnings=tuple(_warnings(plan, memory, disk, longest)),
    )


def cost_json(plan: Plan, cost: Cost) -> dict[str, Any]:
    """The key `cost` of `stilts plan --json`: bytes, tokens, hours."""
    size, limit = cost.size, plan.study.launch.gpu_memory_gib * GIB
    return {
        "parameters": {"total": size.total, "encoder": size.encoder, "embeddings": size.embeddings} if size else None,
        "unknown_size": cost.unknown_size or None,
        "micro_batch_tokens": cost.tokens,
        "memory": [
            {**plain(m), "name": m.name, "buffers": m.buffers, "total": m.total, "fits": m.total <= limit,
             "fits_tokens": m.tokens_in(limit)}
            for m in cost.memory
        ],
        "disk": {**plain(cost.disk), "peak": cost.disk.peak, "end": cost.disk.end} if cost.disk else None,
        "phases": {
            kind: {"runs": p.runs, "training_tokens": p.training, "scoring_tokens": p.scoring,
                   "gpu_hours": cost.gpu_hours[kind], "unknown_sets": sorted(map(" ".join, p.unknown))}
            for kind, p in cost.phases.items()
        },
        "assumptions": list(cost.assumptions),
        "warnings": list(cost.warnings),
    }  # fmt: skip


def _setup(plan: Plan, size: ModelSize, runs: Sequence[RunSettings]) -> Setup:
    training, launch = plan.study.training, plan.study.launch
    ranks = launch.processes * launch.nodes
    frozen = training.freeze_embeddings
    return Setup(
        size=size,
        trained=size.encoder if frozen else size.total,
        largest_gradient=size.largest_linear if frozen else size.largest,
        width=_WIDTH[training.precision],
        moments=0 if training.optimizer == "sgd" else ADAM_MOMENTS,
        ranks=ranks,
        nodes=launch.nodes,
        tokens=max(_micro_batch(run, ranks) for run in runs),
        recomputed=recomputed_layers(training, size.layers),
        dropout=size.dropout if training.dropout is None else training.dropout,
        logits=PREDICTED * size.vocabulary if any(MLM.name in run.trains_on for run in runs) else 0.0,
    )


def _micro_batch(run: RunSettings, ranks: int) -> int:
    """Tokens of a run's largest micro-batch: the setting, but no more than a rank's share of the batch has."""
    training = run.training
    sequences = max(SEQUENCES.get(get_task(name).format, 1) for name in run.trains_on)
    longest = sequences * (training.max_length or ASSUMED_TOKENS)
    rows = -(-(training.batch_size or 1) // ranks)
    return min(max(training.micro_batch_tokens or ASSUMED_TOKENS, longest), rows * longest)


def _assumptions(plan: Plan, setup: Setup | None, volumes: Volumes, phases: dict[str, Phase]) -> list[str]:
    study = plan.study
    lines = []
    if setup is not None:
        asked = study.training.micro_batch_tokens
        budget = f"{asked:,} (training.micro_batch_tokens)" if asked else f"{ASSUMED_TOKENS:,}; a run takes what fits"
        lines.append(
            f"memory: micro-batches of {setup.tokens:,} tokens, a rank's share of the batch and at most {budget}; "
            "without the CUDA context, NCCL and fragmentation"
        )
    if any(phase.flops for phase in phases.values()):
        lines.append(
            f"hours: {study.launch.tflops:g} TFLOP/s sustained on each GPU (launch.tflops); no run stops early"
        )
    if volumes.assumed:
        means = ", ".join(f"{name} {MEAN_TOKENS[name]}" for name in MEAN_TOKENS if name in volumes.assumed)
        lines.append(f"tokens: {len(volumes.absent)} sets are not prepared: official sizes, and a mean row of {means}")
    unknown: dict[str, int] = {}
    for task, split, _ in sorted(set().union(*(phase.unknown for phase in phases.values()))):
        unknown[f"{task} {split}"] = unknown.get(f"{task} {split}", 0) + 1
    if unknown:
        names = ", ".join(f"{name} ({count} language{'s' * (count > 1)})" for name, count in unknown.items())
        lines.append(f"tokens: not counted, because nobody knows their size before they are prepared: {names}")
    return lines


def _warnings(plan: Plan, memory: Sequence[Memory], disk: Disk | None, longest: int) -> list[str]:
    lines, limit = [], plan.study.launch.gpu_memory_gib * GIB
    own = next((m for m in memory if m.chosen), None)
    searches = plan.study.training.micro_batch_tokens is None
    if own is not None and own.total > limit and not (searches and own.tokens_in(limit) >= longest):
        fitting = [m.name for m in memory if m.total <= limit]
        advice = "ZeRO " + "; or ".join(fitting) + " fits" if fitting else "no layout fits: take more or larger GPUs"
        if own.tokens_in(limit) >= longest:
            advice = f"set training.micro_batch_tokens to {own.tokens_in(limit)} or less, or null"
        lines.append(
            f"ZeRO {own.name} needs {own.total / GIB:.1f} GiB a GPU, and launch.gpu_memory_gib is "
            f"{plan.study.launch.gpu_memory_gib:g}: {advice}"
        )
    if disk is not None and disk.missing:
        more = shown(disk.peak - disk.written)
        lines.append(
            f"the study needs {more} more on the disk of {plan.folder}, and {shown(disk.free)} are free: {SAVING}"
        )
    return lines
