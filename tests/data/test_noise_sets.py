"""Prepared sets with noisy inputs: what the manifest says of them, what makes them anew, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_prepare import WORDS, conllu, make_tokenizer, squad
from tokenizers import normalizers

from stilts.config import DataSettings, ModelSettings, Study, Target
from stilts.data.noise.dictionary import read_dictionary
from stilts.data.noise.examples import NoisyExamples
from stilts.data.noise.kinds import KINDS, Noise
from stilts.data.noise.sets import made_noisy
from stilts.data.prepare import prepare
from stilts.data.shown import prepared_facts, prepared_table
from stilts.data.sources import read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import EntityExample

SWAP = Noise("swap@0.3", "swap", 0.3, 1)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    root = tmp_path / "raw"
    words = [f"{first}{second}{number}" for first in "Aab" for second in "cdeü" for number in range(34)]
    tagged = conllu(0, 30)
    for number, word in enumerate(words):
        tagged = tagged.replace(f"w{number}\t", f"{word}\t")
    files = {"ud/UD_German-A/de_a-ud-dev.conllu": tagged, "xquad/xquad.de.json": squad(range(100, 130))}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    make_tokenizer(tmp_path / "model", [*words, *WORDS])
    model = ModelSettings(name=str(tmp_path / "model"))
    return Study(name="s", model=model, data=DataSettings(root=str(root)), target=Target(tasks=["udpos"]))


def spec(noise: Noise | None = None, task: str = "udpos") -> SetSpec:
    purpose = "noise" if noise else "evaluate"
    return SetSpec(task, "dev" if task == "udpos" else "test", "de", purpose, 64, get_task(task).version, noise=noise)


def test_a_noisy_set_lies_beside_the_clean_one(study: Study, tmp_path: Path) -> None:
    clean, one, two = prepare(study, [spec(), spec(SWAP), spec(replace(SWAP, seed=2))], tmp_path / "f", progress=False)
    sets = [PreparedSet(tmp_path / "f" / ref.folder) for ref in (clean, one, two)]
    assert [e.tags for e in sets[0].examples] == [e.tags for e in sets[1].examples]
    assert len({tuple(e.words for e in one.examples) for one in sets}) == 3
    facts = sets[1].manifest["noise"]
    assert facts["rate"] == pytest.approx(0.3, rel=0.1)
    assert facts["edits"] / facts["units"] == facts["rate"]
    assert 0.5 < facts["changed_subwords"] <= 1  # each token is a word here
    assert facts["changed_examples"] == 1
    assert "noise" not in sets[0].manifest
    shown = prepared_facts(tmp_path / "f", [clean, one])
    assert "noise" not in shown[0]
    assert shown[1]["noise"]["condition"] == "swap@0.3"
    assert "swap@0.3 seed 1: " in prepared_table(shown)[1][1]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_processes(study: Study, tmp_path: Path) -> None:
    sets = [spec(SWAP), spec(Noise("ocr@0.5", "ocr", 0.5, 1)), spec()]
    found = []
    for count in (1, 2):
        data = replace(study.data, processes=count)
        refs = prepare(replace(study, data=data), sets, tmp_path / f"f{count}", progress=False)
        found.append([(tmp_path / f"f{count}" / ref.folder / "examples.jsonl").read_bytes() for ref in refs])
    assert found[0] == found[1]


def test_a_second_call_makes_nothing_and_a_changed_dictionary_makes_the_set_anew(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "de-en.txt"
    words = PreparedSet(tmp_path / "f" / prepare(study, [spec()], tmp_path / "f", progress=False)[0].folder)
    word = words.examples[0].words[0]
    path.write_text(f"{word.lower()}\tb\n")
    wanted = [spec(Noise("code_switch@1", "code_switch", 1.0, 1, dictionary=str(path)))]

    def made() -> tuple[float, str]:
        manifest = tmp_path / "f" / prepare(study, wanted, tmp_path / "f", progress=False)[0].folder / "manifest.json"
        return manifest.stat().st_mtime_ns, json.loads(manifest.read_text())["noise"]["edits"]

    first = made()
    assert made() == first
    path.write_text("")
    with pytest.raises(InputError, match="changes no subword of udpos/dev/de"):
        made()
    path.unlink()
    with pytest.raises(InputError, match="no dictionary at"):
        made()


def test_what_the_model_cannot_see_is_refused(study: Study, tmp_path: Path) -> None:
    upper = spec(Noise("upper@1", "upper", 1.0, 1))
    (ref,) = prepare(study, [upper], tmp_path / "f", progress=False)
    assert PreparedSet(tmp_path / "f" / ref.folder).manifest["noise"]["changed_subwords"] > 0.5
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(study.model.name)
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFC()])
    tokenizer.save_pretrained(tmp_path / "uncased")
    uncased = replace(study, model=ModelSettings(name=str(tmp_path / "uncased")))
    with pytest.raises(InputError) as error:
        prepare(uncased, [upper], tmp_path / "f", progress=False)
    assert "upper@1 seed 1 changes no subword of udpos/dev/de" in error.value.found
    assert "leave de out" in error.value.change


def test_gold_answers_stay_in_noisy_contexts(study: Study, tmp_path: Path) -> None:
    noise = Noise("drop@0.3@context", "drop", 0.3, 1, "context")
    refs = prepare(study, [spec(task="xquad"), spec(noise, "xquad")], tmp_path / "f", progress=False)
    clean, noisy = (PreparedSet(tmp_path / "f" / ref.folder).examples for ref in refs)
    for before, after in zip(clean, noisy, strict=True):
        assert before.question == after.question
        assert before.context != after.context
        assert all(after.context[start : start + len(text)] == text for text, start in after.answers)


def test_an_uncased_model_sees_neither_case_nor_accents(real_data: Path, wordpiece_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(wordpiece_folder)
    found = read_examples(get_task("xnli"), "dev", "fr", DataSettings(root=str(real_data)), 50)[0]
    for kind in ("upper", "lower", "swapcase", "diacritics"):
        made, facts = made_noisy(found, Noise(kind, kind, 0.5, 1), "fr", tokenizer)
        assert (made != found, facts["changed_subwords"]) == (True, 0), kind
        assert facts["rate"] == pytest.approx(0.5, rel=0.15)
    _, facts = made_noisy(found, SWAP, "fr", tokenizer)
    assert facts["changed_subwords"] > 0.3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "code_switch"])
def test_a_mention_is_the_same_before_and_in_its_sentence(kind: str) -> None:
    text = "New York: Today { New York } saw Noël Müßig of Orléans à 3 Mäçon."
    noise = Noise(kind, kind, 0.6, 1, "text")
    (found,) = NoisyExamples(noise, "en").of([EntityExample("1", text, "Q60", "a city")])
    assert isinstance(found, EntityExample)
    assert found.text != text
    mention, _, sentence = found.text.partition(": ")
    assert sentence.count("{") == sentence.count("}") == 1
    assert f"{{ {mention} }}" in sentence
    assert (found.entity, found.description) == ("Q60", "a city")
    assert (mention == "New York") or not KINDS[kind].moves_words


def test_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "de-en.txt"
    path.write_text("Haus house\nhaus\thome\n\nim in the\n".replace("im in the", "im\tin the"), encoding="utf-8")
    assert read_dictionary(path) == {"haus": ("house", "home"), "im": ("in the",)}
    path.write_text("Haus\n")
    with pytest.raises(InputError, match=r"de-en.txt row 1: 'Haus'"):
        read_dictionary(path)
