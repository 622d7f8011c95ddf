"""Sizes and hashes of a checkpoint's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import xxhash

from stilts.training import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files and their manifest."""
    (tmp_path / "engine").mkdir()
    files = {}
    for name, content in (("engine/a.pt", b"a" * 1000), ("engine/b.pt", b""), ("state.json", b"{}")):
        (tmp_path / name).write_bytes(content)
        files[name] = manifest.entry_of(tmp_path / name)
    manifest.write_manifest(tmp_path, files)
    return tmp_path


def test_what_was_written_is_what_is_read(folder: Path) -> None:
    files = manifest.read_manifest(folder)
    assert [(name, entry["size"]) for name, entry in files.items()] == [
        ("engine/a.pt", 1000), ("engine/b.pt", 0), ("state.json", 2)
    ]  # fmt: skip
    assert files["engine/a.pt"]["xxh3_128"] == xxhash.xxh3_128(b"a" * 1000).hexdigest()
    assert manifest.strangers(folder, files) == []
    assert manifest.damages(folder, files, files) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"a" * 999, "has 999 bytes instead of 1000"), (b"a" * 999 + b"b", "is damaged"), (None, "is missing")],
)
def test_damages_are_named(folder: Path, content: bytes | None, problem: str) -> None:
    files = manifest.read_manifest(folder)
    path = folder / "engine/a.pt"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (line,) = manifest.damages(folder, files, files)
    assert problem in line
    assert str(path) in line


def test_strangers_are_named(folder: Path) -> None:
    files = manifest.read_manifest(folder)
    (folder / "engine/c.pt").touch()
    (folder / "state.json").unlink()
    foreign, missing = manifest.strangers(folder, files)
    assert foreign == f"{folder}/engine/c.pt does not belong to the checkpoint"
    assert missing == f"{folder}/state.json is missing"


def test_what_nfs_keeps_of_a_removed_file_is_no_stranger(folder: Path) -> None:
    (folder / "engine/.nfs0000001").touch()
    assert manifest.strangers(folder, manifest.read_manifest(folder)) == []


@pytest.mark.parametrize("change", [("1000", "1001"), ("{", "["), ('"checksum"', '"check"')])
def test_a_damaged_manifest_is_none(folder: Path, change: tuple[str, str]) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(ValueError, match=r"manifest.json is damaged"):
        manifest.read_manifest(folder)
    path.unlink()
    with pytest.raises(ValueError, match="has no manifest"):
        manifest.read_manifest(folder)
