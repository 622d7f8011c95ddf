"""Writes two corpora with gold pairs as BUCC 2018, and mentions with their entities as Mewsli-X."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts.sample.files import write_json_lines, write_lines
from stilts.sample.files_span import item_id
from stilts.sample.grammar import Sentence, spans, text, words
from stilts.sample.language import Language
from stilts.sample.retrieval import Corpora, Entity, Mention


def write_bitext(folder: Path, split: str, corpora: Corpora, language: Language, base: Language) -> None:
    """`qaa-en.dev.qaa` and `qaa-en.dev.en` with an id and a sentence a line, `qaa-en.dev.gold` with pairs of ids."""
    stem, gold = f"{language.code}-{base.code}.{split}", []
    ids: list[dict[int, str]] = []
    for one, sentences in ((language, corpora.language), (base, corpora.base)):
        names = [f"{one.code}-{number:09}" for number in range(1, len(sentences) + 1)]
        lines = (f"{name}\t{text(words(sentence, one))}" for name, (sentence, _) in zip(names, sentences, strict=True))
        write_lines(folder / f"{stem}.{one.code}", lines)
        ids.append({pair: name for name, (_, pair) in zip(names, sentences, strict=True) if pair is not None})
    gold = [f"{name}\t{ids[1][pair]}" for pair, name in ids[0].items()]
    write_lines(folder / f"{stem}.gold", gold)


def write_pairs(path: Path, mentions: Sequence[Mention], base: Language) -> None:
    """`wikipedia_pairs-train.jsonl`: a mention in its context, and the entity with its description."""
    rows = []
    for number, mention in enumerate(mentions):
        context, found = _mentioned(mention, base, f"pair/{number}")
        pair = {"context": context, "mention": found}
        rows.append({"contextual_mention": pair, "entity": _entity(mention.entity, base)})
    write_json_lines(path, rows)


def write_mentions(path: Path, mentions: Sequence[tuple[Language, Sequence[Mention]]]) -> None:
    """`wikinews_mentions-dev.jsonl`: a context and its mentions, of all languages one after the other."""
    rows = []
    for language, own in mentions:
        for number, mention in enumerate(own):
            context, found = _mentioned(mention, language, f"{path.stem}/{language.code}/{number}")
            rows.append({"context": context, "mentions": [found]})
    write_json_lines(path, rows)


def write_candidates(path: Path, entities: Sequence[Entity], languages: Sequence[Language]) -> None:
    """`candidate_set_entities.jsonl`: each entity is described in one of the languages, by its own hash."""
    rows = []
    for entity in entities:
        rows.append(_entity(entity, languages[zlib.crc32(entity.name.encode()) % len(languages)]))
    write_json_lines(path, rows)


def _entity(entity: Entity, language: Language) -> dict[str, Any]:
    description, sentences = _joined(entity.about, language)
    row = {"entity_id": f"Q{entity.number}", "title": language.name(entity.name), "description": description}
    return {**row, "description_url": "", "description_language": language.code, "sentence_spans": sentences}


def _mentioned(mention: Mention, language: Language, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The context and the mention in it."""
    whole, sentences = _joined(mention.sentences, language)
    tokens = words(mention.sentences[1], language)
    first, end = spans(tokens)[1][next(i for i, token in enumerate(tokens) if token.part == "subject")]
    first, end = first + sentences[1]["start"], end + sentences[1]["start"]
    name = item_id("mewslix", key)
    context: dict[str, Any] = {"document_title": "", "section_title": "", "document_url": "", "document_id": name[:8]}
    context |= {"language": language.code, "text": whole, "sentence_spans": sentences}
    span = {"start": first, "end": end, "text": whole[first:end]}
    return context, {"example_id": name, "mention_span": span, "entity_id": f"Q{mention.entity.number}"}


def _joined(sentences: Sequence[Sentence], language: Language) -> tuple[str, list[dict[str, int]]]:
    """The text of some sentences, and where each is."""
    texts = [text(words(sentence, language)) for sentence in sentences]
    firsts = [sum(len(before) + 1 for before in texts[:number]) for number in range(len(texts))]
    return " ".join(texts), [{"start": at, "end": at + len(one)} for at, one in zip(firsts, texts, strict=True)]
