"""What languages are like: URIEL's features as lang2vec ships them, or a study's own, and the distances they give.

Data: PyPI's lang2vec 1.1.2 (CC BY-SA 4.0), URIEL of Littell et al. 2017 (E17-2002). Only its arrays are read, without
pickles; the package itself cannot be imported beside a setuptools of today (pkg_resources is gone).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd

from stilts.errors import InputError, StiltsError
from stilts.tasks.languages import LANGUAGES

KINDS = ("syntax", "phonology", "inventory", "family", "geography")
NO_FILL, KNN = "none", "knn"
FILLS = (NO_FILL, KNN)
LEAST_SHARED = 10
"""Features that both languages need for a distance. With fewer a single feature decides."""
_PREFIXES = {"syntax": "S_", "phonology": "P_", "inventory": "INV_"}
_TYPOLOGY = {NO_FILL: "feature_averages.npz", KNN: "feature_predictions.npz"}


@dataclass(frozen=True)
class Features:
    """What is known of some languages.

    Attributes:
        languages: codes as the scores have them.
        kinds: kind -> (languages, features), NaN where a feature is not known.
        families: language -> its largest family, or its own code where it has none (an isolate).
        source: for notes.
    """

    languages: tuple[str, ...]
    kinds: dict[str, np.ndarray]
    families: dict[str, str]
    source: str


@dataclass(frozen=True)
class Distances:
    """Distances to one language.

    Attributes:
        values: index language, a column a kind; NaN where too few features are shared.
        missing: the same shape, features that one of the two languages lacks.
        totals: kind -> number of features.
    """

    values: pd.DataFrame
    missing: pd.DataFrame
    totals: dict[str, int]


def uriel_code(code: str) -> str | None:
    """The ISO 639-3 code under which URIEL has a language, or None.

    Languages of stilts go by `Language.iso3` (zh is cmn, fa pes, sw swh: URIEL gives the macro-language zho one node
    of a family tree only); other two-letter codes by lang2vec's own table.
    """
    iso3 = LANGUAGES[code].iso3 if code in LANGUAGES else _letter_codes().get(code, code)
    return iso3 if iso3 in _index("feature_averages.npz") else None


def uriel_features(languages: Sequence[str], fill: str = NO_FILL) -> Features:
    """URIEL's features of some languages.

    Args:
        languages: ISO 639-1 or 639-3 codes.
        fill: "none" takes the averages over URIEL's sources, with gaps; "knn" its predictions from near languages.

    Raises:
        InputError: names every language that URIEL does not have.
    """
    codes = {language: uriel_code(language) for language in languages}
    absent = [language for language, code in codes.items() if code is None]
    if absent:
        raise InputError(
            f"no entry in URIEL for {', '.join(absent)}",
            "ISO 639-1 or 639-3 codes that lang2vec knows",
            "leave these languages out, or give the features of all in a file of your own (features=FILE)",
        )
    iso3 = [str(code) for code in codes.values()]
    typology, names = _rows(_TYPOLOGY[fill], iso3)
    kinds = {kind: typology[:, [n.startswith(p) for n in names]] for kind, p in _PREFIXES.items()}
    kinds["family"], nodes, sizes = _family(iso3)
    kinds["geography"] = _rows("geocoord_features.npz", iso3)[0]
    families = {
        language: nodes[int(np.argmax(row * sizes))].removeprefix("F_") if row.any() else language
        for language, row in zip(languages, kinds["family"], strict=True)
    }
    filled = "filled from near languages (knn)" if fill == KNN else "averaged over sources, gaps left open"
    return Features(tuple(languages), kinds, families, f"URIEL (lang2vec 1.1.2), {filled}")


def features_from(table: pd.DataFrame, path: Path) -> Features | None:
    """The features in the columns `KIND:NAME` of a table of languages; None where there is no such column.

    Args:
        table: texts, index language; an empty field is a feature that is not known. A column `family` names families.
        path: for messages.
    """
    columns = [column for column in table.columns if ":" in column]
    if not columns:
        return None
    kinds: dict[str, list[np.ndarray]] = {}
    for column in columns:
        kinds.setdefault(column.partition(":")[0], []).append(numbers(table, column, path))
    given = table["family"] if "family" in table else pd.Series("", index=table.index)
    families = {str(language): family or str(language) for language, family in given.items()}
    return Features(
        tuple(map(str, table.index)), {k: np.stack(v, axis=1) for k, v in kinds.items()}, families, str(path.name)
    )


def numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """A column of texts as numbers, NaN where empty. Raises InputError for anything else, naming the language."""
    values = pd.to_numeric(table[column].replace("", np.nan), errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values) & (table[column] != "").to_numpy())
    if len(wrong):
        language, text = table.index[wrong[0]], table[column].iloc[wrong[0]]
        raise InputError(f"{path}, language {language}, {column}: {text!r}", "a number", "mend the field")
    return values


def distances(features: Features, origin: str = "en") -> Distances:
    """Cosine distances of all other languages to `origin`, over the features that both have.

    Two languages of which one has no feature above 0 (isolates in family) have nothing in common: 1.
    """
    if origin not in features.languages:
        raise InputError(
            f"no features of {origin} in {features.source}", "those of the language of training", f"add {origin}"
        )
    here = features.languages.index(origin)
    others = [language for language in features.languages if language != origin]
    rows = [i for i, language in enumerate(features.languages) if language != origin]
    values, missing = {}, {}
    for kind, array in features.kinds.items():
        one, many = array[here], array[rows]
        known = ~np.isnan(one) & ~np.isnan(many)
        least = min(LEAST_SHARED, ceil(0.75 * array.shape[1]))  # a study's own kind may have fewer
        values[kind] = np.where(
            known.sum(axis=1) >= least, cosine(np.where(known, one, 0), np.where(known, many, 0)), np.nan
        )
        missing[kind] = (~known).sum(axis=1)
    return Distances(
        pd.DataFrame(values, index=others),
        pd.DataFrame(missing, index=others),
        {kind: array.shape[1] for kind, array in features.kinds.items()},
    )


def cosine(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """1 - cosine between paired rows (or one row and many); 1 where a row is all 0. Within rounding of 0 it is 0."""
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(many, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lengths > 0, np.clip(1 - (one * many).sum(axis=-1) / lengths, 0, None), 1.0)


def _file(name: str) -> Path:
    try:
        return Path(str(distribution("lang2vec").locate_file(f"lang2vec/data/{name}")))
    except PackageNotFoundError:
        raise StiltsError(
            "the package lang2vec, whose data hold URIEL, is not installed: see requirements.txt"
        ) from None


@cache
def _index(name: str) -> dict[str, int]:
    with np.load(_file(name), allow_pickle=False) as arrays:
        return {str(code): row for row, code in enumerate(arrays["langs"])}


def _rows(name: str, iso3: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """(languages, features) in float64 with NaN for -1, URIEL's mark of a missing value; and the features' names."""
    with np.load(_file(name), allow_pickle=False) as arrays:
        index = {str(code): row for row, code in enumerate(arrays["langs"])}
        data = arrays["data"][[index[code] for code in iso3], :, 0].astype(np.float64)
        return np.where(data < 0, np.nan, data), list(map(str, arrays["feats"]))


def _family(iso3: Sequence[str]) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Which nodes of the family trees each language is below, their names, and how many languages each has in all."""
    with np.load(_file("family_features.npz"), allow_pickle=False) as arrays:
        index = {str(code): row for row, code in enumerate(arrays["langs"])}
        data = arrays["data"][:, :, 0]
        own = data[[index[code] for code in iso3]]
        used = own.any(axis=0)
        return own[:, used].astype(np.float64), list(map(str, arrays["feats"][used])), data[:, used].sum(axis=0)


@cache
def _letter_codes() -> dict[str, str]:
    codes: dict[str, str] = json.loads(_file("letter_codes.json").read_text(encoding="utf-8"))
    return codes
