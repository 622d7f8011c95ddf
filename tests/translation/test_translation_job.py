"""What is refused before anything is loaded, and what a second call finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stilts.config import DataSettings
from stilts.errors import InputError
from stilts.training.attempt import Attempt
from stilts.translation.carry import Translated
from stilts.translation.job import TranslationJob
from stilts.translation.settings import TranslationSettings, parse_languages, read_settings
from stilts.translation.shards import Shards

Call = Callable[..., tuple[int, str, str]]
MNLI = "mnli/glue_data/MNLI/train.tsv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw" / MNLI).parent.mkdir(parents=True)
    (tmp_path / "raw" / MNLI).write_text("pairID\tsentence1\tsentence2\tgold_label\na\tOne\tTwo\tneutral\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(json.dumps({"model_type": "m2m_100", "is_encoder_decoder": True}))
    return tmp_path


def job(folder: Path, model: str = "model", **settings: object) -> TranslationJob:
    data = DataSettings(root=str(folder / "raw"))
    chosen = TranslationSettings(**settings)  # type: ignore[arg-type]
    return TranslationJob("mnli", ("de",), str(folder / model), None, data, folder / "out", chosen)


REFUSED = [
    (["udpos"], "tags stand on words, which a translation does not keep"),
    (["ccg"], "tags stand on words"),
    (["tatoeba"], "its training set (retrieval) is none that is translated"),
    (["xquad"], "'xquad'"),
    (["anli_plus"], "anli_plus joins snli, mnli, anli"),
    (["mnly"], "did you mean 'mnli'"),
    (["mnli", "--to", "xx"], "unknown language 'xx'"),
    (["mnli", "--to", "de,de"], "'de' of --to is there twice"),
    (["mnli", "--to", "en"], "is the language of the training set"),
    (["mnli", "--to", ","], "--to names no language"),
    (["mnli", "beam=3"], "did you mean 'beams'"),
    (["mnli", "markers=quotes"], "markers"),
    (["mnli", "beams=0"], "beams is 0"),
    (["mnli", "--root", "/nowhere"], "no file at /nowhere/mnli/glue_data/MNLI/train.tsv"),
    (["mnli", "--study", "a.yaml"], "--study and --root are both given"),
    (["mnli", "--model", "/nowhere"], "--model /nowhere has no config.json"),
]


@pytest.mark.parametrize(
    ("words", "said"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_calls_are_one_line(call: Call, folder: Path, words: list[str], said: str) -> None:
    task, *others = words
    given = {"--to": "de", "--model": folder / "model", "--root": folder / "raw", "--out": folder / "out"}
    options = [word for name, value in given.items() if name not in others for word in (name, value)]
    code, out, err = call("translate", task, *options, *others)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (folder / "out/runs/translate-mnli/settings.json").exists()


def test_an_encoder_is_no_translator(call: Call, folder: Path) -> None:
    (folder / "model/config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    code, _, err = call("translate", "mnli", "--to", "de", "--model", folder / "model", "--root", folder / "raw")
    assert code == 2
    assert "is a xlm-roberta model; expected" in err


def test_other_settings_data_or_weights_are_refused_and_named(folder: Path) -> None:
    job(folder).check()
    job(folder, processes=7, stop_grace=1.0).check()
    with pytest.raises(InputError, match=r"begun with other settings: beams 1 -> 4, fallback false -> true; expected"):
        job(folder, beams=4, fallback=True).check()
    with pytest.raises(InputError, match=r"limit null -> 1;"):
        job(folder, limit=1).check()
    (folder / "model/model.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="model_files"):
        job(folder).check()
    (folder / "model/model.safetensors").unlink()
    (folder / "raw" / MNLI).write_text("pairID\tsentence1\tsentence2\tgold_label\na\tOne\tThree\tneutral\n")
    with pytest.raises(InputError, match="source"):
        job(folder).check()


def test_what_a_study_says_of_data_counts(folder: Path) -> None:
    from stilts.translation.start import _data

    content = {"name": "s", "data": {"root": str(folder / "raw"), "limit": {"mnli": {"train": 5}}}}
    (folder / "s.yaml").write_text(yaml.safe_dump(content))
    data = _data(folder / "s.yaml", None)
    made = TranslationJob("mnli", ("de",), "m", None, data, folder, read_settings(["limit=9"]))
    assert made.limit == 5
    assert made.official("de") == folder / "translated/en-de" / MNLI
    assert made.xtreme("de") == folder / "XNLI/translate-train/en-de-translated.tsv"


def test_languages() -> None:
    assert parse_languages("de, sw,qaa", "en") == ["de", "sw", "qaa"]


def test_a_shard_is_whole_or_not_there(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "t")
    attempt.staging.mkdir()
    (tmp_path / "de").mkdir()
    shards = Shards(tmp_path / "de", 5, 2, "abc")
    rows = [
        Translated((f"a\u2028{n}", "b\n\x85c"), (0, "a") if n else None, lost="x" if n == 3 else "") for n in range(5)
    ]
    assert (len(shards), shards.missing()) == (3, [0, 1, 2])
    for number in (2, 0):
        shards.write(number, [rows[row] for row in shards.span(number)], attempt)
    assert shards.missing() == [1]
    shards.write(1, rows[2:4], attempt)
    assert list(shards.read()) == rows
    assert Shards(tmp_path / "de", 5, 2, "other").missing() == [0, 1, 2]
    assert Shards(tmp_path / "de", 6, 2, "abc").missing() == [2]
    path = tmp_path / "de/000001.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert shards.missing() == [1], cut
