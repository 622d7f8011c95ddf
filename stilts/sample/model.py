"""The sample's encoder: a tiny XLM-R with random weights and a tokenizer trained on the sample's text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = 1500
HIDDEN, LAYERS, HEADS, POSITIONS = 64, 2, 4, 514
INITIALIZER_RANGE = 0.05
"""Wider than XLM-R's 0.02: with 64 dimensions and no pre-training, the tiny model learns in far fewer steps."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""Ids 0 to 3, as in XLM-R; <mask> is the last id, also as in XLM-R."""


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """A BPE tokenizer with XLM-R's white-space marks, special tokens and templates.

    XLM-R's own is a Unigram model; the Unigram trainer of `tokenizers` gives other scores at every call (it sums in
    hash order), the BPE trainer gives the same merges.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        # The last step keeps "Toriburg" and "?" apart, so that an answer can end before the question mark.
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated")]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def write_model(folder: Path, texts: Sequence[str], seed: int) -> None:
    """Write config, safetensors and tokenizer in the Hugging Face layout; the same texts and seed give the same bytes.

    Args:
        folder: made if need be.
        texts: what the tokenizer is trained on.
        seed: of the weights.
    """
    import torch
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(texts),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=POSITIONS - 2,
        model_input_names=["input_ids", "attention_mask"],
    )
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
