"""From raw files to prepared sets: what is made, kept, rebuilt and refused."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from stilts.config import DataSettings, ModelSettings, Study, Target, TargetTask
from stilts.data import build
from stilts.data.parts import article_of, take_part
from stilts.data.prepare import prepare
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.errors import InputError, StiltsError
from stilts.tasks.examples import SpanExample, TaggingExample

WORDS = [f"w{number}" for number in range(400)]


def make_tokenizer(folder: Path, words: list[str]) -> Path:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, *words])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>",
             "pad_token": "<pad>", "mask_token": "<mask>"}  # fmt: skip
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, model_input_names=["input_ids", "attention_mask"], **names
    ).save_pretrained(folder)
    return folder


def conllu(first: int, sentences: int) -> str:
    blocks = []
    for number in range(first, first + sentences):
        words = [WORDS[(number * 7 + k * 3) % 300 + k] for k in range(9)]
        blocks.append("".join(f"{k}\t{w}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n" for k, w in enumerate(words, start=1)))
    return "\n".join(blocks)


def squad(articles: range, title: str = "T{}") -> str:
    data = []
    for number in articles:
        words = [WORDS[(number * 11 + k) % 400] for k in range(12)]
        qa = {"id": f"q{number}", "question": f"where {words[3]}", "answers": [{"text": words[3], "answer_start": 0}]}
        start = len(" ".join(words[:3])) + 1
        qa["answers"][0]["answer_start"] = start  # type: ignore[index]
        data.append({"title": title.format(number), "paragraphs": [{"context": " ".join(words), "qas": [qa]}]})
    return json.dumps({"data": data})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    root = tmp_path / "raw"
    files = {
        "ud/UD_English-A/en_a-ud-train.conllu": conllu(0, 60),
        "ud/UD_English-A/en_a-ud-dev.conllu": conllu(60, 10),
        "squad/train-v1.1.json": squad(range(40)),
        "xquad/xquad.de.json": squad(range(100, 106)),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    make_tokenizer(tmp_path / "model", WORDS)
    return Study(
        name="s",
        model=ModelSettings(name=str(tmp_path / "model")),
        data=DataSettings(root=str(root)),
        target=Target(tasks=["udpos", "xquad"]),
    )


TRAIN = SetSpec("udpos", "train", "en", "train", 32, 1)
SELECT = SetSpec("udpos", "dev", "en", "select", 32, 1)
DEV = SetSpec("udpos", "dev", "en", "evaluate", 32, 1)
SQUAD = SetSpec("squad_v1", "train", "en", "train", 64, 1, "rest")
HELDOUT = replace(SQUAD, purpose="select", part="heldout")
XQUAD = SetSpec("xquad", "test", "de", "evaluate", 64, 1)


def opened(folder: Path, study: Study, *specs: SetSpec) -> list[PreparedSet]:
    return [PreparedSet(folder / ref.folder) for ref in prepare(study, specs, folder, progress=False)]


def test_sets_and_their_manifest(study: Study, tmp_path: Path) -> None:
    train, select, dev, squad_rest, heldout, xquad = opened(
        tmp_path / "f", study, TRAIN, SELECT, DEV, SQUAD, HELDOUT, XQUAD
    )
    assert [len(s.examples) for s in (train, dev, xquad)] == [60, 10, 6]
    assert select.folder == dev.folder
    assert isinstance(train.examples[0], TaggingExample)
    assert len(train.rows) == len(train) == 60
    assert {e.article for e in squad_rest.examples}.isdisjoint({e.article for e in heldout.examples})
    assert len(squad_rest.examples) + len(heldout.examples) == 40
    assert heldout.examples
    source = xquad.manifest["facts"]["sources"][0]
    assert (source["path"].endswith("xquad/xquad.de.json"), len(source["sha256"])) == (True, 64)
    assert source["size"] == Path(source["path"]).stat().st_size


def test_limit_counts_examples_of_the_part(study: Study, tmp_path: Path) -> None:
    limited, whole = opened(tmp_path / "f", study, replace(TRAIN, limit=7), TRAIN)
    assert limited.examples == whole.examples[:7]


def test_a_second_call_does_nothing_and_a_changed_source_is_rebuilt(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    before = {s.folder: (s.folder / "manifest.json").stat().st_mtime_ns for s in opened(folder, study, TRAIN, DEV)}
    (folder / "udpos/.x.1.tmp").mkdir()
    train, dev = opened(folder, study, TRAIN, DEV)
    assert before == {s.folder: (s.folder / "manifest.json").stat().st_mtime_ns for s in (train, dev)}
    assert not (folder / "udpos/.x.1.tmp").exists()
    (Path(study.data.root or "") / "ud/UD_English-A/en_a-ud-dev.conllu").write_text(conllu(80, 4))
    train, dev = opened(folder, study, TRAIN, DEV)
    assert len(dev.examples) == 4
    assert (train.folder / "manifest.json").stat().st_mtime_ns == before[train.folder]
    old = train.rows[0]["input_ids"]
    make_tokenizer(Path(study.model.name), ["other", *WORDS])
    assert opened(folder, study, TRAIN)[0].rows[0]["input_ids"] != old


def test_an_overlap_stops_or_is_dropped_as_whole_articles(study: Study, tmp_path: Path) -> None:
    path = Path(study.data.root or "") / "xquad/xquad.de.json"
    path.write_text(squad(range(38, 44), title="other {}"))
    with pytest.raises(InputError, match=r"squad_v1/train/en and xquad/test/de share 2 ids, 2 contexts") as caught:
        prepare(study, [replace(SQUAD, part="all"), XQUAD], tmp_path / "f", progress=False)
    assert "data.exclude_overlap: true" in str(caught.value)
    assert not list((tmp_path / "f").glob("*/*"))
    study = replace(study, data=replace(study.data, exclude_overlap=True))
    train, xquad = opened(tmp_path / "f", study, replace(SQUAD, part="all"), XQUAD)
    assert {e.id for e in train.examples} == {f"q{n}" for n in range(38)}
    assert train.manifest["dropped"] == {"examples": 2, "articles": 2}
    assert (len(xquad.examples), xquad.manifest["dropped"]["examples"]) == (6, 0)
    path.write_text(squad(range(37, 44), title="other {}"))  # other evaluation data: the training set is made again
    assert len(opened(tmp_path / "f", study, replace(SQUAD, part="all"), XQUAD)[0].examples) == 37


def test_the_check_runs_again_for_sets_that_are_all_there(study: Study, tmp_path: Path) -> None:
    (Path(study.data.root or "") / "xquad/xquad.de.json").write_text(squad(range(6)))
    prepare(study, [SQUAD], tmp_path / "f", progress=False)
    prepare(study, [XQUAD], tmp_path / "f", progress=False)
    with pytest.raises(InputError, match="overlap"):
        prepare(study, [SQUAD, XQUAD], tmp_path / "f", progress=False)


def test_the_check_runs_again_for_another_english_parallel(study: Study, tmp_path: Path) -> None:
    """English stands for the scored languages, though its file is in no set."""
    english = Path(study.data.root or "") / "xquad/xquad.en.json"
    for text in (None, squad(range(200, 206))):
        if text is not None:
            english.write_text(text)
        prepare(study, [SQUAD, XQUAD], tmp_path / "f", progress=False)
    english.write_text(squad(range(40), title="other {}"))
    with pytest.raises(InputError, match=r"xquad/test/en \(English parallel\) share 3\d ids"):
        prepare(study, [SQUAD, XQUAD], tmp_path / "f", progress=False)
    study = replace(study, data=replace(study.data, exclude_overlap=True))
    for shared in (2, 3):
        english.write_text(squad(range(40 - shared, 44), title="other {}"))
        train, _ = opened(tmp_path / "f", study, replace(SQUAD, part="all"), XQUAD)
        assert (len(train.examples), train.manifest["dropped"]["examples"]) == (40 - shared, shared)


def test_the_disk_is_full(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "rows/00000.arrow")

    monkeypatch.setattr(build, "save_examples", full)
    with pytest.raises(StiltsError, match=r"No space left on device: 'rows/00000\.arrow'; run the command") as caught:
        prepare(study, [DEV], tmp_path / "f", progress=False)
    assert (caught.value.exit_code, len(str(caught.value).splitlines())) == (1, 1)
    assert not list((tmp_path / "f").glob("*/.*.tmp")), "what was begun gives its room back"
    monkeypatch.undo()
    assert len(opened(tmp_path / "f", study, DEV)[0].examples) == 10


def test_missing_labels_are_refused(study: Study, tmp_path: Path) -> None:
    path = Path(study.data.root or "") / "xquad/xquad.de.json"
    path.write_text('{"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "1", "question": "a", "answers": '
                    '[{"answer_start": 0, "text": ""}]}]}]}]}')  # fmt: skip
    with pytest.raises(InputError) as caught:
        prepare(study, [XQUAD], tmp_path / "f", progress=False)
    assert f"{path} has no labels for 1 of 1 examples of xquad/test/de" in str(caught.value)
    assert "XTREME strips them" in str(caught.value)
    assert "data.files.xquad.test.de" in str(caught.value)


def test_missing_training_data_name_the_target(study: Study, tmp_path: Path) -> None:
    for path in Path(study.data.root or "").glob("*/*train*.json"):
        path.unlink()
    with pytest.raises(InputError, match=r"xquad is trained on squad_v1/train/en, but no file at .*train-v1\.1\.json"):
        prepare(study, [XQUAD, HELDOUT, SQUAD], tmp_path / "f", progress=False)
    study = replace(study, target=Target(tasks=["udpos", "xquad"], per_task={"udpos": TargetTask(train=["squad_v1"])}))
    with pytest.raises(InputError, match="udpos and xquad is trained on"):
        prepare(study, [SQUAD], tmp_path / "f", progress=False)


def test_empty_sets_are_refused(study: Study, tmp_path: Path) -> None:
    root = Path(study.data.root or "")
    (root / "xquad/xquad.de.json").write_text('{"data": []}')
    with pytest.raises(InputError, match="xquad/test/de has no example"):
        prepare(study, [XQUAD], tmp_path / "f", progress=False)
    (root / "squad/train-v1.1.json").write_text(squad(range(1)))
    with pytest.raises(InputError, match=r"part 'rest'\) has no example"):
        prepare(study, [SQUAD], tmp_path / "f", progress=False)


def test_a_folder_without_a_tokenizer_is_refused(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    for name in (tmp_path / "empty", tmp_path / "nowhere"):
        wrong = replace(study, model=ModelSettings(name=str(name)))
        with pytest.raises(InputError, match=r"no tokenizer for model\.name"):
            prepare(wrong, [DEV], tmp_path / "f", progress=False)


def test_progress_lines_where_there_is_no_terminal(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(study, [TRAIN, DEV], tmp_path / "f")
    assert "prepared 2/2: udpos/dev/en (evaluate, all), 10 examples" in capsys.readouterr().err


def test_heldout_is_about_a_twentieth_of_the_articles_and_does_not_depend_on_the_others() -> None:
    examples = [SpanExample(str(n), "q", "c", None, f"article {n // 3}") for n in range(6000)]
    heldout, rest = take_part(examples, "heldout"), take_part(examples, "rest")
    assert len(heldout) + len(rest) == 6000
    assert 60 <= len({article_of(e) for e in heldout}) <= 140
    assert not {article_of(e) for e in heldout} & {article_of(e) for e in rest}
    assert take_part(examples[:3000], "heldout") == [e for e in heldout if int(e.id) < 3000]
    assert len({article_of(e) for e in take_part(examples[:6], "heldout")}) == 1


def test_real_slices(real_data: Path, study: Study, tmp_path: Path) -> None:
    files = {"squad_v1": {"train": {"en": "squad/dev-v1.1.json"}}}
    study = replace(study, data=DataSettings(root=str(real_data), files=files))
    mlqa = SetSpec("mlqa", "dev", "de", "evaluate", 384, 1, limit=5)
    train = replace(SQUAD, limit=20, max_length=384)
    made = opened(tmp_path / "f", study, mlqa, train)
    assert [len(s.examples) for s in made] == [5, 20]
    english = SetSpec("xquad", "test", "th", "evaluate", 384, 1)
    with pytest.raises(InputError, match="squad_v1/train/en and xquad/test/th share"):
        prepare(study, [english, train], tmp_path / "f", progress=False)
    with pytest.raises(InputError, match=r"tydiqa\.goldp\.sw\.dev\.json has no labels for 152 of 152"):
        prepare(study, [SetSpec("tydiqa", "dev", "sw", "evaluate", 384, 1)], tmp_path / "f", progress=False)
