"""Writes multiple-choice items in the layouts of HellaSwag, CommonsenseQA, CosmosQA, SocialIQA and (X)COPA."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from stilts.sample.choices import Choice
from stilts.sample.files import write_json_lines, write_lines
from stilts.sample.grammar import NounPhrase, Sentence, phrase_text, text, worded, words
from stilts.sample.language import Language

Writer = Callable[[Path, Sequence[Choice], Language, str], None]
LETTERS = "ABCDE"


def write_hellaswag(path: Path, items: Sequence[Choice], language: Language, name: str) -> None:
    """A first sentence, the subject of the second, and four ends of it."""
    rows = []
    for index, item in enumerate(items):
        first = worded(language, *item.context)
        subject, ends = _subject(item.choices[0], language), [_rest(choice, language) for choice in item.choices]
        row = {"ind": index, "activity_label": "sample", "ctx_a": first, "ctx_b": subject, "ctx": f"{first} {subject}"}
        rows.append({**row, "split": name, "split_type": "indomain", "label": item.label, "endings": ends})
    write_json_lines(path, rows)


def write_commonsenseqa(path: Path, items: Sequence[Choice], language: Language, name: str) -> None:
    """A question, and five words with letters."""
    rows = []
    for index, item in enumerate(items):
        choices = [
            {"label": letter, "text": _text(c, language)} for letter, c in zip(LETTERS, item.choices, strict=True)
        ]
        question = {"choices": choices, "stem": _question(item, language)}
        rows.append({"answerKey": LETTERS[item.label], "id": f"{name}-{index}", "question": question})
    write_json_lines(path, rows)


def write_cosmosqa(path: Path, items: Sequence[Choice], language: Language, name: str) -> None:
    """CSV with a header: context, question, four answers, number of the right one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "context", "question", *(f"answer{i}" for i in range(4)), "label"])
    for index, item in enumerate(items):
        texts = [
            worded(language, *item.context),
            _question(item, language),
            *(_text(c, language) for c in item.choices),
        ]
        writer.writerow([f"{name}##{index}", *texts, item.label])
    write_lines(path, out.getvalue().splitlines())


def write_socialiqa(path: Path, items: Sequence[Choice], language: Language, name: str) -> None:
    """A context, what the person does next, and three answers."""
    rows = []
    for item in items:
        who = _subject(item.choices[0], language)
        row = {"context": worded(language, *item.context), "question": f"What will {who} do next?"}
        row |= {f"answer{letter}": _rest(c, language) for letter, c in zip("ABC", item.choices, strict=True)}
        rows.append({**row, "correct": LETTERS[item.label]})
    write_json_lines(path, rows)


def write_copa(path: Path, items: Sequence[Choice], language: Language, name: str) -> None:
    """XCOPA's JSON lines: a premise, two sentences, "cause" or "effect"."""
    rows = []
    for index, item in enumerate(items):
        row = {"premise": worded(language, *item.context)}
        row |= {f"choice{i}": _text(choice, language) for i, choice in enumerate(item.choices, start=1)}
        rows.append({**row, "question": item.question, "label": item.label, "idx": index, "changed": False})
    write_json_lines(path, rows)


def _question(item: Choice, language: Language) -> str:
    assert isinstance(item.question, Sentence)
    return worded(language, item.question)


def _text(choice: Sentence | NounPhrase, language: Language) -> str:
    return phrase_text(choice, language) if isinstance(choice, NounPhrase) else worded(language, choice)


def _subject(choice: Sentence | NounPhrase, language: Language) -> str:
    """The subject of a sentence by itself: "the baker", or a name."""
    assert isinstance(choice, Sentence)
    return phrase_text(choice.subject, language)


def _rest(choice: Sentence | NounPhrase, language: Language) -> str:
    """The sentence without its subject; only the base language, where the subject comes first, is written so."""
    assert isinstance(choice, Sentence)
    assert language.is_base
    return text([token for token in words(choice, language) if token.part != "subject"])
