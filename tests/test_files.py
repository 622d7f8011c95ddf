"""Folders that are written as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stilts import files
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


class _Killed(BaseException):
    """Ends a call as a kill does: nothing may clean up after it."""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_what_a_killed_call_left_is_put_right(renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before, between and after the two renames: the next call finds a whole folder, even if it fails itself."""
    folder, real, done = tmp_path / "b", os.rename, []
    write_folder(folder, {"one.txt": "1"})

    def rename(*paths: Path) -> None:
        if len(done) == renames:
            raise _Killed
        done.append(paths)
        real(*paths)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", rename)
        patched.setattr(files, "_put_right", lambda *paths: None)
        if renames == 2:
            write_folder(folder, {"two.txt": "2"})
        else:
            with pytest.raises(_Killed):
                write_folder(folder, {"two.txt": "2"})
    assert folder.exists() == (renames != 1)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(UnicodeEncodeError):
        write_folder(folder, {"three.txt": "\ud800"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert [path.name for path in folder.iterdir()] == ["two.txt" if renames == 2 else "one.txt"]
    write_folder(folder, {"three.txt": "3"})
    assert [path.name for path in tmp_path.rglob("*")] == ["b", "three.txt"]


def test_a_rename_that_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, real = tmp_path / "b", os.rename
    write_folder(folder, {"one.txt": "1"})

    def rename(source: Path, target: Path) -> None:
        if source.name.endswith(".tmp"):
            raise OSError("disk")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OSError, match="disk"):
        write_folder(folder, {"two.txt": "2"})
    assert [path.name for path in tmp_path.rglob("*")] == ["b", "one.txt"]
