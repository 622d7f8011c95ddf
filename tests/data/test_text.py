"""Raw text: its reader, the mixture of its languages, and the marks of a transductive run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_batches import FakeSet
from test_prepare import WORDS, make_tokenizer

from stilts.config import DataSettings, Mlm, ModelSettings, Recipe, Sampling, Study
from stilts.data.mixture import Mixture, task_shares
from stilts.data.prepare import prepare
from stilts.data.sources import find_files, read_examples
from stilts.data.specs import SetSpec
from stilts.data.store import PreparedSet
from stilts.data.text_rows import TextRows, training_rows
from stilts.data.transductive import check_texts, named_like_evaluation
from stilts.errors import InputError
from stilts.tasks import MLM, get_task
from stilts.tasks.examples import Example
from stilts.training.schedule import labelled


def read(root: Path, language: str = "de", **files: str) -> list[tuple[str, str]]:
    data = DataSettings(root=str(root), files={"mlm": {"train": files}} if files else {})
    return [(example.id, example.text) for example in read_examples(MLM, "train", language, data)[0]]


def test_one_line_is_one_example(tmp_path: Path) -> None:
    (tmp_path / "mlm_text/bible").mkdir(parents=True)
    (tmp_path / "mlm_text/bible/de.txt").write_bytes("\ufeffeins zwei\r\n\r\n  drei\u2028vier \n\t\nfünf".encode())
    (tmp_path / "mlm_text/news").mkdir()
    (tmp_path / "mlm_text/news/de.txt").write_text("sechs\n")
    texts = [("bible/de.txt:1", "eins zwei"), ("bible/de.txt:3", "drei\u2028vier"), ("bible/de.txt:5", "fünf")]
    assert read(tmp_path) == [*texts, ("news/de.txt:1", "sechs")]
    (tmp_path / "mlm_text/de.txt").write_text("sieben\n")
    assert read(tmp_path) == [("mlm_text/de.txt:1", "sieben")], "a file of one's own goes first"
    assert read(tmp_path, de="mlm_text/news/de.txt") == [("news/de.txt:1", "sechs")]


def test_wrong_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlm_text").mkdir()
    (tmp_path / "mlm_text/de.txt").write_bytes(b"gut\nschl\xe4cht\n")
    with pytest.raises(InputError, match=r"de.txt, row 2: byte 0xe4 is not UTF-8"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"no file at .*mlm_text"):
        read(tmp_path, "sw")


def test_real_text(real_data: Path) -> None:
    found = read(real_data, "sw")
    assert len(found) == 4705 + 6478
    assert found[0][0] == "bible/sw.txt:1"
    assert len({name for name, _ in found}) == len(found)
    assert len(read(real_data, "zh")) == 1464 + 6477


def text_rows(*sizes: int, exponent: float = 0.3, batch_size: int = 8, seed: int = 1) -> TextRows:
    sets = [FakeSet(size) for size in sizes]
    return TextRows("mlm", sets, batch_size, seed, exponent)  # type: ignore[arg-type]


@pytest.mark.parametrize(("exponent", "shares"), [(1.0, (0.9, 0.1)), (0.0, (0.5, 0.5)), (0.3, (0.6591, 0.3409))])
def test_languages_are_drawn_by_size_to_the_exponent(exponent: float, shares: tuple[float, float]) -> None:
    rows = text_rows(90, 10, exponent=exponent)
    np.testing.assert_allclose(rows.shares, shares, atol=1e-4)
    drawn = np.concatenate([rows.batch(n) for n in range(1000)])
    assert abs((drawn < 90).mean() - shares[0]) < 4 * np.sqrt(shares[0] * shares[1] / len(drawn))


def test_each_language_visits_its_rows_evenly() -> None:
    rows = text_rows(50, 7)
    drawn = np.concatenate([rows.batch(n) for n in range(500)])
    for part in (drawn[drawn < 50], drawn[drawn >= 50]):
        counts = np.unique(part, return_counts=True)[1]
        assert counts.max() - counts.min() <= 1
    small = drawn[drawn >= 50]
    assert sorted(small[:7]) == sorted(small[7:14]) == list(range(50, 57))
    assert list(small[:7]) != list(small[7:14]), "each round has its own order"


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    forward, backward = text_rows(40, 9), text_rows(40, 9)
    many = [backward.batch(n).tolist() for n in (3000, 2500, 7, 0)][::-1]
    assert [forward.batch(n).tolist() for n in (0, 7, 2500, 3000)] == many
    assert text_rows(40, 9, seed=2).batch(0).tolist() != many[0]


def test_only_masked_lm_is_drawn_so() -> None:
    sets = [FakeSet(3), FakeSet(4)]
    mlm = Mlm(exponent=0.5)
    assert isinstance(training_rows("mlm", sets, 4, 1, mlm), TextRows)  # type: ignore[arg-type]
    assert not isinstance(training_rows("mnli", sets, 4, 1, mlm), TextRows)  # type: ignore[arg-type]


def test_masked_lm_has_its_own_share_of_the_steps() -> None:
    sizes, mlm = {"mnli": 300, "mlm": 10**6, "udpos": 100}, Mlm(share=0.2)
    shares = task_shares(Sampling("proportional"), sizes, mlm)
    assert shares == pytest.approx({"mnli": 0.6, "mlm": 0.2, "udpos": 0.2})
    assert list(shares) == list(sizes)
    steps = [Mixture(shares, 5000, 1).at(n)[0] for n in range(5000)]
    assert abs(steps.count("mlm") / 5000 - 0.2) < 4 * np.sqrt(0.16 / 5000)
    assert task_shares(Sampling(), {"mlm": 9}, Mlm(share=1.0)) == {"mlm": 1.0}
    assert labelled(sizes) == {"mnli": 300, "udpos": 100}, "text is no epoch"
    assert labelled({"mlm": 9}) == {"mlm": 9}


def sentence(number: int) -> str:
    return " ".join(WORDS[(number * 13 + k) % 400] for k in range(9))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Text of 20 German lines, 5 of which are sentences of XNLI's dev set."""
    root = tmp_path / "raw"
    pairs = [f"{sentence(n)}\t{sentence(n + 50)}\tneutral" for n in range(10, 40)]
    files = {
        "mlm_text/xnli_dev/de.txt": "\n".join(sentence(n).replace(" ", ", ") for n in range(10, 15)),
        "mlm_text/news/de.txt": "\n".join(sentence(n) for n in range(200, 215)),
        "xnli/dev-de.tsv": "\n".join(pairs),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    make_tokenizer(tmp_path / "model", WORDS)
    recipe = Recipe("text", mlm=Mlm(languages=["de"]))
    return Study("s", model=ModelSettings(str(tmp_path / "model")), data=DataSettings(root=str(root)),
                 intermediate=[recipe])  # fmt: skip


TEXT = SetSpec("mlm", "train", "de", "train", 16, 1)
SCORED = SetSpec("xnli", "dev", "de", "evaluate", 32, 1)


def notes(study: Study, folder: Path, *specs: SetSpec) -> tuple[PreparedSet, list[str]]:
    ref = prepare(study, specs, folder, progress=False)[0]
    prepared = PreparedSet(folder / ref.folder)
    return prepared, prepared.manifest["transductive"]


def test_text_of_an_evaluation_set_is_prepared_and_marked(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared, marks = notes(study, tmp_path / "f", TEXT, SCORED)
    named = "mlm/train/de reads xnli_dev/de.txt, named like an evaluation set"
    assert marks == ["5 lines of mlm/train/de are texts of xnli/dev/de", named]
    assert len(prepared) == 20
    assert [message for message in caplog.messages if "transductive" in message] == [
        f"transductive: {mark}" for mark in marks
    ]


def test_what_is_not_scored_or_not_read_is_not_shared(study: Study, tmp_path: Path) -> None:
    assert len(notes(study, tmp_path / "a", TEXT)[1]) == 1, "no evaluation set is compared"
    data = replace(study.data, files={"mlm": {"train": {"de": "mlm_text/news/de.txt"}}})
    assert notes(replace(study, data=data), tmp_path / "b", TEXT, SCORED)[1] == []


def test_other_evaluation_sets_make_another_set(study: Study) -> None:
    model, data = study.model, study.data
    assert TEXT.ref(model, data, [SCORED]) != TEXT.ref(model, data, [])


def test_shared_lines_can_be_dropped(study: Study, tmp_path: Path) -> None:
    study = replace(study, data=replace(study.data, exclude_overlap=True))
    prepared, marks = notes(study, tmp_path / "f", TEXT, SCORED)
    assert len(prepared) == 15
    assert prepared.manifest["dropped"]["examples"] == 5
    assert not [mark for mark in marks if "lines" in mark]


def test_missing_text_names_the_recipe(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe text is trained on mlm/train/sw, but no file at"):
        prepare(study, [replace(TEXT, language="sw")], tmp_path / "f", progress=False)


@pytest.mark.parametrize(
    ("path", "named"),
    [("xnli_test/de.txt", True), ("mlqa_test_contexts/de.txt", True), ("news/dev-de.txt", True),
     ("bible/de.txt", False), ("testimonies/de.txt", False), ("latest/de.txt", False)],
)  # fmt: skip
def test_names_of_evaluation_sets(path: str, named: bool) -> None:
    assert bool(named_like_evaluation("mlm/train/de", [Path("/test") / path])) == named


def test_real_text_is_named_and_shares_no_line_with_the_parts_at_hand(real_data: Path) -> None:
    """It is XNLI's lines 151 to 5010 and MLQA's test contexts; at hand are the first 150 lines and MLQA's dev set."""
    data = DataSettings(root=str(real_data))

    def examples(spec: SetSpec) -> list[Example]:
        return read_examples(get_task(spec.task), spec.split, spec.language, data)[0]

    files = find_files(MLM, "train", "de", data)
    scored = [SetSpec("mlqa", "dev", "de", "evaluate", 128, 1), SetSpec("xnli", "test", "de", "evaluate", 128, 1)]
    seen = check_texts({TEXT: files}, scored, examples, drops=False)[TEXT]
    assert seen.notes == tuple(
        f"mlm/train/de reads {folder}/de.txt, named like an evaluation set"
        for folder in ("mlqa_test_contexts", "xnli_test")
    )
    assert not seen.shared
    whole = check_texts({TEXT: files}, [replace(TEXT, purpose="evaluate")], examples, drops=False)[TEXT]
    assert len(whole.shared) > 6000, "most lines have the letters to count"
