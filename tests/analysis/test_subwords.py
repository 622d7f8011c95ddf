"""Fertility and unknown rate, counted over prepared sets."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from stilts.analysis.subwords import subwords
from stilts.data.store import write_set
from stilts.errors import InputError
from stilts.tasks.examples import TaggingExample, TextExample


@pytest.fixture
def add(tmp_path: Path, wordpiece_folder: Path):
    """Writes a set of one text in one language, as `prepare` would; returns its token ids."""
    tokenizer = AutoTokenizer.from_pretrained(wordpiece_folder)

    def add(name, language, text, purpose="evaluate", tokenizer_hash="t"):
        words = text.split()
        tagged = name.startswith("udpos")
        example = TaggingExample("1", tuple(words), None) if tagged else TextExample("1", text)
        spec = {"language": language, "purpose": purpose}
        facts = {"facts": {"spec": spec, "model": str(wordpiece_folder), "tokenizer": tokenizer_hash}}
        ids = tokenizer(text)["input_ids"]
        folder = tmp_path / "features" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_set(folder, "tagging" if tagged else "mlm", [example], [{"input_ids": ids, "example": 0}], facts)
        return tokenizer.convert_ids_to_tokens(ids)

    return add


def test_pieces_are_counted(add, tmp_path):
    assert add("udpos/dev-en", "en", "the dog") == ["[CLS]", "the", "dog", "[SEP]"]
    pieces = add("udpos/dev-de", "de", "der hund schläft 😀")
    assert pieces[1:-1] == ["der", "hu", "##nd", "sc", "##hl", "##af", "##t", "[UNK]"]
    add("udpos/test-de", "de", "der hund")
    assert add("xnli/dev-th", "th", "😀 the")[1:-1] == ["[UNK]", "the"]
    add("udpos/train-de", "de", "😀 😀 😀", purpose="train")  # is not counted
    found = subwords(tmp_path / "features")
    assert found.loc["en"].tolist() == [1, 0]
    assert found.loc["de"].tolist() == pytest.approx([11 / 6, 1 / 11])
    assert math.isnan(found.loc["th", "fertility"])
    assert found.loc["th", "unknown_rate"] == 0.5


def test_folders_that_are_refused(add, tmp_path):
    with pytest.raises(InputError, match="no evaluation sets in "):
        subwords(tmp_path)
    add("udpos/dev-en", "en", "the dog")
    add("udpos/dev-de", "de", "der hund", tokenizer_hash="another")
    with pytest.raises(InputError, match="sets of 2 tokenizers in "):
        subwords(tmp_path / "features")


def test_they_are_controls_of_the_answer(add, tmp_path, call):
    codes = ["en", "de", "fr", "es", "it", "nl", "pt", "ro", "ru", "el", "hi", "tr", "fi"]
    for index, code in enumerate(codes):
        add(f"udpos/dev-{code}", code, " ".join(["the"] * (20 - index) + ["schläft"] * index + ["😀"] * (index % 3)))
    rows = [f"a,udpos,{code},f1,{50 + 3 * (index % 4)}" for index, code in enumerate(codes)]
    (tmp_path / "scores.csv").write_text("\n".join(["recipe,target,language,metric,value", *rows]))
    words = ["prepared=" + str(tmp_path / "features"), "controls=[fertility,unknown_rate]", "permutations=99", "--json"]
    code, out, _ = call("analyse", "typology", "--scores", tmp_path / "scores.csv", *words)
    assert code == 0
    row = json.loads(out)["rows"][0]
    assert row["fits"][-1]["covariates"] == ["fertility"]
    assert row["dropped"] == {"unknown_rate": "12 languages allow 1"}
