"""The LM head that an encoder was pre-trained with, continued: masked LM starts where pre-training stopped.

Names and arithmetic are those of transformers' `BertLMPredictionHead` and `XLMRobertaLMHead` (5.23). Its own classes
would allocate a decoder of vocabulary x hidden; here the word embeddings are the decoder, not a copy of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertPredictionHeadTransform

from stilts.errors import InputError
from stilts.model.published import Checkpoint


class LmHead(nn.Module):
    """Hidden states (outputs, hidden) to logits over the vocabulary (outputs, vocabulary).

    The word embeddings' weight is used and not owned: it is no parameter of this module, appears in its state by no
    name, and gets the gradients of both uses. Under ZeRO-3 it is registered as an external parameter, so that
    DeepSpeed gathers it around this module too.

    Args:
        encoder: a BERT or RoBERTa-like encoder, whole or partitioned.
    """

    prefix = "lm_head."
    """What the names of its parameters begin with in a published checkpoint."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        words = encoder.get_input_embeddings()
        assert isinstance(words, nn.Embedding)
        self._embeddings = (words,)  # a tuple hides the module from this one's parameters
        if hasattr(self.decoder, "ds_id"):
            import deepspeed

            deepspeed.zero.register_external_parameter(self, self.decoder)

    @property
    def decoder(self) -> torch.Tensor:
        """The weight of the word embeddings, (vocabulary, hidden)."""
        return self._embeddings[0].weight

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of every given hidden state."""
        return F.linear(self.transformed(hidden), self.decoder, self.bias)

    @abstractmethod
    def transformed(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the decoder multiplies, (outputs, hidden)."""


class BertLmHead(LmHead):
    """`cls.predictions` of BERT: its activation is the encoder's."""

    prefix = "cls.predictions."

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__(encoder)
        self.transform = BertPredictionHeadTransform(encoder.config)

    def transformed(self, hidden: torch.Tensor) -> torch.Tensor:
        """Dense layer, activation, LayerNorm."""
        out: torch.Tensor = self.transform(hidden)
        return out


class RobertaLmHead(LmHead):
    """`lm_head` of RoBERTa, XLM-R and XLM-R-XL: always GELU."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__(encoder)
        config = encoder.config
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def transformed(self, hidden: torch.Tensor) -> torch.Tensor:
        """Dense layer, GELU, LayerNorm."""
        out: torch.Tensor = self.layer_norm(F.gelu(self.dense(hidden)))
        return out


_CLASSES: dict[str, type[BertLmHead] | type[RobertaLmHead]] = {
    "bert": BertLmHead,
    "roberta": RobertaLmHead,
    "xlm-roberta": RobertaLmHead,
    "xlm-roberta-xl": RobertaLmHead,
}


def lm_head(encoder: PreTrainedModel) -> LmHead:
    """The LM head of the encoder's architecture, not yet with its weights (`lm_head_weights`).

    Raises InputError for an architecture whose head is not known here, or that does not tie it to the embeddings.
    """
    config = encoder.config
    if config.model_type not in _CLASSES or not getattr(config, "tie_word_embeddings", True):
        found = "an LM head that is not tied to its embeddings" if config.model_type in _CLASSES else config.model_type
        raise InputError(
            f"masked LM cannot go on with the model: it is {found}",
            f"one of {', '.join(_CLASSES)}, with tied embeddings",
            "change model.name, or remove mlm from the recipe",
        )
    return _CLASSES[config.model_type](encoder)


def lm_head_weights(
    head: LmHead, name: str, revision: str | None, exported: Path, task: str
) -> dict[str, torch.Tensor]:
    """fp32 start values of the head's parameters, by name.

    From `exported`, the heads that an earlier run wrote beside its encoder, else from the published checkpoint.

    Args:
        name, revision: the encoder's, as `load_encoder` takes them.
        task: the head's name in `exported`.

    Raises:
        InputError: there is no LM head, or one of another size.
    """
    if exported.is_file():
        source, prefix = str(exported), f"{task}."
        from safetensors.torch import load_file

        stored = load_file(str(exported))
        keys, read = set(stored), stored.__getitem__
    else:
        checkpoint = Checkpoint(name, revision)
        source, prefix, keys, read = f"model.name {name!r}", head.prefix, checkpoint.keys(), checkpoint.read
    values = {}
    for key, parameter in head.named_parameters():
        found = next((prefix + alias for alias in _aliases(key) if prefix + alias in keys), None)
        if found is None:
            raise InputError(
                f"{source} has no LM head (no weight {prefix}{key})",
                "the head that its pre-training ended with, as in a checkpoint for AutoModelForMaskedLM",
                "choose such a model, or remove mlm from the recipe",
            )
        values[key] = read(found)
        wanted = tuple(getattr(parameter, "ds_shape", parameter.shape))
        if tuple(values[key].shape) != wanted:
            raise InputError(
                f"{found} of {source} has the shape {tuple(values[key].shape)}",
                f"{wanted}, as in its config.json",
                "change model.name, or remove mlm from the recipe",
            )
    return values


def _aliases(key: str) -> Iterator[str]:
    """The names that published checkpoints give a parameter; transformers renames the old ones as it loads them."""
    yield key
    if key == "bias":
        yield "decoder.bias"
    elif key.startswith("transform.LayerNorm."):  # BERT's checkpoints from TensorFlow
        yield key.replace("weight", "gamma").replace("bias", "beta")
