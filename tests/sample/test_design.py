"""The invented languages vary nearly independently, and their text is what the design says."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import combinations
from math import log2
from pathlib import Path

import numpy as np
import pytest

from stilts.errors import InputError
from stilts.sample.design import MOST, ORDERS, Design, designs

ORTHOGONAL = 0.25  # greatest absolute correlation between two factors
SCRIPTS = {"latin": "LATIN", "cyrillic": "CYRILLIC", "greek": "GREEK", "armenian": "ARMENIAN", "georgian": "GEORGIAN"}
Token = tuple[str, str, str, int, str]  # form, lemma, tag, head, relation


def columns(languages: list[Design]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {f"order {order}": [d.word_order == order for d in languages] for order in ORDERS}
    out["overlap"] = [d.overlap for d in languages]
    out["adjective"] = [d.adjective_after for d in languages]
    out["script"] = [d.script != "latin" for d in languages]
    out["size"] = [log2(d.lines) for d in languages]
    out["fertility"] = [d.fertility for d in languages]
    return out


@pytest.mark.parametrize("count", [16, 32, 64])
def test_no_two_parameters_go_together(count: int) -> None:
    table = columns(designs(count))
    for (one, a), (other, b) in combinations(table.items(), 2):
        if one.split()[0] != other.split()[0]:  # the three word orders exclude each other
            assert abs(np.corrcoef(a, b)[0, 1]) <= ORTHOGONAL, (one, other)


def test_every_parameter_covers_its_range() -> None:
    languages = designs(16)
    assert {0.0, 1.0} < {d.overlap for d in languages}
    assert {d.word_order for d in languages} == set(ORDERS)
    assert {d.script for d in languages} == set(SCRIPTS)
    assert max(d.lines for d in languages) == 8 * min(d.lines for d in languages)
    assert max(d.fertility for d in languages) - min(d.fertility for d in languages) > 1
    codes = [d.code for d in designs(MOST)]
    assert codes[0] == "qaa"
    assert len(set(codes)) == MOST
    assert all(re.fullmatch("q[a-t][a-z]", code) for code in codes)


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_number_of_languages_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(InputError, match="--languages"):
        designs(count)


def test_the_parameters_are_beside_the_data_with_a_warning(sample: Path) -> None:
    content = json.loads((sample / "languages.json").read_text(encoding="utf-8"))
    assert "an analysis that reads this file knows the answer" in content["note"]
    assert [Design(**values) for values in content["languages"].values()] == designs(16)


@pytest.mark.parametrize("design", designs(16), ids=lambda design: design.code)
def test_the_text_is_what_the_design_says(sample: Path, tokenizer: object, design: Design) -> None:
    code = design.code
    lines = (sample / f"mlm_text/sample/{code}.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == design.lines
    assert fertility(tokenizer, lines[::2]) == pytest.approx(design.fertility, abs=0.08)  # others are half English
    base, own = treebank(sample, "en"), treebank(sample, code)
    shared = lemmas(own) & lemmas(base)
    assert len(shared) / len(lemmas(own)) == pytest.approx(design.overlap, abs=0.04)
    letters = {unicodedata.name(letter).split()[0] for word in lemmas(own) - shared for letter in word}
    assert letters == ({SCRIPTS[design.script]} if design.overlap < 1 else set())
    assert verb_orders(own) == {design.word_order}
    assert adjectives_after(own) == {design.adjective_after}


def fertility(tokenizer: object, lines: list[str]) -> float:
    found = [re.findall(r"[^\W_]+", line) for line in lines]
    pieces = tokenizer([word for line in found for word in line], add_special_tokens=False)["input_ids"]
    return sum(map(len, pieces)) / len(pieces)


def treebank(sample: Path, code: str) -> list[list[Token]]:
    out: list[list[Token]] = []
    for path in sorted(sample.glob(f"ud/*/{code}_*.conllu")):
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            rows = [line.split("\t") for line in block.split("\n") if not line.startswith("#")]
            out.append([(r[1], r[2], r[3], int(r[6]), r[7]) for r in rows])
    return out


def lemmas(sentences: list[list[Token]]) -> set[str]:
    return {lemma for s in sentences for _, lemma, tag, _, _ in s if tag not in ("PROPN", "PUNCT")}


def verb_orders(sentences: list[list[Token]]) -> set[str]:
    """The order of subject, verb and object in statements."""
    out = set()
    for sentence in sentences:
        if sentence[-1][0] == ".":
            at = {relation: i for i, (_, _, _, _, relation) in enumerate(sentence)}
            places = {"S": at["nsubj"], "V": at["root"], "O": at["obj"]}
            out.add("".join(sorted(places, key=places.__getitem__)))
    return out


def adjectives_after(sentences: list[list[Token]]) -> set[bool]:
    return {head < i for s in sentences for i, (_, _, _, head, relation) in enumerate(s, 1) if relation == "amod"}
