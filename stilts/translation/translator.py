"""A sequence-to-sequence model that translates lists of texts in batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from stilts.errors import InputError, first_line
from stilts.translation.carry import Piece
from stilts.translation.codes import naming_of, target_token
from stilts.translation.settings import TranslationSettings

MORE = 16
"""Tokens that a translation may have beyond `growth` times its piece's."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Translator:
    """Translates from one language into one other at a time.

    Args:
        name: hub id or folder of the model, with its tokenizer.
        source: our code of the language to translate from.
        device: where it runs.

    Raises InputError for a model that is not there or that is none of this kind.
    """

    def __init__(
        self, name: str, revision: str | None, source: str, settings: TranslationSettings, device: torch.device
    ) -> None:
        self.settings, self.source, self.device = settings, source, device
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision)
            model: Any = AutoModelForSeq2SeqLM.from_pretrained(
                name, revision=revision, dtype=DTYPES[settings.precision]
            )
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"no translation model at {name!r} ({first_line(error):.200})",
                "a hub id or a folder with a sequence-to-sequence model and its tokenizer",
                "mend --model or --revision",
            ) from None
        self.model = model.eval().to(device)
        self.commit: str | None = getattr(model.config, "_commit_hash", None)
        self.naming = naming_of(source, self._knows)
        code = self.naming.code(source) if self.naming else None
        if code is not None and hasattr(self.tokenizer, "src_lang"):
            self.tokenizer.src_lang = code
        self._prefix = ""
        self._first: int | None = None
        self.longest = self._limit()
        self.fits = lru_cache(maxsize=100_000)(lambda text: self._length(text) <= self.longest)

    def into(self, language: str) -> None:
        """Translate into this language from now on. Raises InputError for one that the model does not have."""
        naming, token = target_token(self.naming, language, self._knows)
        self._prefix = f"{token} " if naming is not None and not naming.first else ""
        self._first = self.tokenizer.convert_tokens_to_ids(token) if naming is not None and naming.first else None
        self.fits.cache_clear()

    @property
    def one_pair(self) -> bool:
        """Whether the model has one target language, which is not named."""
        return self._first is None and not self._prefix

    @torch.inference_mode()
    def translate(self, texts: Sequence[str], between: Callable[[], None] = lambda: None) -> dict[str, Piece]:
        """The translation of each text; a function of the list alone. `between` is called before each batch."""
        lengths = [self._length(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: (-lengths[i], texts[i]))
        found: dict[str, Piece] = {}
        while order:
            between()
            rows = max(1, self.settings.batch_tokens // lengths[order[0]])
            batch, order = [texts[i] for i in order[:rows]], order[rows:]
            found.update(zip(batch, self._batch(batch), strict=True))
        return found

    def _batch(self, texts: Sequence[str]) -> list[Piece]:
        encoded = self.tokenizer(
            [self._prefix + text for text in texts], return_tensors="pt", padding=True, truncation=True,
            max_length=self.longest,
        ).to(self.device)  # fmt: skip
        inputs = {key: encoded[key] for key in ("input_ids", "attention_mask")}
        most = min(self._positions() - 1, int(self.settings.growth * inputs["input_ids"].shape[1]) + MORE)
        given: dict[str, Any] = {} if self._first is None else {"forced_bos_token_id": self._first}
        if self.settings.beams > 1:
            given["length_penalty"] = self.settings.length_penalty
        made = self.model.generate(
            **inputs, **given, num_beams=self.settings.beams, do_sample=False, max_new_tokens=most
        )
        ends = self.model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        said = [[token for token in row if token != self._first] for row in made.tolist()]
        out = self.tokenizer.batch_decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        # the first token is that which decoding starts from, of some models the end itself
        whole = [bool(ends & set(row[1:])) for row in made.tolist()]
        return [Piece(" ".join(text.split()), not done) for text, done in zip(out, whole, strict=True)]

    def _length(self, text: str) -> int:
        return len(self.tokenizer(self._prefix + text)["input_ids"])

    def _positions(self) -> int:
        config = self.model.config
        return int(getattr(config, "max_position_embeddings", None) or 1024)  # T5 has no limit of its own

    def _limit(self) -> int:
        return min(self.settings.max_tokens, self.tokenizer.model_max_length, self._positions())

    def _knows(self, token: str) -> bool:
        number = self.tokenizer.convert_tokens_to_ids(token)
        return number is not None and number != self.tokenizer.unk_token_id
