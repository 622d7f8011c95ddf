"""Writes paragraphs with questions as SQuAD JSON, and tagged sentences as CoNLL-U."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts.sample.files import write_lines
from stilts.sample.grammar import Sentence, Token, spans, text, worded, words
from stilts.sample.items import Paragraph
from stilts.sample.language import Language

_RELATION = {"subject": "nsubj", "object": "obj", "place": "obl", "adverb": "advmod", "end": "punct"}
_WITHIN_PHRASE = {"DET": "det", "ADJ": "amod", "NUM": "nummod", "ADP": "case"}
_WITHIN_VERB = {"AUX": "aux", "PART": "advmod"}
PARAGRAPHS_AN_ARTICLE = 4


def item_id(*parts: object) -> str:
    """An id of 24 hexadecimal digits, as SQuAD has them; the same parts give the same id."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


def write_squad(path: Path, paragraphs: Sequence[Paragraph], language: Language, key: str, version: str,
                no_answers: bool = False, boundaries: bool = False) -> None:  # fmt: skip
    """SQuAD JSON; `key` makes the ids, so parallel files take the same key. SQuAD 2.0 files have `no_answers`.

    `boundaries`: with the sentences of each paragraph and where they are, as XQuAD-R has them.
    """
    articles: list[dict[str, Any]] = []
    for number, paragraph in enumerate(paragraphs):
        if number % PARAGRAPHS_AN_ARTICLE == 0:
            articles.append({"title": f"{key} {number // PARAGRAPHS_AN_ARTICLE + 1}", "paragraphs": []})
        written = _paragraph(paragraph, language, f"{key}/{number}", no_answers)
        articles[-1]["paragraphs"].append({**written, **_boundaries(paragraph, language)} if boundaries else written)
    write_lines(path, [json.dumps({"version": version, "data": articles}, ensure_ascii=False)])


def write_conllu(path: Path, sentences: Sequence[Sentence], language: Language, key: str,
                 tags: Sequence[Sequence[int]] | None = None) -> None:  # fmt: skip
    """CoNLL-U with forms, lemmas, universal tags, heads and relations.

    `tags`: for each sentence, numbers that put its tags into another order (shuffled labels).
    """
    lines = []
    for number, sentence in enumerate(sentences):
        tokens = words(sentence, language)
        lines += [f"# sent_id = {key}-{number + 1}", f"# text = {text(tokens)}"]
        rows = _dependencies(tokens)
        if tags is not None:
            order = sorted(range(len(rows)), key=lambda i: tags[number][i])
            for row, source in zip(rows, order, strict=True):
                row[3] = tokens[source].upos
        lines += ["\t".join(row) for row in rows]
        lines.append("")
    write_lines(path, lines)


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
        if question.answer is not None:
            number, part = question.answer
            first, end = (at + starts[number] for at in _answer(tokens[number], part))
            answers.append({"text": context[first:end], "answer_start": first})
        row = {"question": worded(language, question.sentence), "id": item_id(key, index), "answers": answers}
        rows.append({**row, "is_impossible": not answers} if no_answers else row)
    return {"context": context, "qas": rows}


def _boundaries(paragraph: Paragraph, language: Language) -> dict[str, Any]:
    """The sentences of a paragraph, and (first character, end) of each in its context."""
    texts = [text(words(sentence, language)) for sentence in paragraph.sentences]
    firsts = [sum(len(before) + 1 for before in texts[:number]) for number in range(len(texts))]
    breaks = [[first, first + len(sentence)] for first, sentence in zip(firsts, texts, strict=True)]
    return {"sentences": texts, "sentence_breaks": breaks}


def _answer(tokens: Sequence[Token], part: str) -> tuple[int, int]:
    """First character and end of a part of the sentence, without article and adposition."""
    places = spans(tokens)[1]
    inside = [i for i, token in enumerate(tokens) if token.part == part and token.upos not in ("DET", "ADP")]
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
