"""Reads Mewsli-X: mentions in news, pairs of a mention and its entity from Wikipedia, and candidate entities.

JSON lines in the layouts of the release of May 2022, as its `get-mewsli-x.sh` leaves them
(dense_representations_for_entity_retrieval/mel/mewsli-x.md of google-research/google-research). Texts are made as in
`preprocess_mention` and `preprocess_entity_description` of utils_mewslix.py of google-research/xtreme at 66367fa.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.data.rawfile import filled_lines, load_json_row, malformed
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import EntityExample

_BRACES, MARK = re.compile(r"\{(.*?)\}"), re.compile(r"\{ (.*?) \}")


def read_entities(task: Task, paths: list[Path], language: str) -> Iterator[EntityExample]:
    """The mentions of one language, alone or with their entities, or all candidates, by what a row has.

    Raises InputError for a row that lacks a field, and for the released files without text.
    """
    for path in paths:
        for number, line in filled_lines(path):
            row = load_json_row(path, number, line)
            try:
                yield from _examples(row, language)
            except InputError as error:
                raise malformed(path, number, error.found, error.expected, error.change) from None
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                found = f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
                expected = "an entity, a mention and its entity, or mentions in a context, as Mewsli-X has them"
                raise malformed(path, number, found, expected, "mend the row") from None


def _examples(row: Mapping[str, Any], language: str) -> Iterator[EntityExample]:
    if "contextual_mention" in row:
        context, mention = row["contextual_mention"]["context"], row["contextual_mention"]["mention"]
        if context["language"] == language:
            yield _example(context, mention, described(row["entity"]))
    elif "mentions" in row:
        for mention in row["mentions"] if row["context"]["language"] == language else ():
            yield _example(row["context"], mention, "")
    else:
        yield EntityExample(row["entity_id"], "", row["entity_id"], described(row))


def _example(context: Mapping[str, Any], mention: Mapping[str, Any], description: str) -> EntityExample:
    return EntityExample(
        mention["example_id"], marked(context, mention["mention_span"]), mention["entity_id"], description
    )


def marked(context: Mapping[str, Any], span: Mapping[str, Any]) -> str:
    """The mention, and its sentence with the mention between braces: "Smith: For { Smith } it came back.".

    The mention comes first so that cutting a long sentence never loses it. Braces of the text become parentheses. Where
    a mention lies in several sentences, or in none, all that it touches is taken, or the whole text.
    """
    text, first, end = context["text"], int(span["start"]), int(span["end"])
    if not text:
        expected = "text from WikiNews, which the release leaves out"
        raise InputError("the context has no text", expected, "take the files that its get-mewsli-x.sh makes")
    if text[first:end] != span["text"] or not span["text"]:
        found = f"the mention {span['text']!r} is not at {first} to {end} of its text"
        raise InputError(found, "a mention as the text has it", "mend the row")
    touched = [(at, to) for at, to in _bounds(context["sentence_spans"]) if at < end and first < to]
    start, stop = (touched[0][0], touched[-1][1]) if touched else (0, len(text))
    left = _BRACES.sub(r"(\1)", text[min(start, first) : first])
    right = _BRACES.sub(r"(\1)", text[end : max(stop, end)])
    return _line(f"{span['text']}: {left} {{ {span['text']} }} {right}")


def unmarked(text: str) -> str:
    """What `marked` made a text of, but for its braces."""
    found = MARK.search(text)
    return text[len(found[1]) + 2 : found.start()] + found[1] + text[found.end() :] if found else text


def described(entity: Mapping[str, Any]) -> str:
    """The sentences of an entity's description."""
    text = entity["description"]
    found = _line(" ".join(text[first:end] for first, end in _bounds(entity["sentence_spans"])))
    if not found:
        raise InputError(f"the entity {entity['entity_id']} has no description", "a text", "mend the row")
    return found


def _bounds(spans: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    return [(int(span["start"]), int(span["end"])) for span in spans]


def _line(text: str) -> str:
    """One line; two spaces become one, once, as upstream."""
    return " ".join(text.splitlines()).replace("  ", " ").strip()
