"""What `stilts translate` may be told, and which of it decides the translations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from stilts.errors import InputError
from stilts.settings import overridden, plain, read, setting
from stilts.translation.markers import KINDS

_NO_RESULT = ("processes", "stop_grace")


@dataclass(frozen=True)
class TranslationSettings:
    """Settings beside task, languages and model; `key=value` on the command line."""

    limit: int | None = setting(None, "translate the first N rows", minimum=1)
    beams: int = setting(1, "beams of the search; 1 is greedy", minimum=1)
    length_penalty: float = setting(1.0, "exponent of the length that beams are divided by")
    markers: str = setting(
        "brackets", "what marks an answer in its context; another kind where the text holds these", choices=tuple(KINDS)
    )
    fallback: bool = setting(
        False, "an answer whose markers are lost: take its own translation if the context's holds that exactly once"
    )
    sentences: bool = setting(True, "translate sentence by sentence; false translates whole texts")
    max_tokens: int = setting(256, "longest piece in source tokens; longer ones are cut at a space", minimum=8)
    growth: float = setting(3.0, "tokens of a translation, at most, for each of its piece (and 16 more)", minimum=1)
    precision: str = setting("fp32", "of the model: fp32, bf16 or fp16 (on a GPU)", choices=("fp32", "bf16", "fp16"))
    batch_tokens: int = setting(4096, "source tokens of a batch, with padding", minimum=1)
    shard_rows: int = setting(256, "rows that are committed together", minimum=1)
    processes: int | None = setting(
        None, "ranks on this machine; default its GPUs, or 1. Under a launcher or srun that decides", minimum=1
    )
    stop_grace: float = setting(60.0, "seconds that ranks have to end after a signal", minimum=1)


def read_settings(overrides: Sequence[str]) -> TranslationSettings:
    """The settings of `key=value` words. Raises InputError naming the key that is wrong."""
    return read(TranslationSettings, overridden({}, overrides, "the command line"), "")


def decisive(settings: TranslationSettings) -> dict[str, Any]:
    """The settings that can change a translation: batches do, by rounding, and shards, which batches are cut from."""
    return {key: value for key, value in plain(settings).items() if key not in _NO_RESULT}


def settings_hash(facts: dict[str, Any]) -> str:
    """Twelve hex digits of all that decides the translations."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def described() -> str:
    """The settings for the command's help, a line each."""
    return "\n".join(f"{field.name}: {field.metadata['doc']}" for field in fields(TranslationSettings))


def parse_languages(text: str, source: str) -> list[str]:
    """The codes in `de,sw`. Raises InputError for one that does not exist, that comes twice, or that is the source."""
    from stilts.tasks import check_language

    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes:
        raise InputError("--to names no language", "codes with commas", "write for example --to de,sw")
    for index, code in enumerate(codes):
        check_language(code, where="--to")
        if code == source or code in codes[:index]:
            found = "the language of the training set" if code == source else "there twice"
            raise InputError(f"language {code!r} of --to is {found}", "other languages, each once", "remove it")
    return codes
