"""What else sets languages apart: how much of each the model was pretrained on, its script, how many pieces it takes.

Pretraining sizes are XLM-R's (CC-100); `stilts/analysis/data/README.md` names the source of every column. For another
model a study gives its own numbers in the file of languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stilts.analysis.named_rows import read_named_rows
from stilts.analysis.uriel import numbers

SIZE, SCRIPT, FERTILITY, UNKNOWN = "log_size", "other_script", "fertility", "unknown_rate"
CONTROLS = (SIZE, SCRIPT, FERTILITY, UNKNOWN)
"""In the order in which they are taken where not all may be."""
BASELINE = "baseline"
WORDS = {
    SIZE: "pretraining size",
    SCRIPT: "script",
    FERTILITY: "fertility",
    UNKNOWN: "unknown rate",
    BASELINE: "the baseline",
}
SMALLEST_GIB = 0.05
"""Taken for a language that was not pretrained on: half of the smallest size in the table."""
_TABLE = Path(__file__).parent / "data" / "pretraining.csv"


def controls(
    languages: Sequence[str],
    own: pd.DataFrame | None = None,
    path: Path | None = None,
    counted: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Controls of languages, index language, a column a control; NaN where not known.

    log_size is log10 of GiB, other_script 1 where the script is not English's.

    Args:
        own: texts of a study's file, index language, columns as in CONTROLS or `gib` and `script`; they go before ours.
        path: of that file, for messages.
        counted: fertility and unknown rate, from `stilts.analysis.subwords`.
    """
    shipped = pd.read_csv(_TABLE, keep_default_na=False, index_col="language")
    sizes = shipped["gib"].astype(float).reindex(languages).to_numpy(dtype=np.float64, copy=True)
    scripts = shipped["script"].reindex(languages).to_numpy(dtype=object, copy=True)
    out = pd.DataFrame(index=list(languages), columns=list(CONTROLS), dtype=np.float64)
    if counted is not None:
        out[[FERTILITY, UNKNOWN]] = counted.reindex(list(languages))[[FERTILITY, UNKNOWN]]
    rows = pd.DataFrame(index=list(languages)) if own is None else own.reindex(list(languages), fill_value="")
    if path is not None and "gib" in rows:
        given = numbers(rows, "gib", path)
        sizes = np.where(np.isnan(given), sizes, given)
    if "script" in rows:
        scripts = np.where(rows["script"] == "", scripts, rows["script"])
    out[SIZE] = np.log10(np.maximum(sizes, SMALLEST_GIB))
    out[SCRIPT] = [np.nan if not isinstance(s, str) else float(s != "Latn") for s in scripts]
    for control in CONTROLS:
        if path is not None and control in rows:
            given = numbers(rows, control, path)
            out[control] = np.where(np.isnan(given), out[control], given)
    return out


def read_languages(path: Path) -> pd.DataFrame:
    """A study's file of languages: CSV, texts, index language, empty where unknown.

    Raises InputError for a file without a column `language`, and for a language that comes twice.
    """
    return read_named_rows(path, "language", setting="features")
