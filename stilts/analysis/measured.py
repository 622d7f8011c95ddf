"""What languages are like as their tagged text shows it, where no database knows them: the sample's invented ones.

Measured in a study's prepared sets with universal part-of-speech tags (udpos): order of words, shared vocabulary and
letters. Cosine distances to English follow as for URIEL's features.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from stilts.analysis.uriel import Features
from stilts.data.store import PreparedSet
from stilts.errors import InputError
from stilts.tasks.examples import TaggingExample

ORDER, VOCABULARY, LETTERS = "order", "vocabulary", "letters"
_PAIRS = (("ADJ", "NOUN"), ("ADP", "NOUN"), ("DET", "NOUN"), ("AUX", "VERB"))
_SUBJECTS = ("NOUN", "PROPN", "PRON")


def measured_features(features: Path, languages: Sequence[str]) -> Features:
    """The features of languages with udpos sets, each language its own family.

    order: for adjectives, adpositions, determiners and auxiliaries the shares of neighbours that stand before and after
    the noun or verb, and the shares of nouns and pronouns before and after the first verb, NaN where there is none;
    vocabulary and letters: relative frequencies.

    Raises InputError naming the languages without tagged text.
    """
    tagged: dict[str, list[TaggingExample]] = defaultdict(list)
    for manifest in sorted(features.glob("udpos/*/manifest.json")):
        one = PreparedSet(manifest.parent)
        spec = one.manifest["facts"]["spec"]
        if spec["purpose"] == "evaluate":
            tagged[spec["language"]] += [example for example in one.examples if example.tags]
    absent = [language for language in languages if not tagged[language]]
    if absent:
        found = f"no tagged text of {', '.join(absent)} in {features}"
        raise InputError(found, "udpos sets", "add udpos to the study's targets")
    order = np.array([_order(tagged[language]) for language in languages])
    words = [[word.casefold() for e in tagged[language] for word in e.words] for language in languages]
    letters = [[letter for word in of for letter in word if letter.isalpha()] for of in words]
    kinds = {ORDER: order, VOCABULARY: _frequencies(words), LETTERS: _frequencies(letters)}
    return Features(tuple(languages), kinds, {code: code for code in languages}, "measured in the study's udpos sets")


def _order(examples: Iterable[TaggingExample]) -> list[float]:
    counts = np.zeros((len(_PAIRS) + 1, 2))
    for example in examples:
        tags = list(example.tags or ())
        neighbours = list(pairwise(tags))
        for row, (modifier, head) in enumerate(_PAIRS):
            counts[row] += neighbours.count((modifier, head)), neighbours.count((head, modifier))
        if "VERB" in tags:
            verb = tags.index("VERB")
            counts[-1] += [sum(tag in _SUBJECTS for tag in part) for part in (tags[:verb], tags[verb + 1 :])]
    with np.errstate(invalid="ignore"):
        return [float(share) for share in (counts / counts.sum(axis=1, keepdims=True)).ravel()]


def _frequencies(texts: Sequence[Sequence[str]]) -> np.ndarray:
    """(languages, types), each row of sum 1."""
    counts = [Counter(text) for text in texts]
    types = sorted(set().union(*counts))
    return np.array([[count[one] for one in types] for count in counts]) / np.array([[max(1, len(t))] for t in texts])
