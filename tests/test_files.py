"""Folders that are written as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.files import write_folder


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write_folder(folder, {"x/one.txt": "1\r\n", "two.txt": "ü"})
    assert (folder / "x" / "one.txt").read_bytes() == b"1\r\n"
    write_folder(folder, {"three.txt": "3"})
    assert [path.name for path in folder.iterdir()] == ["three.txt"]
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


def test_where_writing_fails_the_old_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    write_folder(folder, {"one.txt": "1"})
    with pytest.raises(UnicodeEncodeError):
        write_folder(folder, {"two.txt": "2", "three.txt": "\ud800"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (folder / "one.txt").read_text() == "1"
