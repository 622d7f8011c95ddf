"""Tasks that join others: ANLI+ is SNLI, MultiNLI and ANLI, read as one training set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings, ModelSettings
from stilts.data.leaks import LeakCheck
from stilts.data.sources import find_files, is_official, read_examples
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks import get_task

PLUS = get_task("anli_plus")


@pytest.fixture
def data(tmp_path: Path) -> DataSettings:
    """4 rows of SNLI (one without gold), 2 of MNLI and 2 of ANLI in official names and formats."""

    def write(name: str, rows: list[str]) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("".join(f"{row}\n" for row in rows))

    gold = ("neutral", "-", "entailment", "contradiction")
    write("snli/snli_1.0/snli_1.0_train.jsonl",
          [json.dumps({"gold_label": g, "sentence1": f"s{n}", "sentence2": "t", "pairID": f"p{n}"})
           for n, g in enumerate(gold)])  # fmt: skip
    header = "pairID\tsentence1\tsentence2\tgold_label"
    write("mnli/glue_data/MNLI/train.tsv", [header, "m1\ta\tb\tneutral", "m2\tc\td\t-1", "m3\te\tf\tneutral"])
    for number, label in ((1, "e"), (2, "c")):
        write(f"anli/anli_v1.0/R{number}/train.jsonl",
              [json.dumps({"uid": f"r{number}", "context": "x", "hypothesis": "y", "label": label})])  # fmt: skip
    return DataSettings(root=str(tmp_path))


def test_the_parts_are_dealt_out_by_their_shares(data: DataSettings) -> None:
    examples, paths = read_examples(PLUS, "train", "en", data)
    assert [example.id for example in examples] == [
        "snli/p0", "mnli/m1", "anli/r1", "snli/p2", "mnli/m3", "anli/r2", "snli/p3",
    ]  # fmt: skip
    assert [example.label for example in examples if example.id.startswith("anli")] == ["entailment", "contradiction"]
    assert [path.parts[-2] for path in paths] == ["snli_1.0", "MNLI", "R1", "R2"]
    assert read_examples(PLUS, "train", "en", data, limit=3)[0] == examples[:3]


def test_files_of_a_part_count_in_the_whole(data: DataSettings, tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("a\tb\tneutral\n")
    own = DataSettings(root=data.root, files={"snli": {"train": {"en": "own.tsv"}}})
    assert find_files(PLUS, "train", "en", own)[0] == tmp_path / "own.tsv"
    assert [e.id for e in read_examples(PLUS, "train", "en", own)[0] if e.id.startswith("snli")] == ["snli/1"]
    assert is_official(PLUS, "train", "en", data)
    assert not is_official(PLUS, "train", "en", own)
    spec = SetSpec("anli_plus", "train", "en", "train", 64, PLUS.version)
    assert spec.ref(ModelSettings(), own).folder != spec.ref(ModelSettings(), data).folder
    whole = DataSettings(root=data.root, files={"anli_plus": {"train": {"en": "own.tsv"}}})
    assert [example.id for example in read_examples(PLUS, "train", "en", whole)[0]] == ["1"]
    assert not is_official(PLUS, "train", "en", whole)


def test_a_part_that_is_missing_is_named(data: DataSettings, tmp_path: Path) -> None:
    (tmp_path / "mnli/glue_data/MNLI/train.tsv").unlink()
    with pytest.raises(InputError, match="expected the train split of mnli in 'en'"):
        read_examples(PLUS, "train", "en", data)
    with pytest.raises(InputError, match="snli has no dev2 split"):
        find_files(PLUS, "dev2", "en", data)


def test_declaration() -> None:
    parts = [get_task(name) for name in PLUS.parts]
    assert [part.name for part in parts] == ["snli", "mnli", "anli"]
    assert {part.labels for part in parts} == {PLUS.labels}
    assert PLUS.sizes["train"]["en"] == 1104934
    assert "anli_v1.0/R*/train.jsonl" in PLUS.files["train"]


# --- official data


def test_official_slices(real_data: Path) -> None:
    data = DataSettings(root=str(real_data))
    examples, paths = read_examples(PLUS, "dev", "en", data)
    assert len(examples) == 3001 + 240 + 1599
    assert len(paths) == 5
    assert len({example.id for example in examples}) == len(examples)
    assert len(read_examples(get_task("anli"), "dev", "en", data)[0]) == 1599


def leak_check(root: Path, files: dict[str, Any], scored: str) -> None:
    data = DataSettings(root=str(root), files=files)
    train = SetSpec("anli_plus", "train", "en", "train", 128, PLUS.version)
    specs = [train, SetSpec("xnli", "dev", scored, "evaluate", 128, 1)]
    LeakCheck(data, specs, lambda s: read_examples(get_task(s.task), s.split, s.language, data)[0]).run()


def test_the_leak_check_sees_the_parts(real_data: Path) -> None:
    files: dict[str, Any] = {
        "snli": {"train": {"en": "snli/snli_1.0/snli_1.0_dev.jsonl"}},
        "mnli": {"train": {"en": "mnli/glue_data/MNLI/train.more.tsv"}},
        "anli": {"train": {"en": "anli/anli_v1.0/R*/dev.jsonl"}},
    }
    leak_check(real_data, files, "sw")
    for part in ("snli", "mnli", "anli"):
        with pytest.raises(InputError, match=r"anli_plus/train/en and xnli/dev/en .* share 600 pairs"):
            leak_check(real_data, {**files, part: {"train": {"en": "xnli/dev-en.tsv"}}}, "sw")
