"""Features of languages measured in tagged text."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stilts.analysis.measured import measured_features
from stilts.analysis.uriel import distances
from stilts.data.store import write_set
from stilts.errors import InputError
from stilts.tasks.examples import TaggingExample

SVO, SOV = "DET NOUN AUX VERB ADP NOUN PUNCT ADJ NOUN", "NOUN ADJ NOUN ADP VERB PUNCT"


@pytest.fixture
def add(tmp_path, wordpiece_folder):
    """Writes an udpos set of one sentence."""

    def add(language, words, tags, purpose="evaluate"):
        example = TaggingExample("1", tuple(words.split()), tuple(tags.split()) if tags else None)
        facts = {
            "facts": {
                "spec": {"language": language, "purpose": purpose},
                "model": str(wordpiece_folder),
                "tokenizer": "t",
            }
        }
        folder = tmp_path / "udpos" / f"{purpose}-{language}"
        folder.parent.mkdir(exist_ok=True)
        write_set(folder, "tagging", [example], [{"input_ids": [0, 1], "example": 0}], facts)

    return add


def test_order_vocabulary_and_letters(add, tmp_path):
    add("en", "The dog will go to town , big dog", SVO)
    add("qaa", "big zog town in go .", SOV)
    add("qaa", "жук", "VERB", purpose="train")  # is not read
    found = measured_features(tmp_path, ["en", "qaa"])
    # before and after: adjectives, adpositions, determiners, auxiliaries, and the verb's nouns
    assert found.kinds["order"][0].tolist() == pytest.approx([1, 0, 1, 0, 1, 0, 1, 0, 1 / 3, 2 / 3])
    np.testing.assert_array_equal(found.kinds["order"][1], [0.5, 0.5, 0, 1, *[np.nan] * 4, 1, 0])
    assert found.kinds["vocabulary"].sum(axis=1) == pytest.approx([1, 1])
    away = distances(found).values.loc["qaa"]
    assert np.isnan(away["order"])  # six of ten features are shared
    # big, town and go are in both; six words once, and seven once and one twice
    assert away["vocabulary"] == pytest.approx(1 - 3 / np.sqrt(6 * (7 + 4)))
    assert 0 < away["letters"] < 0.5
    assert found.families == {"en": "en", "qaa": "qaa"}


def test_languages_without_tagged_text_are_named(add, tmp_path):
    add("en", "Go .", "VERB PUNCT")
    add("qaa", "Zo .", None)
    with pytest.raises(InputError, match="no tagged text of qaa, qab in "):
        measured_features(tmp_path, ["en", "qaa", "qab"])


def test_the_command_measures(add, tmp_path, call):
    rows = []
    for index in range(8):
        words = ["dog", "cat", "sun", "sea"][: 4 - index // 2] + [f"w{index}"] * (index // 2)
        add(f"qa{chr(97 + index)}", " ".join([*words, "go"]), "NOUN NOUN NOUN NOUN VERB")
        rows.append(f"a,xnli,qa{chr(97 + index)},accuracy,{90 - 5 * index}")
    (tmp_path / "scores.csv").write_text("\n".join(["recipe,target,language,metric,value", *rows]))
    words = ["distances=measured", "permutations=99", "controls=[log_size]"]
    code, _, err = call("analyse", "typology", "--scores", tmp_path / "scores.csv", *words)
    assert code == 2
    assert "add prepared=<study>/features" in err
    code, _, err = call("analyse", "typology", "--scores", tmp_path / "scores.csv", *words, "features=x.csv")
    assert code == 2
    assert "x.csv" in err
    add("en", "dog cat sun sea go", "NOUN NOUN NOUN NOUN VERB")
    words += [f"prepared={tmp_path}", "--json"]
    code, out, _ = call("analyse", "typology", "--scores", tmp_path / "scores.csv", *words)
    assert code == 0
    found = {row["kind"]: row for row in json.loads(out)["rows"]}
    assert set(found) == {"order", "vocabulary", "letters"}
    assert found["vocabulary"]["rho"] > 0.95  # two languages each share as many words
    assert found["order"]["verdict"] == "too few languages"  # all alike
