"""Memory of one training run by ZeRO stage: model state, activations and DeepSpeed's buffers, in bytes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stilts.deepspeed_config import offload_device, read_deepspeed_config, zero_stage
from stilts.study.model_size import ModelSize

FP32 = 4  # bytes
ALLREDUCE_ELEMENTS = 500_000_000  # DeepSpeed's MEMORY_OPT_ALLREDUCE_SIZE: stage 0 reduces pieces of this size
ADAM_MOMENTS = 8  # bytes a parameter


@dataclass(frozen=True)
class Setup:
    """What every layout of a study shares.

    Attributes:
        size: the encoder.
        trained: parameters that have a gradient.
        largest_gradient: parameters of the largest single module that has one.
        width: bytes of a weight (2 or 4).
        moments: bytes of the optimizer's state a parameter: 8 for AdamW, 0 for plain SGD. Masters are counted apart.
        ranks, nodes: GPUs of a run, over all its nodes.
        tokens: of one micro-batch on one GPU.
        recomputed: layers under gradient checkpointing.
        dropout: of the hidden states.
        logits: over the vocabulary, of one token on average: masked LM has them for the tokens that it predicts.
    """

    size: ModelSize
    trained: int
    largest_gradient: int
    width: int
    moments: int
    ranks: int
    nodes: int
    tokens: int
    recomputed: int
    dropout: float
    logits: float = 0.0


@dataclass(frozen=True)
class Memory:
    """The memory of one layout, in bytes: of one GPU, and `host` of the CPU of one node.

    Attributes:
        state: weights, gradients, optimizer; under stage 3 the largest module gathered whole as well.
        activations: what the forward pass of one micro-batch keeps for the backward pass.
        working: beside these in the backward pass: buckets, gradients in flight, gathered weights.
        step: beside the state in the optimizer's step, when no activation is left.
        token: bytes of `activations` for one token.
        chosen: the study's own layout.
    """

    stage: int
    optimizer_on: str | None
    parameters_on: str | None
    chosen: bool
    state: int
    activations: int
    working: int
    step: int
    host: int
    token: int

    @property
    def buffers(self) -> int:
        """What the peak has beyond state and activations, in the backward pass or in the step."""
        return max(self.working, self.step - self.activations)

    @property
    def total(self) -> int:
        """Of one GPU. Not in it: the CUDA context, NCCL's own buffers and fragmentation."""
        return self.state + self.activations + self.buffers

    def tokens_in(self, limit: float) -> int:
        """Tokens of the largest micro-batch that `limit` bytes hold beside everything else; 0 if nothing fits."""
        return 0 if self.state + self.step > limit else max(0, int(limit - self.state - self.working) // self.token)

    @property
    def name(self) -> str:
        """Such as `3, optimizer on cpu, parameters on cpu`."""
        places = {"optimizer": self.optimizer_on, "parameters": self.parameters_on}
        return ", ".join([str(self.stage), *(f"{what} on {place}" for what, place in places.items() if place)])


def layouts(setup: Setup, own: Mapping[str, Any]) -> list[Memory]:
    """The study's DeepSpeed configuration `own`, marked, among those of `ds_configs/`."""
    both = read_deepspeed_config({"config": "zero3_offload"})
    only_optimizer = copy.deepcopy(both)
    only_optimizer["zero_optimization"].pop("offload_param", None)
    shipped = [read_deepspeed_config({"config": f"zero{name}"}) for name in ("0", "1", "2", "2_offload", "3")]
    found = {_kind(config): memory_of(setup, config) for config in [*shipped, only_optimizer, both]}
    found[_kind(own)] = memory_of(setup, own, chosen=True)
    return [found[kind] for kind in sorted(found, key=lambda kind: (kind[0], kind[1] or "", kind[2] or ""))]


def memory_of(setup: Setup, config: Mapping[str, Any], chosen: bool = False) -> Memory:
    """The memory under one DeepSpeed configuration."""
    stage, optimizer, parameters = _kind(config)
    token = activation_bytes(setup)
    working, step = _buffers(setup, stage, config["zero_optimization"], optimizer is not None)
    return Memory(
        stage=stage,
        optimizer_on=optimizer,
        parameters_on=parameters,
        chosen=chosen,
        state=state_bytes(setup, stage, optimizer is not None, parameters is not None),
        activations=setup.tokens * token,
        working=working,
        step=step,
        host=host_bytes(setup, stage, optimizer, parameters),
        token=token,
    )


def state_bytes(setup: Setup, stage: int, optimizer_off: bool = False, parameters_off: bool = False) -> int:
    """Model state of one GPU, in bytes. W weights and T of them trained, N ranks, in 16 bits with AdamW:

    stage 0: 2W + 2T + 12T. Gradients are summed in the model's precision.
    stage 1: 2W + 4T + (4 + 12)T/N. Every rank sums whole fp32 gradients (`param.grad_accum`) until the step's last
        micro-batch, and then holds its partition of their mean as well (`averaged_gradients`).
    stage 2: 2W + (4 + 12)T/N
    stage 3: (2W + (4 + 12)T)/N + the largest module gathered whole, weights and gradients.
    An offloaded optimizer takes its 12T/N and the gradient partition with it, offloaded parameters 2W/N.

    12 is the fp32 master, 4, and Adam's moments, 8. In fp32 a weight and a gradient are 4 bytes, stages 0 and 3 need
    no master, and stage 1's mean is a view of the sums. Sources: deepspeed 0.19.8, `runtime/zero/stage_1_and_2.py`,
    `stage3.py` and `runtime/fp16/unfused_optimizer.py`. Measured on 2 ranks, stages 1 / 2 / 3: 14.0 / 10.2 / 9.1 bytes
    a parameter; here 14 / 10 / 9. Stage 3 is DeepSpeed's own `estimate_zero3_model_states_mem_needs`.
    """
    width, trained, ranks = setup.width, setup.trained, setup.ranks
    weights = width * setup.size.total
    half = width < FP32
    if stage == 0:
        return weights + trained * (width + (FP32 if half else 0) + setup.moments)
    if stage == 3:
        master = 0 if not half else FP32
        part = 0 if optimizer_off else trained * (FP32 + master + setup.moments)
        whole = width * (setup.size.largest + setup.largest_gradient)
        return (part + (0 if parameters_off else weights)) // ranks + whole
    summed = FP32 if stage == 2 or half else 0
    part = 0 if optimizer_off else trained * (summed + FP32 + setup.moments) // ranks
    return weights + part + (FP32 * trained if stage == 1 else 0)


def host_bytes(setup: Setup, stage: int, optimizer: str | None, parameters: str | None) -> int:
    """CPU memory of one node for what is offloaded, in bytes; all ranks of the node together.

    Optimizer on the CPU: master, moments and fp32 gradient, and the updated weights in the model's precision (stages 1
    and 2) or fp32 sums of gradients (stage 3). On NVMe only the sums stay. Parameters on the CPU: their partitions.
    DeepSpeed's estimators count 16 and 2 bytes a parameter for the two, and half as much again for their buffers.
    """
    if stage == 0:
        return 0
    own = 0
    if optimizer == "cpu":
        own = setup.trained * (FP32 + setup.moments + FP32 + (FP32 if stage == 3 else setup.width))
    elif optimizer is not None:
        own = setup.trained * FP32
    if stage == 3 and parameters == "cpu":
        own += setup.width * setup.size.total
    return own // setup.nodes


def activation_bytes(setup: Setup) -> int:
    """What the forward pass keeps for the backward pass, in bytes for one token of a packed stream.

    A layer of width h and inner width m keeps, in the model's precision: its input, query, key, value, the attention's
    output, and the input of the second LayerNorm and of the first feed-forward matrix with that of the other LayerNorm
    (8h); input and output of the GELU (2m). Besides: one byte a dropout mask (after the attention and the feed-forward
    part; XL and XXL only have the first), fp32 mean and deviation of two LayerNorms (16), and the attention's fp32
    log-sum for each head; the flash kernel keeps no scores. With m = 4h in 16 bits these are the 34h of Korthikanti et
    al. 2022 (arXiv 2205.05198, eq. 1 without scores). A checkpointed layer keeps its input; one is whole at a time.
    Outside the layers: input and output of the last or first LayerNorm and one dropout mask. Masked LM's logits and
    their gradient are counted as kept, since the gradient comes while all activations are there.
    """
    size, width = setup.size, setup.width
    mask = size.hidden if setup.dropout else 0
    layer = width * (8 * size.hidden + 2 * size.intermediate) + 16 + 4 * size.heads
    layer += mask if size.pre_norm else 2 * mask
    kept = size.layers - setup.recomputed
    layers = kept * layer + (setup.recomputed * width * size.hidden + layer if setup.recomputed else 0)
    return layers + 2 * width * size.hidden + 8 + mask + round(2 * width * setup.logits)


def _buffers(setup: Setup, stage: int, zero: Mapping[str, Any], optimizer_off: bool) -> tuple[int, int]:
    """`working` and `step` of a layout, in bytes.

    Backward: the buckets that gradients are reduced in (two with `overlap_comm`; fp32 under stage 1, allocated whole),
    the largest gradient in flight before it is reduced, under stage 3 the weights that stay gathered. DeepSpeed's
    estimator of stage 2 counts 2W/N for 16-bit gradients; here they are these buckets, freed one by one. Stages 1 and 2
    with an offloaded optimizer sum their fp32 gradient partition on the GPU. `allgather_bucket_size` takes no memory:
    weights are gathered in place. Step: an fp32 copy of the gradients (stage 0), or of the partition (stage 3, fp32).
    """
    width, trained, ranks = setup.width, setup.trained, setup.ranks
    partition = FP32 * trained // ranks
    if stage == 0:
        reduced = width * min(ALLREDUCE_ELEMENTS, trained) if ranks > 1 else 0
        return reduced, FP32 * trained if width < FP32 else 0
    bucket = _elements(zero, "reduce_bucket_size", 500_000_000)
    if stage == 3:
        live = min(setup.size.total, _elements(zero, "stage3_max_live_parameters", 1_000_000_000))
        group = FP32 * min(trained // ranks, _elements(zero, "sub_group_size", 1_000_000_000))
        return width * (bucket + max(0, live - setup.size.largest)), 0 if optimizer_off else group
    copies = 2 if zero.get("overlap_comm") else 1
    working = copies * bucket * (FP32 if stage == 1 else width) + width * setup.largest_gradient
    working += partition if optimizer_off and width < FP32 else 0
    return working, 0 if optimizer_off or width < FP32 else partition


def _kind(config: Mapping[str, Any]) -> tuple[int, str | None, str | None]:
    """ZeRO stage, and where the optimizer and the parameters go: stage 0 offloads nothing, 1 and 2 no parameters."""
    stage = zero_stage(config)
    optimizer = offload_device(config, "optimizer") if stage else None
    return stage, optimizer, offload_device(config, "param") if stage == 3 else None


def _elements(zero: Mapping[str, Any], key: str, default: int) -> int:
    value = zero.get(key, default)
    return int(value) if isinstance(value, (int, float)) else default  # "auto" is for other trainers
