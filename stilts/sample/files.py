"""Writes pairs and plain lines in the official file formats: TSV, JSON lines, aligned files, text for masked LM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.sample.corpus import Line, is_translated
from stilts.sample.grammar import Sentence, worded
from stilts.sample.items import Pair
from stilts.sample.language import Language

_GLUE = "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse"


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write UTF-8 lines; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line."""
    write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))


def write_pairs(path: Path, pairs: Sequence[Pair], language: Language) -> None:
    """XTREME's TSV of XNLI and PAWS-X: two texts and the label, no header."""
    write_lines(path, ("\t".join((*_texts(pair, language), pair.label)) for pair in pairs))


def write_glue_mnli(path: Path, pairs: Sequence[Pair], language: Language, first_prompt: int, annotators: int) -> None:
    """GLUE's TSV of MNLI with its header: one annotator's label in the training file, five in dev."""
    labels = [f"label{i + 1}" for i in range(annotators)]
    header = [*_GLUE.split(), "sentence1", "sentence2", *labels, "gold_label"]
    rows = ["\t".join(header)]
    for index, pair in enumerate(pairs):
        first, second = _texts(pair, language)
        prompt = str(first_prompt + index // 3)
        parses = [_binary(first), _binary(second), f"(ROOT (S {first}))", f"(ROOT (S {second}))"]
        gold = [pair.label] * (annotators + 1)
        rows.append("\t".join([str(index), prompt, prompt + pair.label[0], "sample", *parses, first, second, *gold]))
    write_lines(path, rows)


def write_glue_qqp(path: Path, pairs: Sequence[Pair], language: Language, first_id: int) -> None:
    """GLUE's TSV of Quora's questions, with its header."""
    rows = ["id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"]
    for number, pair in enumerate(pairs, start=first_id):
        rows.append("\t".join((str(number), str(2 * number), str(2 * number + 1), *_texts(pair, language), pair.label)))
    write_lines(path, rows)


def write_snli(path: Path, pairs: Sequence[Pair], language: Language, name: str) -> None:
    """SNLI's JSON lines; one row in a hundred has no gold label ("-"), as in the original."""
    rows = []
    for index, pair in enumerate(pairs):
        first, second = _texts(pair, language)
        undecided = index % 100 == 99
        row = {
            "annotator_labels": ["entailment", "neutral", "contradiction"] if undecided else [pair.label],
            "captionID": f"{name}-{index // 3}#0",
            "gold_label": "-" if undecided else pair.label,
            "pairID": f"{name}-{index // 3}#0r{index % 3}{pair.label[0]}",
            "sentence1": first,
            "sentence1_binary_parse": _binary(first),
            "sentence1_parse": f"(ROOT (S {first}))",
            "sentence2": second,
            "sentence2_binary_parse": _binary(second),
            "sentence2_parse": f"(ROOT (S {second}))",
        }
        rows.append(row)
    write_json_lines(path, rows)


def write_anli(path: Path, pairs: Sequence[Pair], language: Language, name: str) -> None:
    """ANLI's JSON lines: a context of several sentences, and the label's first letter."""
    rows = []
    for index, pair in enumerate(pairs):
        context, hypothesis = _texts(pair, language)
        row = {"uid": f"{name}-{index}", "context": context, "hypothesis": hypothesis, "label": pair.label[0]}
        rows.append({**row, "model_label": "n", "emturk": False, "genre": "sample", "reason": "", "tag": ""})
    write_json_lines(path, rows)


def write_aligned(folder: Path, sentences: Sequence[Sentence], language: Language, base: Language) -> None:
    """Tatoeba's two files: line i of one is the translation of line i of the other."""
    name = f"tatoeba.{language.code}-eng"
    write_lines(folder / f"{name}.{language.code}", (worded(language, sentence) for sentence in sentences))
    write_lines(folder / f"{name}.eng", (worded(base, sentence) for sentence in sentences))


def write_text(path: Path, lines: Sequence[Line], language: Language, base: Language) -> None:
    """One example a line; every second line of an invented language is followed by its translation into the base."""
    texts = []
    for number, line in enumerate(lines):
        both = [language] if language.is_base or not is_translated(number) else [language, base]
        texts.append(" ".join(worded(one, *line) for one in both))
    write_lines(path, texts)


def _texts(pair: Pair, language: Language) -> tuple[str, str]:
    return worded(language, *pair.first), worded(language, *pair.second)


def _binary(sentence: str) -> str:
    """A flat stand-in for the parse columns, which nothing reads."""
    return f"( {sentence} )"
