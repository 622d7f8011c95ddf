"""Reads a small CSV file that a study brings beside its scores: one row a language, or a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stilts.errors import InputError


def read_named_rows(path: Path, name: str, needed: Sequence[str] = (), setting: str = "") -> pd.DataFrame:
    """The rows, texts, index the column `name`, empty where nothing stands.

    Args:
        path: the file.
        name: what a row is about; each may come once.
        needed: further columns that must be there.
        setting: the key that names the file.

    Raises:
        InputError: no such file, none that is CSV, a column that is not there, a name that comes twice.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", f"a CSV file of {name}s", f"change {setting}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}", "CSV with a header", "mend the file") from None
    wanted = (name, *needed)
    absent = [column for column in wanted if column not in table]
    if absent:
        found = f"{path} lacks {', '.join(absent)}: it has the columns {', '.join(table)}"
        raise InputError(found, " and ".join(wanted), "add what is lacking")
    twice = table[name][table[name].duplicated()]
    if len(twice):
        raise InputError(f"{path} has {twice.iloc[0]} twice", f"one row a {name}", "remove a row")
    return table.set_index(name)
