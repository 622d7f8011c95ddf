"""Loads a published or exported encoder, whole or already partitioned (ZeRO-3), and runs it on packed batches."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from stilts.errors import InputError, first_line
from stilts.formats.batch import Batch
from stilts.model import attention
from stilts.model.dropout import replace_dropout

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
PACKED_TYPES = ("bert", "roberta", "xlm-roberta", "xlm-roberta-xl")
"""`model_type` of the architectures that take a packed stream; any other computes padding."""
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")


def load_encoder(
    name: str, revision: str | None, dtype: torch.dtype, dropout: float | None, checkpointing: bool | int
) -> PreTrainedModel:
    """The encoder at `name` (hub id or folder) without a pooler, in training mode.

    Under an active `HfDeepSpeedConfig` of stage 3, transformers loads every weight already partitioned.

    Args:
        dropout: replaces every dropout probability of the architecture, unless None.
        checkpointing: recompute the activations of all layers (True) or of the first so many.
    """
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
        if dropout is not None:
            for key in _DROPOUTS:
                if hasattr(config, key):
                    setattr(config, key, dropout)
        # An unused pooler would have no gradient, and published XLM-R weights have none.
        kwargs: dict[str, Any] = {"add_pooling_layer": False} if _has_pooler(config) else {}
        if takes_packed(config):
            kwargs["attn_implementation"] = attention.NAME
        encoder, loaded = AutoModel.from_pretrained(
            name, revision=revision, config=config, dtype=dtype, output_loading_info=True, **kwargs
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"model.name {name!r} cannot be loaded ({first_line(error)})",
            "a hub id or a Hugging Face folder",
            "change model.name",
        ) from None
    if loaded["missing_keys"] or loaded["mismatched_keys"]:
        wrong = sorted(str(key) for key in [*loaded["missing_keys"], *loaded["mismatched_keys"]])
        raise InputError(
            f"the weights of model.name {name!r} lack {len(wrong)} of the encoder's, such as {wrong[0]}",
            "every weight of the architecture that its config.json names",
            "change model.name",
        )
    replace_dropout(encoder)
    checkpoint_layers(encoder, checkpointing)
    encoder.train()
    return encoder


def takes_packed(config: Any) -> bool:
    """Whether encoders of this configuration run on packed streams, without padding."""
    return config.model_type in PACKED_TYPES


def encode(encoder: PreTrainedModel, batch: Batch, layer: int | None = None) -> torch.Tensor:
    """Hidden states of every token of a packed batch, (tokens, hidden).

    Args:
        layer: which hidden state (0 = embeddings); default the last layer's output.
    """
    run = _packed if takes_packed(encoder.config) else _padded
    return run(encoder, batch, layer)


def spare_tokens(tokens: int) -> int:
    """Tokens that a stream in bf16 on a CPU gets beyond its own, so that its length recurs: at most 1.6 %.

    There oneDNN makes its kernels anew for each new length of a stream, a twentieth of a step of 800 tokens.
    """
    unit = 1 << max(tokens // 64, 1).bit_length() - 1
    return -tokens % unit


def checkpoint_layers(encoder: PreTrainedModel, layers: bool | int) -> None:
    """Recompute activations in the backward pass: of all layers (True) or of the first so many."""
    if not layers:
        return
    encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    marked = [module for module in encoder.modules() if getattr(module, "gradient_checkpointing", None) is True]
    blocks = [module for module in marked if module is not encoder and not hasattr(module, "layer")]
    if layers is not True:
        for block in blocks[int(layers) :]:
            setattr(block, "gradient_checkpointing", False)  # noqa: B010  (a plain bool, which nn.Module hides)


def dropout_of(encoder: PreTrainedModel) -> float:
    """The dropout a head on this encoder uses: the classifier's own, or the hidden states'."""
    config = encoder.config
    own = getattr(config, "classifier_dropout", None)
    return float(own if own is not None else getattr(config, "hidden_dropout_prob", 0.1))


def _packed(encoder: PreTrainedModel, batch: Batch, layer: int | None) -> torch.Tensor:
    rounded = not batch.weight.is_cuda and encoder.dtype == torch.bfloat16
    spare = spare_tokens(batch.tokens) if rounded else 0
    inputs = {name: pad(tensor, (0, spare))[None] for name, tensor in batch.inputs.items()}
    position_ids = inputs.pop("places") + _first_position(encoder)
    hidden = _hidden(encoder, layer, **inputs, position_ids=position_ids, packing=batch.packing)
    return hidden[0, : batch.tokens]


def _padded(encoder: PreTrainedModel, batch: Batch, layer: int | None) -> torch.Tensor:
    """For architectures with an attention of their own (DeBERTa); batches are formed of rows of like length."""
    index, mask = batch.packing.padded()
    inputs = {name: tensor[index] for name, tensor in batch.inputs.items() if name != "places"}
    inputs["input_ids"] = inputs["input_ids"].masked_fill(~mask, encoder.config.pad_token_id or 0)
    return _hidden(encoder, layer, **inputs, attention_mask=mask.long())[mask]


def _hidden(encoder: PreTrainedModel, layer: int | None, **inputs: Any) -> torch.Tensor:
    if layer is None:
        last: torch.Tensor = encoder(**inputs).last_hidden_state
        return last
    chosen: torch.Tensor = encoder(**inputs, output_hidden_states=True).hidden_states[layer]
    return chosen


def _first_position(encoder: PreTrainedModel) -> int:
    """RoBERTa's family counts positions from the padding id + 1, BERT from 0."""
    embeddings = encoder.embeddings
    counts_from_padding = hasattr(embeddings, "create_position_ids_from_input_ids")
    return int(encoder.config.pad_token_id) + 1 if counts_from_padding else 0


def _has_pooler(config: Any) -> bool:
    """Whether this architecture's class takes `add_pooling_layer`."""
    found: Any = MODEL_MAPPING[type(config)]
    model: type = found[0] if isinstance(found, tuple) else found
    return "add_pooling_layer" in inspect.signature(model).parameters
