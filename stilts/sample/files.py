"""Writes items in the official file formats: TSV, JSON lines, SQuAD JSON, CoNLL-U, aligned lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stilts.sample.grammar import Sentence, Token, spans, text, words
from stilts.sample.items import Pair, Paragraph
from stilts.sample.language import Language

_GLUE = "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse"
_RELATION = {"subject": "nsubj", "object": "obj", "place": "obl", "adverb": "advmod", "end": "punct"}
_WITHIN_PHRASE = {"DET": "det", "ADJ": "amod", "NUM": "nummod", "ADP": "case"}
_WITHIN_VERB = {"AUX": "aux", "PART": "advmod"}
PARAGRAPHS_AN_ARTICLE = 4


def item_id(*parts: object) -> str:
    """An id of 24 hexadecimal digits, as SQuAD has them; the same parts give the same id."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


def worded(sentence: Sentence, language: Language) -> str:
    """The sentence as text."""
    return text(words(sentence, language))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write UTF-8 lines; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def write_pairs(path: Path, pairs: Sequence[Pair], language: Language) -> None:
    """XTREME's TSV of XNLI and PAWS-X: two texts and the label, no header."""
    rows = ((worded(p.first, language), worded(p.second, language), p.label) for p in pairs)
    write_lines(path, ("\t".join(row) for row in rows))


def write_glue_mnli(path: Path, pairs: Sequence[Pair], language: Language, first_prompt: int,
                    annotators: int) -> None:  # fmt: skip
    """GLUE's TSV of MNLI with its header: one annotator's label in the training file, five in dev."""
    labels = [f"label{i + 1}" for i in range(annotators)]
    header = [*_GLUE.split(), "sentence1", "sentence2", *labels, "gold_label"]
    rows = ["\t".join(header)]
    for index, pair in enumerate(pairs):
        first, second = worded(pair.first, language), worded(pair.second, language)
        prompt = str(first_prompt + index // 3)
        parses = [_binary(first), _binary(second), f"(ROOT (S {first}))", f"(ROOT (S {second}))"]
        gold = [pair.label] * (annotators + 1)
        rows.append("\t".join([str(index), prompt, prompt + pair.label[0], "sample", *parses, first, second, *gold]))
    write_lines(path, rows)


def write_snli(path: Path, pairs: Sequence[Pair], language: Language, name: str) -> None:
    """SNLI's JSON lines; one row in a hundred has no gold label ("-"), as in the original."""
    lines = []
    for index, pair in enumerate(pairs):
        first, second = worded(pair.first, language), worded(pair.second, language)
        undecided = index % 100 == 99
        others = ["entailment", "neutral", "contradiction"] if undecided else [pair.label]
        row = {
            "annotator_labels": others,
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
        lines.append(json.dumps(row, ensure_ascii=False))
    write_lines(path, lines)


def write_squad(path: Path, paragraphs: Sequence[Paragraph], language: Language, key: str, version: str,
                no_answers: bool = False) -> None:  # fmt: skip
    """SQuAD JSON; `key` makes the ids, so parallel files take the same key. SQuAD 2.0 files have `no_answers`."""
    articles: list[dict[str, Any]] = []
    for number, paragraph in enumerate(paragraphs):
        if number % PARAGRAPHS_AN_ARTICLE == 0:
            articles.append({"title": f"{key} {number // PARAGRAPHS_AN_ARTICLE + 1}", "paragraphs": []})
        articles[-1]["paragraphs"].append(_paragraph(paragraph, language, f"{key}/{number}", no_answers))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": version, "data": articles}, ensure_ascii=False) + "\n", encoding="utf-8")


def write_conllu(path: Path, sentences: Sequence[Sentence], language: Language, key: str) -> None:
    """CoNLL-U with forms, lemmas, universal tags, heads and relations."""
    lines = []
    for number, sentence in enumerate(sentences):
        tokens = words(sentence, language)
        lines += [f"# sent_id = {key}-{number + 1}", f"# text = {text(tokens)}"]
        lines += ["\t".join(row) for row in _dependencies(tokens)]
        lines.append("")
    write_lines(path, lines)


def write_aligned(folder: Path, sentences: Sequence[Sentence], language: Language, base: Language) -> None:
    """Tatoeba's two files: line i of one is the translation of line i of the other."""
    name = f"tatoeba.{language.code}-eng"
    write_lines(folder / f"{name}.{language.code}", (worded(sentence, language) for sentence in sentences))
    write_lines(folder / f"{name}.eng", (worded(sentence, base) for sentence in sentences))


def _binary(sentence: str) -> str:
    """A flat stand-in for the parse columns, which nothing reads."""
    return f"( {sentence} )"


def _paragraph(paragraph: Paragraph, language: Language, key: str, no_answers: bool) -> dict[str, Any]:
    context, starts, tokens = "", [], []
    for sentence in paragraph.sentences:
        tokens.append(words(sentence, language))
        context += " " if context else ""
        starts.append(len(context))
        context += text(tokens[-1])
    rows = []
    for index, question in enumerate(paragraph.questions):
        answers: list[dict[str, Any]] = []
        if question.answer_in is not None:
            first, end = _answer(tokens[question.answer_in], question.asked)
            first, end = first + starts[question.answer_in], end + starts[question.answer_in]
            answers.append({"text": context[first:end], "answer_start": first})
        row = {"question": worded(question.sentence, language), "id": item_id(key, index), "answers": answers}
        rows.append({**row, "is_impossible": not answers} if no_answers else row)
    return {"context": context, "qas": rows}


def _answer(tokens: Sequence[Token], asked: str) -> tuple[int, int]:
    """First character and end of the asked part in the sentence, without article and adposition."""
    places = spans(tokens)[1]
    inside = [i for i, token in enumerate(tokens) if token.part == asked and token.upos not in ("DET", "ADP")]
    return places[inside[0]][0], places[inside[-1]][1]


def _dependencies(tokens: Sequence[Token]) -> list[list[str]]:
    """The ten columns of each word: the verb is the root, a noun heads its phrase."""
    heads = {token.part: i + 1 for i, token in enumerate(tokens) if _is_head(token)}
    out = []
    for number, token in enumerate(tokens, start=1):
        if heads[token.part] == number and token.part == "verb":
            head, relation = 0, "root"
        elif heads[token.part] == number or token.part == "end":
            head, relation = heads["verb"], _RELATION[token.part]
        else:
            within = _WITHIN_VERB if token.part == "verb" else _WITHIN_PHRASE
            head, relation = heads[token.part], within[token.upos]
        out.append([str(number), token.form, token.lemma, token.upos, "_", "_", str(head), relation, "_", "_"])
    return out


def _is_head(token: Token) -> bool:
    return token.upos in ("NOUN", "PROPN", "PRON", "ADV", "VERB", "PUNCT")
