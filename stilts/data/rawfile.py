"""Opens raw text files strictly: UTF-8 only, rows counted from 1, and one kind of error for a row that is wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts.errors import InputError


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(row, text) of every line, rows from 1, without the line end (LF or CRLF) and without a byte order mark.

    Only LF ends a line: texts may hold U+2028, U+0085 and lone carriage returns.
    """
    with open(path, "rb") as file:
        for row, raw in enumerate(file, start=1):
            try:
                text = raw.decode("utf-8-sig" if row == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise not_utf8(path, row, error) from None
            yield row, text.removesuffix("\n").removesuffix("\r")


def filled_lines(path: Path) -> Iterator[tuple[int, str]]:
    """As `lines`, but blank lines at the end of the file are left out and a blank line elsewhere is an error.

    A line of tabs is not blank: all its fields are empty.
    """
    blank = 0
    for row, text in lines(path):
        if not text.strip(" \r"):
            blank = blank or row
            continue
        if blank:
            raise malformed(path, blank, "the row is blank", "one example a row", "remove the row or mend the file")
        yield row, text


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, fields) of a CSV file with a header; a quoted field may hold line ends: a row is named by its first line.

    Raises InputError for broken quoting and for rows with other fields than the header.
    """
    reader = csv.reader((f"{text}\n" for _, text in lines(path)), strict=True)
    header: list[str] = []
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise malformed(path, number, f"broken CSV ({error})", "fields as RFC 4180 has them", "mend it") from None
        if fields is None:
            return
        if not header:
            header = fields
        elif fields and len(fields) != len(header):
            found = f"{len(fields)} field{'s' if len(fields) > 1 else ''} separated by commas"
            raise malformed(path, number, found, f"{len(header)} as in the header", "mend the row")
        elif fields:
            yield number, dict(zip(header, fields, strict=True))


def load_json(path: Path) -> Any:
    """The value in a JSON file. Raises InputError for other than UTF-8 or broken JSON, with line and column."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise not_utf8(path, raw.count(b"\n", 0, error.start) + 1, error) from None
    except json.JSONDecodeError as error:
        raise malformed(
            path,
            error.lineno,
            f"broken JSON at column {error.colno} ({error.msg})",
            "a whole JSON file",
            "mend the file",
        ) from None
    if half := _half_a_character(text, value):
        raise InputError(f"{path}: {half}", "Unicode text", "mend the file")
    return value


def load_json_row(path: Path, row: int, text: str) -> dict[str, Any]:
    """The object in one row of a JSON-lines file."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise malformed(
            path, row, f"broken JSON at column {error.colno} ({error.msg})", "one JSON object a row", "mend the row"
        ) from None
    if not isinstance(value, dict):
        raise malformed(path, row, "the row is no JSON object", "one JSON object a row", "mend the row")
    if half := _half_a_character(text, value):
        raise malformed(path, row, half, "Unicode text", "mend the row")
    return value


def _half_a_character(text: str, value: Any) -> str:
    """What is wrong with JSON that escapes one half of a surrogate pair alone (\\ud83d), which is no text; else ""."""
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            return f"\\u{ord(error.object[error.start]):04x} is half of a surrogate pair"
    return ""


def malformed(path: Path, row: int, found: str, expected: str, change: str) -> InputError:
    """The error for a wrong row."""
    return InputError(f"{path}, row {row}: {found}", expected, change)


def not_utf8(path: Path, row: int, error: UnicodeDecodeError) -> InputError:
    """The error for bytes that are not UTF-8."""
    found = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
    return malformed(path, row, found, "UTF-8 text", "convert the file to UTF-8")


def text_field(path: Path, row: int, name: str, value: Any) -> str:
    """`value` if it is text. Raises InputError that names the field."""
    if not isinstance(value, str):
        found = f"field {name!r} is missing" if value is None else f"field {name!r} is {value!r}"
        raise malformed(path, row, found, f"text in {name!r}", "mend the row")
    return value
