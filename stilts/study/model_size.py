"""How large an encoder is, from its config.json or a table of published ones: no torch, no weights."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRE_NORM = "xlm-roberta-xl"
ARCHITECTURES = ("bert", "camembert", "roberta", "xlm-roberta", PRE_NORM)
"""`model_type` of the encoders whose parameters are counted here."""

_KEYS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocabulary": "vocab_size",
    "positions": "max_position_embeddings",
    "types": "type_vocab_size",
}


@dataclass(frozen=True)
class ModelSize:
    """The shape of an encoder without a pooler, and its parameters.

    Source: transformers 5.23, `modeling_bert.py`, `modeling_xlm_roberta.py` and `modeling_xlm_roberta_xl.py`.

    Attributes:
        model_type: one of ARCHITECTURES.
        layers, hidden, heads, intermediate: of the encoder.
        vocabulary, positions, types: rows of the three embedding tables.
        dropout: `hidden_dropout_prob`.
    """

    model_type: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int = 514
    types: int = 1
    dropout: float = 0.1

    @property
    def pre_norm(self) -> bool:
        """XL and XXL normalise before attention and feed-forward, and once more after the last layer."""
        return self.model_type == PRE_NORM

    @property
    def embeddings(self) -> int:
        """Parameters of the three tables, and of their LayerNorm, which XL and XXL do not have."""
        rows = self.vocabulary + self.positions + self.types
        return rows * self.hidden + (0 if self.pre_norm else 2 * self.hidden)

    @property
    def encoder(self) -> int:
        """Parameters of all layers: query, key, value, output, two feed-forward matrices, two LayerNorms each."""
        hidden, inner = self.hidden, self.intermediate
        attention = 4 * (hidden * hidden + hidden)
        feed_forward = (hidden * inner + inner) + (inner * hidden + hidden)
        layer = attention + feed_forward + 2 * 2 * hidden
        return self.layers * layer + (2 * hidden if self.pre_norm else 0)

    @property
    def total(self) -> int:
        """All parameters."""
        return self.embeddings + self.encoder

    @property
    def largest_linear(self) -> int:
        """Parameters of the largest module of a layer."""
        return self.hidden * self.intermediate + max(self.hidden, self.intermediate)

    @property
    def largest(self) -> int:
        """Parameters of the largest single module, which ZeRO-3 gathers whole: mostly the word embeddings."""
        return max(self.vocabulary * self.hidden, self.positions * self.hidden, self.largest_linear)


# The config.json of each on the hub.
PUBLISHED: dict[str, ModelSize] = {
    "FacebookAI/xlm-roberta-base": ModelSize("xlm-roberta", 12, 768, 12, 3072, 250002),
    "FacebookAI/xlm-roberta-large": ModelSize("xlm-roberta", 24, 1024, 16, 4096, 250002),
    "facebook/xlm-roberta-xl": ModelSize(PRE_NORM, 36, 2560, 32, 10240, 250880),
    "facebook/xlm-roberta-xxl": ModelSize(PRE_NORM, 48, 4096, 32, 16384, 250880),
}


def find_model_size(name: str, revision: str | None = None) -> tuple[ModelSize | None, str]:
    """The size of a folder, a published model, or a hub model whose config.json is in the Hugging Face cache.

    Where it cannot be known: None, and one line that says why and what to do.
    """
    folder = Path(name)
    if folder.is_dir():
        return _read(folder / "config.json")
    for known, size in PUBLISHED.items():
        if name in (known, known.removeprefix("FacebookAI/")):
            return size, ""
    for path in _cached(name, revision):
        return _read(path)
    return None, (
        f"the size of {name} is not known: it is no folder, and the Hugging Face cache has no config.json of it; make "
        f"the folder, or run `hf download {name} config.json`"
    )


def size_of_config(config: Mapping[str, Any]) -> ModelSize:
    """The size of a config.json. Raises ValueError for another architecture, KeyError for a key that is absent."""
    kind = config["model_type"]
    if kind not in ARCHITECTURES:
        raise ValueError(f"model_type {kind!r} is none of {', '.join(ARCHITECTURES)}")
    values = {ours: int(config[theirs]) for ours, theirs in _KEYS.items()}
    return ModelSize(model_type=kind, **values, dropout=float(config.get("hidden_dropout_prob", 0.1)))


def _read(path: Path) -> tuple[ModelSize | None, str]:
    try:
        return size_of_config(json.loads(path.read_text(encoding="utf-8"))), ""
    except KeyError as error:
        why = f"it has no {error.args[0]}"
    except (OSError, TypeError, ValueError) as error:  # absent, no JSON, or an architecture that is not counted here
        why = str(error)
    return None, f"the size of the model is not known from {path}: {why}"


def _cached(name: str, revision: str | None) -> Iterator[Path]:
    """config.json files of a hub model in the local cache, the asked-for or main revision first."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{name.replace('/', '--')}"
    reference = cache / "refs" / (revision or "main")
    commits = [reference.read_text(encoding="utf-8").strip()] if reference.is_file() else []
    paths = [cache / "snapshots" / commit / "config.json" for commit in [*commits, revision or ""] if commit]
    yield from (path for path in [*paths, *sorted(cache.glob("snapshots/*/config.json"))] if path.is_file())
