"""The sample's encoder: a tiny XLM-R for masked LM, with random weights or with those of its pretraining."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stilts.sample.tokenizer import POSITIONS

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

HIDDEN, LAYERS, HEADS = 128, 3, 4
INITIALIZER_RANGE = 0.05
"""Wider than XLM-R's 0.02: so small a model learns in far fewer steps."""


def write_random_model(folder: Path, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Write config, safetensors and tokenizer in the Hugging Face layout, LM head included; the weights are random."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=POSITIONS,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        initializer_range=INITIALIZER_RANGE,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = XLMRobertaForMaskedLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_with_weights(
    folder: Path, random: Path, encoder: Mapping[str, torch.Tensor], lm_head: Mapping[str, torch.Tensor]
) -> None:
    """The model at `random` with other weights, as a published masked LM.

    Args:
        encoder: named as in the encoder by itself.
        lm_head: named as in `XLMRobertaLMHead`, without the decoder, which is the word embeddings.

    Raises ValueError where a weight is missing or left over.
    """
    from transformers import AutoTokenizer, XLMRobertaForMaskedLM

    model = XLMRobertaForMaskedLM.from_pretrained(random)
    weights = {f"roberta.{name}": value for name, value in encoder.items()}
    weights |= {f"lm_head.{name}": value for name, value in lm_head.items()}
    names = (name for name, _ in model.named_parameters(remove_duplicate=False))
    own = {name for name in names if not name.startswith("lm_head.decoder.")}  # it is tied to what is given
    given = set(weights) - {name for name, _ in model.named_buffers()}
    if given != own:
        raise ValueError(f"weights differ from the model's in {sorted(own ^ given)}")
    model.load_state_dict(weights, strict=False)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(random).save_pretrained(folder)
