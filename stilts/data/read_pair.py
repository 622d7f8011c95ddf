"""Reads sentence pairs: JSON lines (SNLI, ANLI), TSV with a header (GLUE, PAWS-X, XNLI, XNLI-MT), XTREME's without one.

TSV is read without quoting: fields hold unbalanced quotation marks. XTREME's writer doubled some marks; as in its own
reader they stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from stilts.data.rawfile import filled_lines, lines, load_json_row, malformed, text_field
from stilts.tasks.base import Task
from stilts.tasks.examples import PairExample

log = logging.getLogger(__name__)

# Names that official files give to the same thing.
_TEXT_A, _TEXT_B = ("sentence1", "premise", "context", "question1"), ("sentence2", "hypothesis", "hypo", "question2")
_JSON_TEXTS = (("context", "hypothesis"), ("premise", "hypothesis"), ("sentence1", "sentence2"))  # ANLI has the first
_LABEL, _ID, _LANGUAGE = ("gold_label", "label", "is_duplicate"), ("pairID", "id", "uid"), ("language",)
_SAME_LABEL = {
    "contradictory": "contradiction",  # XNLI's machine-translated training files
    **{"e": "entailment", "n": "neutral", "c": "contradiction"},  # ANLI
}
_NO_GOLD = ("-", "-1")  # SNLI and MultiNLI: the annotators did not agree; -1 in copies of them
# GLUE's SNLI: rows with five annotators have four columns more than the header, label2 to label5 before the gold one.
_ONE_ANNOTATOR = ["label1", "gold_label"]
_TRANSLATED = 5  # columns of XTREME's translated training data
_LOOKED_AT = 20  # rows that tell how many columns a file has
_BROKEN = ("qqp",)  # line ends within a question break some rows, which every reader of GLUE leaves out

Row = tuple[int, str, str, str, str | None]  # row, id, first text, second text, label


def read_pairs(task: Task, paths: list[Path], language: str, translated: bool = False) -> Iterator[PairExample]:
    """Pairs of all files, without rows that have no gold label ("-", -1). Placeholders (PAWS-X's "NS") are kept.

    The id is the file's own, else the row number, so rows that are left out do not shift the others. `translated`: rows
    of XTREME's translations that have other than five columns or no label are left out.
    """
    for path in paths:
        yield from pairs(task, path, _rows(task, path, language, translated))


def pairs(task: Task, path: Path, rows: Iterable[Row]) -> Iterator[PairExample]:
    """The pairs of one file's rows: see `read_pairs`.

    Raises InputError for an unknown label, and where every second row has an empty text: no data set has many.
    """
    dropped, count, empty = 0, 0, []
    for row, name, text_a, text_b, label in rows:
        if label is not None and _SAME_LABEL.get(label) in task.labels:
            label = _SAME_LABEL[label]
        if label in _NO_GOLD and "entailment" in task.labels:
            dropped += 1
            continue
        count += 1
        empty += [(row, field) for field, text in (("first", text_a), ("second", text_b)) if not text.strip()]
        if label is not None and label not in task.labels:
            expected = f"one of {', '.join(task.labels)}"
            raise malformed(path, row, f"unknown label {label!r}", expected, "mend the row")
        yield PairExample(name, text_a, text_b, label)
    if dropped:
        log.info("%s: left out %d rows without a gold label", path, dropped)
    if 2 * len(empty) >= max(count, 1) and "" not in task.placeholders:
        row, field = empty[0]
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise malformed(path, row, f"the {field} text is empty{more}", "two texts", "mend or remove the row")


def _rows(task: Task, path: Path, language: str, translated: bool = False) -> Iterator[Row]:
    first = next(filled_lines(path), None)
    if first is None:
        return
    if first[1].lstrip().startswith("{"):
        yield from _json_rows(path)
    elif _column(first[1].split("\t"), _TEXT_A) is not None and _column(first[1].split("\t"), _TEXT_B) is not None:
        yield from _header_rows(path, language, task.name in _BROKEN)
    elif translated and _TRANSLATED in {len(text.split("\t")) for _, text in islice(lines(path), _LOOKED_AT)}:
        yield from _translated_rows(task, path, language)
    else:
        yield from _plain_rows(path, language)


def _json_rows(path: Path) -> Iterator[Row]:
    for row, text in filled_lines(path):
        value = load_json_row(path, row, text)
        a, b = next((names for names in _JSON_TEXTS if names[0] in value), _JSON_TEXTS[-1])
        text_a, text_b = text_field(path, row, a, value.get(a)), text_field(path, row, b, value.get(b))
        field, name = (next((key for key in names if key in value), None) for names in (_LABEL, _ID))
        label = None
        if field is not None:
            label = str(-1) if value[field] == -1 else text_field(path, row, field, value[field])
        yield row, str(value[name]) if name is not None else str(row), text_a, text_b, label


def _header_rows(path: Path, language: str, broken: bool) -> Iterator[Row]:
    """Rows by the names of the header; with `broken`, those with other than its number of columns are left out."""
    rows = lines(path) if broken else filled_lines(path)
    header = next(rows)[1].split("\t")
    a, b = _column(header, _TEXT_A), _column(header, _TEXT_B)
    label, name, code = _column(header, _LABEL), _column(header, _ID), _column(header, _LANGUAGE)
    assert a is not None, header
    assert b is not None, header
    left_out = 0
    for row, text in rows:
        fields = text.split("\t")
        if len(fields) == len(header) + 4 and header[-2:] == _ONE_ANNOTATOR:
            fields = [*fields[: len(header) - 1], fields[-1]]
        if len(fields) != len(header):
            if not broken:
                raise _columns(path, row, fields, f"{len(header)} as in the header")
            left_out += bool(text.strip())
            continue
        if code is not None and fields[code] != language:  # the official XNLI file holds all languages
            continue
        yield (
            row,
            fields[name] if name is not None else str(row),
            fields[a],
            fields[b],
            fields[label].strip() if label is not None else None,
        )
    if left_out:
        log.info("%s: left out %d rows that are broken by a line end within a text", path, left_out)


def _plain_rows(path: Path, language: str) -> Iterator[Row]:
    """Two texts, and a label where there is one; in XTREME's translated training data the translations come between."""
    width = 0
    for row, text in filled_lines(path):
        fields = text.split("\t")
        width = width or len(fields)
        if len(fields) != width or width not in (2, 3, 5):
            known = width in (2, 3, 5)
            raise _columns(path, row, fields, f"{width} as in row 1" if known else "2 or 3 (texts, label)")
        if width == 5 and language != "en":
            fields = fields[2:]
        yield row, str(row), fields[0], fields[1], fields[-1].strip() if width > 2 else None


def _translated_rows(task: Task, path: Path, language: str) -> Iterator[Row]:
    """Rows of XTREME's translated training data; some are wrongly filled (tensorflow_datasets, xtreme_pawsx).

    Raises InputError where every second one is.
    """
    broken, count = [], 0
    for count, (row, text) in enumerate(lines(path), start=1):  # noqa: B007
        fields = text.split("\t")
        label = fields[-1].strip()
        if len(fields) != _TRANSLATED or _SAME_LABEL.get(label, label) not in task.labels:
            broken += [row] if text.strip() else []
            continue
        text_a, text_b = fields[2:4] if language != "en" else fields[:2]
        yield row, str(row), text_a, text_b, label
    if 2 * len(broken) >= max(count, 1):
        found = f"{len(broken)} of {count} rows have other than {_TRANSLATED} columns or no label"
        raise malformed(path, broken[0], found, "two texts, their translations and a label", "mend the file")
    if broken:
        log.warning("%s: left out %d rows with other than %d columns or no label", path, len(broken), _TRANSLATED)


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _columns(path: Path, row: int, fields: list[str], expected: str) -> Exception:
    plural = "column" if len(fields) == 1 else "columns"
    return malformed(path, row, f"{len(fields)} {plural} separated by tabs", expected, "mend the row")
