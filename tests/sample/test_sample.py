"""The generated sample benchmark: same seed, same bytes; official formats; no item in two sets; a usable model."""

from __future__ import annotations

import filecmp
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.sample import generate
from stilts.sample.benchmark import SIZES, check_replaceable
from stilts.tasks import get_task

CODES = ("en", "qaa", "qab", "qac", "qad")
TAGS = {"ADJ", "ADP", "ADV", "AUX", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "VERB"}
PARALLEL = (("xnli", "dev"), ("xnli", "test"), ("pawsx", "dev"), ("pawsx", "test"), ("mlqa", "dev"), ("xquad", "test"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "one"
    generate(out, seed=1)
    return out


def languages_of(task: str, split: str) -> tuple[str, ...]:
    if split == "train" or get_task(task).kind == "intermediate":
        return ("en",)
    return CODES[1:] if task == "tatoeba" else CODES


def all_sets() -> list[tuple[str, str, str]]:
    return [(t, s, c) for t, splits in SIZES.items() for s in splits for c in languages_of(t, s)]


def examples(root: Path, task: str, split: str, code: str) -> list:
    return read_examples(get_task(task), split, code, DataSettings(root=str(root)))[0]


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sample: Path, tmp_path: Path) -> None:
    generate(tmp_path / "two", seed=1)
    assert contents(tmp_path / "two") == contents(sample)
    generate(tmp_path / "three", seed=2, languages=1)
    assert not filecmp.cmp(sample / "xnli/dev-en.tsv", tmp_path / "three/xnli/dev-en.tsv", shallow=False)
    model = "model/model.safetensors"
    assert (sample / model).read_bytes() != (tmp_path / "three" / model).read_bytes()
    assert not (tmp_path / "three/xnli/dev-qab.tsv").exists()


@pytest.mark.slow
def test_the_readers_read_every_set_with_labels_and_full_size(sample: Path) -> None:
    for task, split, code in all_sets():
        rows = examples(sample, task, split, code)
        undecided = SIZES[task][split] // 100 if task == "snli" else 0  # SNLI's rows without a gold label
        assert len(rows) == SIZES[task][split] - undecided, (task, split, code)
        for row in rows:
            label = getattr(row, "label", None) or getattr(row, "tags", None) or getattr(row, "english", None)
            assert label or row.answers is not None, (task, split, code, row)


@pytest.mark.slow
def test_no_item_of_a_training_set_is_in_another_set(sample: Path) -> None:
    seen: dict[str, str] = {}
    for task, split, code in all_sets():
        name = task if (task, split) in PARALLEL or split != "train" else f"{task} train"
        for row in examples(sample, task, split, code):
            for key in keys_of(row):
                first = seen.setdefault(key, f"{name} {split}")
                assert first == f"{name} {split}", f"{key!r} of {name} {split} {code} is also in {first}"


def keys_of(row: object) -> list[str]:
    if hasattr(row, "question"):
        return [row.id, normal(row.context), normal(row.question)]
    if hasattr(row, "text_a"):
        return [normal(row.text_a + " / " + row.text_b)]
    if hasattr(row, "words"):
        return [normal(" ".join(row.words))]
    return [normal(row.english)]


def normal(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


@pytest.mark.slow
def test_parallel_sets_hold_the_same_items_in_every_language(sample: Path) -> None:
    for task, split in PARALLEL:
        base = examples(sample, task, split, "en")
        for code in CODES[1:]:
            rows = examples(sample, task, split, code)
            assert [row.id for row in rows] == [row.id for row in base]
            if hasattr(base[0], "label"):
                assert [row.label for row in rows] == [row.label for row in base]
            else:
                names = [a.answers[0][0] for a in base if a.question.startswith("Where")]
                assert names
                assert names == [r.answers[0][0] for r, b in zip(rows, base, strict=True) if b.question[:5] == "Where"]


@pytest.mark.slow
def test_answers_lie_where_the_file_says_and_some_questions_of_squad_v2_have_none(sample: Path) -> None:
    for task, split in (("squad_v1", "train"), ("xquad", "test"), ("mlqa", "test"), ("tydiqa", "dev")):
        for code in languages_of(task, split):
            for row in examples(sample, task, split, code):
                text, start = row.answers[0]
                assert row.context[start : start + len(text)] == text
                assert not re.search(r"[.,?]|^\W|\W$", text)
    answered = Counter(bool(row.answers) for row in examples(sample, "squad_v2", "train", "en"))
    assert answered[False] > 150
    assert answered[True] > 400


@pytest.mark.slow
def test_labels_are_balanced_and_tags_varied(sample: Path) -> None:
    assert set(Counter(row.label for row in examples(sample, "mnli", "train", "en")).values()) == {800}
    assert set(Counter(row.label for row in examples(sample, "pawsx", "dev", "qab")).values()) == {50}
    tags = Counter(tag for row in examples(sample, "udpos", "train", "en") for tag in row.tags)
    assert set(tags) == TAGS


@pytest.mark.slow
def test_the_model_opens_and_its_tokenizer_works_as_xlm_r_does(sample: Path) -> None:
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(sample / "model")
    assert tokenizer.is_fast
    assert len(tokenizer) <= 2000
    assert [tokenizer.convert_tokens_to_ids(t) for t in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    row = tokenizer("Who chased a dog in Toriburg?", "Two cats.", return_offsets_mapping=True)
    tokens = tokenizer.convert_ids_to_tokens(row["input_ids"])
    first, second = tokens.index("</s>"), len(tokens) - 1
    assert (tokens[0], tokens[second]) == ("<s>", "</s>")
    assert [i for i, token in enumerate(tokens) if token == "</s>"] == [first, first + 1, second]
    assert tokens[first - 1] == "?"
    at = tokens.index("▁chased")
    assert row["offset_mapping"][at] == (4, 10)
    model = AutoModel.from_pretrained(sample / "model").eval()
    assert model.config.model_type == "xlm-roberta"
    with torch.no_grad():
        hidden = model(**tokenizer(["A dog."], return_tensors="pt")).last_hidden_state
    assert hidden.shape[-1] == 64
    assert torch.isfinite(hidden).all()
    lm = AutoModelForMaskedLM.from_pretrained(sample / "model")
    assert lm.get_output_embeddings().weight.shape[0] == len(tokenizer)


@pytest.mark.slow
def test_no_text_of_the_sample_has_unknown_tokens(sample: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(sample / "model")
    for code in CODES:
        text = (sample / f"xnli/dev-{code}.tsv").read_text(encoding="utf-8")
        assert tokenizer.unk_token_id not in tokenizer(text.split("\n")[:50])["input_ids"]


@pytest.mark.slow
def test_facts_and_readme_lie_beside_the_data(sample: Path) -> None:
    facts = json.loads((sample / "sample.json").read_text(encoding="utf-8"))
    assert facts["seed"] == 1
    assert list(facts["languages"]) == list(CODES)
    assert facts["languages"]["qab"]["word_order"] == "SOV"
    assert "sample" in (sample / "README.txt").read_text(encoding="utf-8")


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="not made by"):
        generate(tmp_path)
    (tmp_path / "sample.json").write_text('{"made_by": "someone"}')
    with pytest.raises(InputError, match="not made by"):
        generate(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    with pytest.raises(InputError, match="not made by"):
        generate(tmp_path / "mine.txt")


def test_an_empty_folder_and_an_earlier_sample_may_be_replaced(tmp_path: Path) -> None:
    check_replaceable(tmp_path)
    check_replaceable(tmp_path / "new")
    (tmp_path / "sample.json").write_text('{"made_by": "stilts sample"}')
    check_replaceable(tmp_path)
