"""Where files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.sources import find_files, read_examples
from stilts.errors import InputError
from stilts.tasks import get_task

ROW = "a\tb\tneutral\n"


def test_official_names_below_root(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli/dev-sw.tsv").write_text(ROW)
    examples, paths = read_examples(get_task("xnli"), "dev", "sw", DataSettings(root=str(tmp_path)))
    assert (len(examples), paths) == (1, [tmp_path / "xnli/dev-sw.tsv"])


def test_the_first_candidate_that_exists_wins(tmp_path: Path) -> None:
    data = DataSettings(root=str(tmp_path))
    for name in ("snli/glue_data/SNLI/dev.tsv", "snli/snli_1.0/snli_1.0_dev.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(ROW)
        assert find_files(get_task("snli"), "dev", "en", data) == [tmp_path / name]


def test_all_treebanks_of_a_language_in_sorted_order(tmp_path: Path) -> None:
    names = [
        "UD_English-ParTUT/en_partut-ud-dev.conllu",
        "UD_English-EWT/en_ewt-ud-dev.conllu",
        "UD_X/x_y-ud-dev.conllu",
    ]
    for name in names:
        (tmp_path / "ud" / name).parent.mkdir(parents=True)
        word = f"1\t{name[11]}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
        (tmp_path / "ud" / name).write_text(f"# sent_id = 1\n{word}")
    examples, paths = read_examples(get_task("udpos"), "dev", "en", DataSettings(root=str(tmp_path)))
    assert [path.name for path in paths] == ["en_ewt-ud-dev.conllu", "en_partut-ud-dev.conllu"]
    assert [e.id for e in examples] == ["1", "1#2"]


def test_an_override_is_looked_for_below_root_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, here = tmp_path / "root", tmp_path / "here"
    root.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    data = DataSettings(root=str(root), files={"xnli": {"dev": {"en": "my.tsv"}}})
    with pytest.raises(InputError) as caught:
        find_files(get_task("xnli"), "dev", "en", data)
    assert f"no file at {root / 'my.tsv'} or my.tsv; expected the dev split of xnli in 'en'" in str(caught.value)
    assert "data.files.xnli.dev.en" in str(caught.value)
    (here / "my.tsv").write_text(ROW)
    assert find_files(get_task("xnli"), "dev", "en", data) == [Path("my.tsv")]
    (root / "my.tsv").write_text(ROW)
    assert find_files(get_task("xnli"), "dev", "en", data) == [root / "my.tsv"]


def test_a_missing_file_names_every_path_tried(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_files(get_task("pawsx"), "test", "de", DataSettings(root=str(tmp_path)))
    assert "pawsx/x-final/de/test_2k.tsv or " in str(caught.value)
    assert "pawsx/xtreme/test-de.tsv" in str(caught.value)


def test_without_a_root(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lareqa/test/en has no file: data\.root is not set, and the hub has no test"):
        find_files(get_task("lareqa"), "test", "en", DataSettings())
    with pytest.raises(InputError, match="xquad has no train split"):
        find_files(get_task("xquad"), "train", "en", DataSettings(root=str(tmp_path)))
    with pytest.raises(InputError, match="is a folder"):
        find_files(get_task("xnli"), "dev", "en", DataSettings(files={"xnli": {"dev": {"en": str(tmp_path)}}}))


def test_limit_reads_the_first_examples(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("".join(f"{n}\tb\tneutral\n" for n in range(9)))
    data = DataSettings(files={"xnli": {"dev": {"en": str(tmp_path / "x.tsv")}}})
    assert [e.text_a for e in read_examples(get_task("xnli"), "dev", "en", data, limit=2)[0]] == ["0", "1"]
