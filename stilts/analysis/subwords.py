"""How many pieces a tokenizer makes of a language's words, and how many it does not know: from prepared sets."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.controls import FERTILITY, UNKNOWN
from stilts.errors import InputError

TAGGING = "tagging"


def subwords(features: Path) -> pd.DataFrame:
    """Fertility and unknown rate by language, over the evaluation sets of a study.

    Args:
        features: `<study>/features`, as `stilts prepare` leaves it.

    Returns:
        Index language. `fertility`: pieces a word in tagging sets, NaN where there is none (elsewhere words would have
        to be guessed, in scripts without spaces); `unknown_rate`: the unknown piece's share of pieces, in all sets.

    Raises:
        InputError: no set there, or sets of two tokenizers.
    """
    from stilts.config import ModelSettings
    from stilts.data.build import load_tokenizer
    from stilts.data.store import PreparedSet

    sets = [PreparedSet(path.parent) for path in sorted(features.glob("*/*/manifest.json"))]
    sets = [one for one in sets if one.manifest["facts"]["spec"]["purpose"] == "evaluate"]
    models = {(one.manifest["facts"]["model"], one.manifest["facts"]["tokenizer"]) for one in sets}
    if len(models) != 1:
        found = f"sets of {len(models)} tokenizers" if models else "no evaluation sets"
        raise InputError(f"{found} in {features}", "the features of one study", "change prepared")
    [(name, version)] = models
    tokenizer = load_tokenizer(ModelSettings(name=name), version, 0)
    added = [token for token in tokenizer.all_special_ids if token != tokenizer.unk_token_id]
    # pieces, unknown pieces; pieces and words of tagging sets
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(4))
    for one in sets:
        ids = _tokens(one)
        pieces = int(np.sum(~np.isin(ids, added)))
        of = [pieces, int(np.sum(ids == tokenizer.unk_token_id)), 0, 0]
        if one.manifest["format"] == TAGGING:
            of[2:] = [pieces, sum(len(example.words) for example in one.examples)]
        counts[one.manifest["facts"]["spec"]["language"]] += of
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = {language: {FERTILITY: n[2] / n[3], UNKNOWN: n[1] / n[0]} for language, n in counts.items()}
    return pd.DataFrame.from_dict(rates, orient="index")


def _tokens(one: Any) -> np.ndarray:
    """The token ids of all rows of a prepared set, one after the other."""
    import pyarrow.compute

    return np.asarray(pyarrow.compute.list_flatten(one.rows.data.column("input_ids")).to_numpy())
