"""Writes a translated training set in the layout of the task's official file, and in XTREME's where that has one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from stilts.data.hub import language_values
from stilts.files import replacing
from stilts.tasks.base import Task
from stilts.tasks.translations import WRITTEN, xtreme_file
from stilts.translation.carry import Translated
from stilts.translation.records import Record, fields_of, put_texts

Row = tuple[Record, Translated]

# columns of the official files: id, the two texts, the label; and the labels that ANLI writes
_PAIR = {
    "qqp": ("id", "question1", "question2", "is_duplicate"),
    "pawsx": ("id", "sentence1", "sentence2", "label"),
    "anli": ("uid", "context", "hypothesis", "label"),
}
_NLI = ("pairID", "sentence1", "sentence2", "gold_label")
_PLAIN = ("/xtreme/", "pawsx/train-")  # XTREME's own files have no header and no ids


def official_path(task: Task, source: str, language: str, read: Sequence[Path], root: str | None) -> str:
    """Where the translation lies below `--out`: the official name of the file that was read, else the first one."""
    english, values = language_values(source), language_values(language)
    candidates = [pattern.split(" + ")[0] for pattern in task.files["train"].split("|")]
    names = [path.relative_to(root).as_posix() for path in read if root and path.is_relative_to(root)]
    matching = [c for c in candidates if any(fnmatchcase(name, c.format(**english)) for name in names)]
    chosen = (matching or candidates)[0].format(**values).replace("*", "")
    return f"{WRITTEN.format(source=source, language=language)}/{chosen}"


def xtreme_path(task: Task, language: str) -> str | None:
    """Where XTREME has the same below a folder; None where it has none."""
    pattern = xtreme_file(task)
    return None if pattern is None else pattern.format(language=language)


def write_official(task: Task, path: Path, rows: Iterable[Row]) -> None:
    """Write the rows as the task's official training file has them; `path` says which kind of file that is."""
    writers = {"span": _spans, "mlm": _text, "pair": _pairs, "choice": _choices}
    _write(path, writers[task.format](task, path, rows))


def write_xtreme(task: Task, path: Path, rows: Iterable[Row]) -> None:
    """Write the rows as XTREME's translations have them: five columns of pairs, SQuAD's JSON of questions."""
    if task.format == "span":
        _write(path, _spans(task, path, rows))
    else:
        _write(path, (_tsv(*record.texts, *done.texts, record.rest["label"]) for record, done in rows))


def _write(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as out:
        for part in parts:
            out.write(part.encode())


def _pairs(task: Task, path: Path, rows: Iterable[Row]) -> Iterator[str]:
    names, plain = _PAIR.get(task.name, _NLI), any(mark in str(path) for mark in _PLAIN)
    if path.suffix != ".jsonl" and not plain:
        yield _tsv(*names)
    for record, done in rows:
        values = record.id, *done.texts, record.rest["label"]
        if path.suffix == ".jsonl":
            content = dict(zip(names, values, strict=True))
            yield json.dumps({**content, "label": values[-1][0]} if task.name == "anli" else content,
                             ensure_ascii=False) + "\n"  # fmt: skip
        else:
            yield _tsv(*values[plain:])


def _spans(task: Task, path: Path, rows: Iterable[Row]) -> Iterator[str]:
    """SQuAD's JSON: neighbours of one title are one article, neighbours of one context one paragraph.

    Where there are no titles (TyDiQA) the source's context is one, which `stilts.data.parts` takes for the article in
    the source, too: an article that is held out is so in every language.
    """
    articles: list[dict[str, Any]] = []
    for record, done in rows:
        title = record.rest["title"] or record.texts[1]
        if not articles or articles[-1]["title"] != title:
            articles.append({"title": title, "paragraphs": []})
        paragraphs, context = articles[-1]["paragraphs"], done.texts[1]
        if not paragraphs or paragraphs[-1]["context"] != context:
            paragraphs.append({"context": context, "qas": []})
        answers = [{"text": done.answer[1], "answer_start": done.answer[0]}] if done.answer else []
        item = {"id": record.id, "question": done.texts[0], "answers": answers}
        paragraphs[-1]["qas"].append({**item, "is_impossible": not answers} if task.has_no_answer else item)
    yield json.dumps({"version": "2.0" if task.has_no_answer else "1.1", "data": articles}, ensure_ascii=False)


def _choices(task: Task, path: Path, rows: Iterable[Row]) -> Iterator[str]:
    header: list[str] = []
    for record, done in rows:
        given = record.rest["row"]
        value = put_texts(given, fields_of(task.reader, given), done.texts)
        if path.suffix != ".csv":
            yield json.dumps(value, ensure_ascii=False) + "\n"
            continue
        if not header:
            header = list(value)
            yield _csv(header)
        yield _csv([value[name] for name in header])


def _text(task: Task, path: Path, rows: Iterable[Row]) -> Iterator[str]:
    for _, done in rows:
        yield _one_line(done.texts[0]) + "\n"


def _tsv(*fields: str) -> str:
    return "\t".join(map(_one_line, fields)) + "\n"


def _csv(fields: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(fields)
    return out.getvalue()


def _one_line(text: str) -> str:
    """Without tabs and line ends, which separate columns and rows."""
    return " ".join(text.replace("\t", " ").splitlines())
