"""Official files, a mirror of hub repositories, and the hub: the same rows give the same features, byte by byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
from hub_layout import NLI, as_hub_cache, commonsense, pair, squad, without, write_repository

from stilts.config import DataSettings, ModelSettings, Study
from stilts.data.hub import mirror_files
from stilts.data.prepare import prepare
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.data.tables import table_rows
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import Example
from stilts.tasks.hub import HUB

UPOS = [*reversed(get_task("udpos").labels)]  # any order


@dataclass(frozen=True)
class Case:
    """A task with a real official file, and how the hub has it."""

    split: str
    language: str
    file: str  # of the real data
    official: str  # below data.root
    repository: str
    config: str
    theirs: str
    row: Callable[[Any], dict[str, Any]]
    labels: dict[str, list[str]]
    lacks: tuple[str, ...] = ()  # fields of an example that the hub does not have
    length: int = 128


def _udpos(e: Any) -> dict[str, Any]:
    return {"tokens": list(e.words), "pos_tags": [UPOS.index(tag) for tag in e.tags]}


CASES = {
    "snli": Case("dev", "en", "snli/snli_1.0/snli_1.0_dev.jsonl", "snli/snli_1.0/snli_1.0_dev.jsonl",
                 "stanfordnlp/snli", "plain_text", "validation", pair("premise", "hypothesis", NLI), {"label": NLI},
                 ("id",)),
    "commonsenseqa": Case("dev", "en", "commonsenseqa/dev_rand_split.jsonl", "commonsenseqa/dev_rand_split.jsonl",
                          "tau/commonsense_qa", "default", "validation", commonsense, {}),
    "squad_v2": Case("train", "en", "squad/dev-v2.0.json", "squad/train-v2.0.json",
                     "rajpurkar/squad_v2", "squad_v2", "train", squad, {}, (), 384),
    "udpos": Case("dev", "es", "ud/UD_Spanish-GSD/es_gsd-ud-dev.conllu", "ud/UD_Spanish-GSD/es_gsd-ud-dev.conllu",
                  "google/xtreme", "udpos.Spanish", "validation", _udpos, {"pos_tags": UPOS}, ("id",)),
    "tatoeba": Case("test", "sw", "tatoeba/tatoeba.swh-eng.swh", "tatoeba/tatoeba.swh-eng.swh",
                    "google/xtreme", "tatoeba.swh", "validation",
                    lambda e: {"source_sentence": e.text, "target_sentence": e.english, "source_lang": "swh",
                               "target_lang": "eng"}, {}),
    "lareqa": Case("train", "en", "squad/dev-v1.1.json", "squad/train-v1.1.json",
                   "rajpurkar/squad", "plain_text", "train", squad, {}, (), 384),
    "xnli": Case("dev", "sw", "xnli/dev-sw.tsv", "xnli/dev-sw.tsv", "facebook/xnli", "sw", "validation",
                 pair("premise", "hypothesis", NLI), {"label": NLI}, ("id",)),
    "mlqa": Case("dev", "hi", "mlqa/MLQA_V1/dev/dev-context-hi-question-hi.json",
                 "mlqa/MLQA_V1/dev/dev-context-hi-question-hi.json", "google/xtreme", "MLQA.hi.hi", "validation", squad,
                 {}, (), 384),
}  # fmt: skip


@dataclass
class Sources:
    root: DataSettings
    mirror: DataSettings
    hub: DataSettings
    folder: Path


@pytest.fixture
def sources(
    request: pytest.FixtureRequest, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sources:
    """One task's real file as official file, in a mirror and in the hub's cache; no network."""
    name: str = request.param
    case, task = CASES[name], get_task(name)
    official = tmp_path / "root" / case.official
    official.parent.mkdir(parents=True)
    shutil.copy(real_data / case.file, official)
    if name == "tatoeba":
        shutil.copy(real_data / "tatoeba/tatoeba.swh-eng.eng", official.parent)
    root = DataSettings(root=str(tmp_path / "root"))
    rows = [case.row(e) for e in read_examples(task, case.split, case.language, root)[0]]
    write_repository(tmp_path / "mirror" / case.repository, case.config, {case.theirs: rows}, case.labels)
    as_hub_cache(tmp_path / "mirror", tmp_path / "cache", case.repository, HUB[name].revision)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return Sources(root, DataSettings(mirror=str(tmp_path / "mirror")), DataSettings(), tmp_path)


@pytest.mark.parametrize(("sources", "name"), [(name, name) for name in CASES], indirect=["sources"])
def test_features_are_the_same_byte_by_byte(sources: Sources, name: str, wordpiece_folder: Path) -> None:
    case = CASES[name]
    purpose = "train" if case.split == "train" else "evaluate"
    spec = SetSpec(name, case.split, case.language, purpose, case.length, get_task(name).version)
    found: dict[str, tuple[dict[str, bytes], list[Example]]] = {}
    for kind in ("root", "mirror", "hub"):
        study = Study("s", model=ModelSettings(name=str(wordpiece_folder)), data=getattr(sources, kind))
        (ref,) = prepare(study, [spec], sources.folder / kind, progress=False)
        made = PreparedSet(sources.folder / kind / ref.folder)
        arrows = {path.name: path.read_bytes() for path in sorted((made.folder / "rows").iterdir())}
        found[kind] = arrows, made.examples
        assert kind in made.manifest["facts"]["sources"][0]["path"].replace("cache", "hub")
    assert len(found["root"][1]) > 30
    assert found["mirror"][0] == found["root"][0]
    assert found["hub"][0] == found["root"][0]
    assert without(found["mirror"][1], *case.lacks) == without(found["root"][1], *case.lacks)
    assert found["hub"][1] == found["mirror"][1]


@pytest.mark.parametrize(("sources", "name"), [("snli", "snli"), ("udpos", "udpos")], indirect=["sources"])
def test_the_mirror_is_read_as_datasets_reads_it(sources: Sources, name: str) -> None:
    case = CASES[name]
    folder = str(sources.folder / "mirror" / case.repository)
    theirs = datasets.load_dataset(folder, case.config, split=case.theirs, cache_dir=str(sources.folder / "arrow"))
    paths = find_files(get_task(name), case.split, case.language, sources.mirror)
    assert [row for path in paths for _, row in table_rows(path)] == list(theirs)


NLI_ROW = {"premise": "a man sleeps", "hypothesis": "he is awake", "label": 2}


def test_the_file_says_which_number_is_which_label(tmp_path: Path) -> None:
    other = ["contradiction", "neutral", "entailment"]
    write_repository(tmp_path / "facebook/xnli", "de", {"validation": [NLI_ROW]}, {"label": other}, shards=1)
    data = DataSettings(mirror=str(tmp_path))
    assert [e.label for e in read_examples(get_task("xnli"), "dev", "de", data)[0]] == ["entailment"]
    write_repository(tmp_path / "facebook/xnli", "ru", {"validation": [NLI_ROW]}, {}, shards=1)
    assert [e.label for e in read_examples(get_task("xnli"), "dev", "ru", data)[0]] == ["contradiction"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain_text/validation.jsonl", '{"premise": "a", "hypothesis": "b", "label": 0}\n{"premise": "c", '
                                        '"hypothesis": "d", "label": -1}\n'),
        ("data/validation-00000-of-00001.csv", 'premise,hypothesis,label\n"a","b",0\n'),
        ("validation.tsv", "premise\thypothesis\tlabel\na\tb\tentailment\n"),
    ],
)  # fmt: skip
def test_without_a_card_the_usual_names_and_files_are_understood(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "stanfordnlp/snli" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    examples, paths = read_examples(get_task("snli"), "dev", "en", DataSettings(mirror=str(tmp_path)))
    assert (without(examples, "id"), paths) == ([{"text_a": "a", "text_b": "b", "label": "entailment"}], [path])


def test_one_languages_files_are_not_anothers(tmp_path: Path) -> None:
    path = tmp_path / "facebook/xnli/data/validation-00000-of-00001.csv"
    path.parent.mkdir(parents=True)
    path.write_text('premise,hypothesis,label\n"a","b",0\n')
    with pytest.raises(InputError, match="and none in"):
        find_files(get_task("xnli"), "dev", "de", DataSettings(root=str(tmp_path / "r"), mirror=str(tmp_path)))
    (tmp_path / "facebook/xnli/data").rename(tmp_path / "facebook/xnli/de")
    assert len(find_files(get_task("xnli"), "dev", "de", DataSettings(mirror=str(tmp_path)))) == 1


def test_what_mixes_languages_is_not_read(tmp_path: Path) -> None:
    row = {"tokens": ["a"], "pos_tags": [0]}
    write_repository(tmp_path / "google/xtreme", "udpos.Greek", {"test": [row]}, {}, shards=1)
    write_repository(tmp_path / "google/xtreme", "udpos.Dutch", {"test": [row]}, {}, shards=1)
    mirror = DataSettings(mirror=str(tmp_path))
    assert len(find_files(get_task("udpos"), "test", "nl", mirror)) == 1
    with pytest.raises(InputError, match=r"none in .*google/xtreme that is read \(it mixes in sentences of other"):
        find_files(get_task("udpos"), "test", "el", mirror)
    with pytest.raises(InputError, match="udpos/test/el is not read from the hub's google/xtreme: it mixes"):
        find_files(get_task("udpos"), "test", "el", DataSettings())


@pytest.mark.parametrize(
    ("files", "split", "found"),
    [
        ("data_files: one/*.csv", "train", True),
        ("data_files: [one/*.csv]", "train", True),
        ("data_files: [one/*.csv]", "dev", False),
        ("data_files: {validation: one/*.csv}", "dev", True),
        ("data_dir: one", "train", True),
    ],
)
def test_other_ways_to_write_a_card(tmp_path: Path, files: str, split: str, found: bool) -> None:
    path = tmp_path / "stanfordnlp/snli/one/train.csv"
    path.parent.mkdir(parents=True)
    path.write_text('premise,hypothesis,label\n"a","b",0\n')
    (tmp_path / "stanfordnlp/snli/README.md").write_text(f"---\nconfigs: [{{config_name: plain_text, {files}}}]\n---\n")
    assert mirror_files(get_task("snli"), split, "en", DataSettings(mirror=str(tmp_path))) == ([path] if found else [])


def test_rows_of_one_language_and_joined_splits(tmp_path: Path) -> None:
    row = {"title": "t", "context": "one two", "question": "what", "answers": {"text": ["two"], "answer_start": [4]}}
    rows = [{"id": f"{name}-{n}", **row} for n, name in enumerate(("english", "korean", "english", "telugu"))]
    write_repository(tmp_path / "google-research-datasets/tydiqa", "secondary_task", {"validation": rows}, {}, shards=1)
    splits = {f"dev_r{n}": [{"uid": f"r{n}", **NLI_ROW}] for n in (1, 2, 3)}
    write_repository(tmp_path / "facebook/anli", "plain_text", splits, {"label": NLI}, shards=1)
    data = DataSettings(mirror=str(tmp_path))
    ids = lambda *key: [e.id for e in read_examples(get_task(key[0]), "dev", key[1], data)[0]]  # noqa: E731
    assert ids("tydiqa", "en") == ["english-0", "english-2"]
    assert ids("tydiqa", "te") == ["telugu-3"]
    assert ids("anli", "en") == ["r1", "r2", "r3"]


def test_sentences_lose_the_line_ends_that_the_hubs_loader_kept(tmp_path: Path) -> None:
    row = {"source_sentence": "ein Satz \n", "target_sentence": "a sentence\r\n"}
    write_repository(tmp_path / "google/xtreme", "tatoeba.deu", {"validation": [row]}, {}, shards=1)
    (example,) = read_examples(get_task("tatoeba"), "test", "de", DataSettings(mirror=str(tmp_path)))[0]
    assert vars(example) == {"id": "1", "text": "ein Satz ", "english": "a sentence"}


def test_root_goes_before_mirror_and_files_before_both(tmp_path: Path) -> None:
    write_repository(tmp_path / "m/facebook/xnli", "de", {"validation": [NLI_ROW], "test": [NLI_ROW]}, {}, shards=1)
    for name in ("r/xnli/dev-de.tsv", "own.tsv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\tb\tneutral\n")
    both = DataSettings(root=str(tmp_path / "r"), mirror=str(tmp_path / "m"))
    own = DataSettings(root=both.root, mirror=both.mirror, files={"xnli": {"dev": {"de": str(tmp_path / "own.tsv")}}})
    first = lambda split, data: read_examples(get_task("xnli"), split, "de", data)[0][0].text_a  # noqa: E731
    assert first("dev", own) == "own.tsv"
    assert first("dev", both) == "r/xnli/dev-de.tsv"
    assert first("test", both) == "a man sleeps"
    with pytest.raises(InputError, match=r"no file at .*test-ru\.tsv.*and none in .*m/facebook/xnli"):
        read_examples(get_task("xnli"), "test", "ru", both)


def test_a_shard_that_is_missing_is_noticed(tmp_path: Path) -> None:
    write_repository(tmp_path / "facebook/xnli", "de", {"validation": [NLI_ROW] * 4}, {"label": NLI}, shards=3)
    (tmp_path / "facebook/xnli/de/validation-00001-of-00003.parquet").unlink()
    with pytest.raises(InputError, match="has 2 of 3 files of the split 'validation'"):
        find_files(get_task("xnli"), "dev", "de", DataSettings(mirror=str(tmp_path)))


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    data = DataSettings(mirror=str(tmp_path))
    write_repository(tmp_path / "facebook/xnli", "de", {"validation": [{"premise": "a", "label": 0}]}, {}, shards=1)
    with pytest.raises(InputError, match=r"validation-00000-of-00001\.parquet, row 1: column 'hypothesis' is missing"):
        read_examples(get_task("xnli"), "dev", "de", data)
    path = tmp_path / "facebook/xnli/de/validation-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"00001\.parquet is no readable parquet file"):
        read_examples(get_task("xnli"), "dev", "de", data)


@pytest.mark.parametrize(
    ("name", "config", "row", "words"),
    [
        ("xnli", "de", {"premise": None, "hypothesis": "b", "label": 0}, "row 1: "),
        ("tydiqa", "secondary_task", {"id": "english-1", "title": "t", "context": "c", "question": "q", "answers": "c"},
         "row 1: "),
        ("panx", "de", {"tokens": ["a", "b"], "ner_tags": [0]}, "row 1: zip"),
    ],
)  # fmt: skip
def test_a_value_that_is_wrong_is_named(tmp_path: Path, name: str, config: str, row: Any, words: str) -> None:
    write_repository(tmp_path / HUB[name].repository, config, {"validation": [row]}, {}, shards=1)
    language = "en" if name == "tydiqa" else "de"
    with pytest.raises(InputError, match=words):
        read_examples(get_task(name), "dev", language, DataSettings(mirror=str(tmp_path)))


def test_without_a_network_the_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError) as caught:
        read_examples(get_task("pawsx"), "dev", "fr", DataSettings(revisions={"pawsx": "v9"}))
    message = str(caught.value)
    assert message.startswith("pawsx/dev/fr cannot be loaded from the hub's google-research-datasets/paws-x at v9")
    assert "data.root" in message
    assert "data.mirror" in message
    assert "data.files.pawsx.dev.fr" in message
    assert "\n" not in message


def test_whatever_the_hubs_client_raises_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class ProxyError(Exception):  # that of the HTTP library is no OSError
        pass

    def fail(*args: Any, **kwargs: Any) -> str:
        raise ProxyError("407 Proxy Authentication Required")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(InputError, match=r"pawsx/dev/ja cannot be loaded from the hub's .*: 407 Proxy Authentication"):
        find_files(get_task("pawsx"), "dev", "ja", DataSettings(revisions={"pawsx": "none"}))
