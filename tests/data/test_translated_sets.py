"""Machine-translated training sets: where they are looked for, what their readers forgive, and who made them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_prepare import WORDS, make_tokenizer, squad

from stilts.config import DataSettings, ModelSettings, Study, Target
from stilts.data.parts import take_turn
from stilts.data.prepare import prepare
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.errors import InputError
from stilts.tasks import TASKS, get_task
from stilts.tasks.examples import PairExample
from stilts.tasks.translations import is_translatable, translated_files

BUCKET = {
    "mnli": "XNLI/translate-train/en-sw-translated.tsv",
    "pawsx": "PAWSX/translate-train/en-sw-translated.tsv",
    "squad_v1": "SQuAD/translate-train/squad.translate.train.en-sw.json",
    "tydiqa": "TyDiQA-GoldP/translate-train/tydiqa.translate.train.en-sw.json",
}
MNLI = "Yes\tNo\tNdiyo\tHapana\tcontradiction\r\n"
WRITTEN = "translated/en-sw/mnli/glue_data/MNLI/train.tsv"


def put(root: Path, path: str, content: str) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)
    return root / path


def found(task: str, data: DataSettings, code: str = "sw") -> list[Path]:
    return find_files(get_task(task), "train", code, data, translated_from="en")


def examples(task: str, data: DataSettings, code: str = "sw") -> list[Any]:
    return read_examples(get_task(task), "train", code, data, translated_from="en")[0]


@pytest.mark.parametrize("folder", ["", "xtreme_translations/"])
@pytest.mark.parametrize("task", BUCKET)
def test_xtremes_bucket_below_root(tmp_path: Path, task: str, folder: str) -> None:
    data = DataSettings(root=str(tmp_path))
    with pytest.raises(InputError, match=rf"{BUCKET[task]}.*translated from 'en' into 'sw'.*data\.translations"):
        found(task, data)
    path = put(tmp_path, folder + BUCKET[task], "")
    assert found(task, data) == [path]


def test_what_stilts_wrote_goes_first_and_files_of_the_users_own_before_all(tmp_path: Path) -> None:
    put(tmp_path / "root", BUCKET["mnli"], MNLI)
    data = DataSettings(root=str(tmp_path / "root"))
    assert [e.text_a for e in examples("mnli", data)] == ["Ndiyo"]
    put(tmp_path / "root", WRITTEN, "sentence1\tsentence2\tgold_label\na\tb\tneutral\n")
    assert [e.text_a for e in examples("mnli", data)] == ["a"]
    put(tmp_path / "out", WRITTEN, "sentence1\tsentence2\tgold_label\nc\td\tneutral\n")
    data = replace(data, translations=str(tmp_path / "out"))
    assert [e.text_a for e in examples("mnli", data)] == ["c"]
    put(tmp_path / "root", "own.tsv", "e\tf\tneutral\n")
    data = replace(data, files={"mnli": {"train": {"sw": "own.tsv"}}})
    assert [e.text_a for e in examples("mnli", data)] == ["e"]


def test_the_english_file_never_stands_for_a_translation(tmp_path: Path) -> None:
    put(tmp_path, "mnli/glue_data/MNLI/train.tsv", "sentence1\tsentence2\tgold_label\na\tb\tneutral\n")
    with pytest.raises(InputError, match="no file at"):
        found("mnli", DataSettings(root=str(tmp_path)))
    with pytest.raises(InputError, match=r"neither data\.translations nor data\.root is set"):
        found("mnli", DataSettings())


def test_a_native_training_set_never_stands_for_a_translation(tmp_path: Path) -> None:
    put(tmp_path, "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json", squad(range(3)))
    with pytest.raises(InputError, match="no file at"):
        found("tydiqa", DataSettings(root=str(tmp_path)))


def test_joined_tasks_read_the_translations_of_their_parts(tmp_path: Path) -> None:
    row = {"gold_label": "neutral", "sentence1": "s", "sentence2": "t", "pairID": "1"}
    put(tmp_path, "translated/en-sw/snli/snli_1.0/snli_1.0_train.jsonl", json.dumps(row))
    put(tmp_path, BUCKET["mnli"], MNLI)
    anli = {"uid": "2", "context": "u", "hypothesis": "v", "label": "e"}
    put(tmp_path, "translated/en-sw/anli/anli_v1.0/R1/train.jsonl", json.dumps(anli))
    data = DataSettings(root=str(tmp_path))
    assert {e.text_a for e in examples("anli_plus", data)} == {"s", "Ndiyo", "u"}
    assert len(found("anli_plus", data)) == 3


def test_broken_rows_of_xtremes_translations_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As tensorflow_datasets does with PAWS-X; by rank of the broken row, also where it is the first one."""
    good = "A\tB\tC\tD\t1\r\n"
    put(tmp_path, BUCKET["pawsx"], "A\tB\tC\r\n" + 3 * good + "A\tB\tC\tD\tE\r\n" + good)
    with caplog.at_level(logging.WARNING):
        read = examples("pawsx", DataSettings(root=str(tmp_path)))
    assert read == [PairExample(str(row), "C", "D", "1") for row in (2, 3, 4, 6)]
    assert "left out 2 rows" in caplog.text
    assert [e.text_a for e in examples("pawsx", DataSettings(root=str(tmp_path)), "sw")] == ["C"] * 4
    put(tmp_path, BUCKET["pawsx"], good + 2 * "A\tB\tC\tD\tE\n")
    with pytest.raises(InputError, match="row 2: 2 of 3 rows have other than 5 columns or no label"):
        examples("pawsx", DataSettings(root=str(tmp_path)))


def test_questions_whose_answer_the_translation_lost_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads(squad(range(5)))
    content["data"][1]["paragraphs"][0]["qas"][0]["answers"][0]["text"] = "lost"
    content["data"][2]["paragraphs"][0]["qas"][0]["question"] = " "
    path = put(tmp_path, BUCKET["squad_v1"], json.dumps(content))
    data = DataSettings(root=str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert [e.id for e in examples("squad_v1", data)] == ["q0", "q3", "q4"]
    assert "left out 2 questions of 5, such as:" in caplog.text
    with pytest.raises(InputError, match="'lost' is not in its context"):
        read_examples(
            get_task("squad_v1"), "train", "en", replace(data, files={"squad_v1": {"train": {"en": str(path)}}})
        )
    content["data"] = content["data"][1:3]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="'lost' is not in its context"):
        examples("squad_v1", data)


def test_which_tasks_a_translated_recipe_may_have() -> None:
    allowed = {name for name, task in TASKS.items() if is_translatable(task)}
    assert allowed == {
        "snli", "mnli", "anli", "anli_plus", "qqp", "squad_v1", "squad_v2", "hellaswag", "cosmosqa", "commonsenseqa",
        "socialiqa", "copa", "mlm", "pawsx", "tydiqa",
    }  # fmt: skip
    assert translated_files(get_task("hellaswag"), "en")[0].startswith("translated/en-{language}/hellaswag/")


def test_turns_share_the_rows_out() -> None:
    rows: list[Any] = list(range(11))
    parts = [take_turn(rows, f"{number}/3") for number in (1, 2, 3)]
    assert parts == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]
    assert take_turn(rows, None) == rows


def test_prepared_sets_of_two_languages_have_the_rows_of_one(tmp_path: Path) -> None:
    """With a limit, and with the articles that are held out left out by their untranslated titles."""
    root = tmp_path / "raw"
    put(root, "squad/train-v1.1.json", squad(range(40)))
    for code in ("de", "sw"):
        path = put(root, f"translated/en-{code}/squad/train-v1.1.json", squad(range(40)).replace("where", f"wo-{code}"))
        maker = {"model": "m2m", "revision": None, "settings_hash": "abc", "source": [{"sha256": "0"}], "rows": 40}
        path.with_name("train-v1.1.json.translation.json").write_text(json.dumps(maker))
    make_tokenizer(tmp_path / "model", WORDS)
    model = ModelSettings(name=str(tmp_path / "model"))
    study = Study(name="s", model=model, data=DataSettings(root=str(root)), target=Target(tasks=["mlqa"]))
    english = SetSpec("squad_v1", "train", "en", "train", 64, 1, "rest", 20)
    turns = [
        replace(english, language=code, translated_from="en", turn=f"{number}/2")
        for number, code in enumerate(("de", "sw"), start=1)
    ]
    refs = prepare(study, [english, *turns], tmp_path / "features", progress=False)
    assert len({ref.folder for ref in refs}) == 3
    sets = [PreparedSet(tmp_path / "features" / ref.folder) for ref in refs]
    assert [len(one.examples) for one in sets] == [20, 10, 10]
    ids = [[e.id for e in one.examples] for one in sets]
    assert ids[1] == ids[0][::2]
    assert ids[2] == ids[0][1::2]
    assert sets[2].examples[0].question.startswith("wo-sw")
    assert sets[0].manifest["facts"].get("translated_by") is None
    wanted = {"model": "m2m", "revision": None, "settings_hash": "abc", "source": [{"sha256": "0"}]}
    assert sets[1].manifest["facts"]["translated_by"] == [wanted]
