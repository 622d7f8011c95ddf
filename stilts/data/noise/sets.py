"""Noisy copies of evaluation sets, and what the noise did to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilts.data.noise.dictionary import read_dictionary
from stilts.data.noise.examples import NoisyExamples
from stilts.data.noise.kinds import Noise
from stilts.data.noise.measure import changed_subwords
from stilts.errors import InputError
from stilts.tasks.examples import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from stilts.data.specs import SetSpec


def made_noisy(
    examples: Sequence[Example], noise: Noise, language: str, tokenizer: PreTrainedTokenizerBase
) -> tuple[list[Example], dict[str, Any]]:
    """The examples with noisy inputs, and for the manifest what was done.

    Returns:
        The examples, and `units` (of which the level is a share), `edits`, `rate` (edits / units, the realised level),
        `changed_examples` (share of the examples) and `changed_subwords` (share of the noisy texts' subwords).

    Raises InputError for a dictionary that cannot be read.
    """
    dictionary = read_dictionary(Path(noise.dictionary)) if noise.dictionary else None
    noisy = NoisyExamples(noise, language, dictionary)
    made, tally = noisy.of(examples), noisy.tally
    changed, subwords = changed_subwords(tokenizer, tally.texts)
    return made, {
        "units": tally.units,
        "edits": tally.edits,
        "rate": tally.edits / max(1, tally.units),
        "changed_examples": tally.changed / len(examples),
        "changed_subwords": changed / max(1, subwords),
    }


def refuse_unchanged(spec: SetSpec, found: dict[str, Any], model: str) -> None:
    """Raise InputError where a condition changes nothing that the model sees: its score would be the clean one."""
    assert spec.noise is not None
    if found["changed_subwords"]:
        return
    edits = f"{found['edits']:,} edits" if found["edits"] else "nothing to edit"
    raise InputError(
        f"{spec.noise.name} changes no subword of {spec.task}/{spec.split}/{spec.language} for {model} ({edits})",
        "conditions that change what the model reads (an uncased one reads neither case nor, often, diacritics)",
        f"leave {spec.language} out with the `languages` of the condition, or raise its level",
    )
