"""Loads a published or exported encoder, whole or already partitioned (ZeRO-3)."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from stilts.errors import InputError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")


def load_encoder(
    name: str, revision: str | None, dtype: torch.dtype, dropout: float | None, checkpointing: bool
) -> PreTrainedModel:
    """The encoder at `name` (hub id or folder) without a pooler, in training mode.

    Under an active `HfDeepSpeedConfig` of stage 3, transformers loads every weight already partitioned.
    """
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
        if dropout is not None:
            for key in _DROPOUTS:
                if hasattr(config, key):
                    setattr(config, key, dropout)
        # An unused pooler would have no gradient, and published XLM-R weights have none.
        kwargs: dict[str, Any] = {"add_pooling_layer": False} if _has_pooler(config) else {}
        encoder, loaded = AutoModel.from_pretrained(
            name, revision=revision, config=config, dtype=dtype, output_loading_info=True, **kwargs
        )
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[0]
        raise InputError(
            f"model.name {name!r} cannot be loaded ({line})", "a hub id or a Hugging Face folder", "change model.name"
        ) from None
    if loaded["missing_keys"] or loaded["mismatched_keys"]:
        wrong = sorted(str(key) for key in [*loaded["missing_keys"], *loaded["mismatched_keys"]])
        raise InputError(
            f"the weights of model.name {name!r} lack {len(wrong)} of the encoder's, such as {wrong[0]}",
            "every weight of the architecture that its config.json names",
            "change model.name",
        )
    if checkpointing:
        encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    encoder.train()
    return encoder


def dropout_of(encoder: PreTrainedModel) -> float:
    """The dropout a head on this encoder uses: the classifier's own, or the hidden states'."""
    config = encoder.config
    own = getattr(config, "classifier_dropout", None)
    return float(own if own is not None else getattr(config, "hidden_dropout_prob", 0.1))


def _has_pooler(config: Any) -> bool:
    """Whether this architecture's class takes `add_pooling_layer`."""
    found: Any = MODEL_MAPPING[type(config)]
    model: type = found[0] if isinstance(found, tuple) else found
    return "add_pooling_layer" in inspect.signature(model).parameters
