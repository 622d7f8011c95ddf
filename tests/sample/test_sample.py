"""The generated sample benchmark: same seed, same bytes; official formats; no item in two sets; usable models."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.sample import generate
from stilts.sample.benchmark import check_replaceable, write_data
from stilts.sample.language import base_language, invented_languages
from stilts.sample.observed import OBSERVED
from stilts.sample.sets import SIZES
from stilts.tasks import TASKS, get_task

INVENTED = tuple(f"qa{letter}" for letter in "abcdefghijklmnop")
CODES = ("en", *INVENTED)
TAGS = {"ADJ", "ADP", "ADV", "AUX", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "VERB"}
PARALLEL = (("xnli", "dev"), ("xnli", "test"), ("pawsx", "dev"), ("pawsx", "test"), ("mlqa", "dev"), ("xquad", "test"))
JOINT = tuple(
    f"mewslix/{name}.jsonl" for name in ("wikinews_mentions-dev", "wikinews_mentions-test", "candidate_set_entities")
)
FOUR = ("en", "qaa", "qaf", "qap")


def languages_of(task: str, split: str) -> tuple[str, ...]:
    if split == "train" or get_task(task).kind == "intermediate":
        return ("en",)
    return INVENTED if task in ("tatoeba", "xcopa", "bucc2018") else CODES


def all_sets() -> list[tuple[str, str, str]]:
    return [(t, s, c) for t, splits in SIZES.items() for s in splits for c in languages_of(t, s)]


def examples(root: Path, task: str, split: str, code: str) -> list:
    return read_examples(get_task(task), split, code, DataSettings(root=str(root)))[0]


def contents(root: Path) -> dict[str, str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sample: Path, tmp_path: Path) -> None:
    def written(name: str, seed: int, languages: int) -> dict[str, str]:
        write_data(tmp_path / name, seed, [base_language(), *invented_languages(languages, seed)])
        return contents(tmp_path / name)

    one = {path: digest for path, digest in contents(sample).items() if path.count("/") and "model" not in path}
    one = {path: digest for path, digest in one.items() if path not in JOINT}
    fewer = {path: digest for path, digest in written("fewer", 1, 6).items() if path not in (*JOINT, OBSERVED)}
    for path in (*JOINT[:2], OBSERVED):  # all languages in one file
        lines = [(root / path).read_text(encoding="utf-8").splitlines() for root in (tmp_path / "fewer", sample)]
        assert lines[0] == lines[1][: len(lines[0])]
    assert {path: digest for path, digest in one.items() if path in fewer} == fewer  # more languages change nothing
    assert {path for path in one if path not in fewer} == {p for p in one if re.search("qa[g-p]", p.lower())}
    assert not set(written("other", 2, 1).values()) & set(one.values())


def test_every_task_but_the_licensed_ones_has_its_files(sample: Path) -> None:
    assert set(SIZES) == set(TASKS) - {"mlm", "anli_plus", "lareqa"}
    joined = examples(sample, "anli_plus", "train", "en")
    assert len(joined) == sum(SIZES[task]["train"] for task in ("snli", "mnli", "anli")) - SIZES["snli"]["train"] // 100
    assert len(examples(sample, "xcopa", "dev", "qac")) == SIZES["copa"]["dev"]
    text = examples(sample, "mlm", "train", "qac")
    assert len(text) == 1600


def test_xnlis_english_training_set_is_mnlis(sample: Path) -> None:
    rows, mnli = (examples(sample, task, "train", "en") for task in ("xnli", "mnli"))
    assert [(r.text_a, r.text_b, r.label) for r in rows] == [(r.text_a, r.text_b, r.label) for r in mnli]


def test_lareqa_is_xquad_with_sentences(sample: Path) -> None:
    assert len(examples(sample, "lareqa", "train", "en")) == SIZES["squad_v1"]["train"]
    for code in FOUR:
        rows, plain = examples(sample, "lareqa", "test", code), examples(sample, "xquad", "test", code)
        assert [(row.id, row.context, row.answers) for row in rows] == [(r.id, r.context, r.answers) for r in plain]
        for row in rows:
            assert " ".join(row.sentences) == row.context
            assert row.answers[0][0] in row.sentences[row.right]


def test_the_readers_read_every_set_with_labels_and_full_size(sample: Path) -> None:
    for task, split, code in all_sets():
        rows = examples(sample, task, split, code)
        undecided = SIZES[task][split] // 100 if task == "snli" else 0  # SNLI's rows without a gold label
        assert len(rows) == SIZES[task][split] - undecided, (task, split, code)
        for row in rows:
            labels = [getattr(row, name, None) for name in ("label", "tags", "english", "answers", "matches", "entity")]
            assert any(label is not None for label in labels), (task, split, code, row)


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
    if hasattr(row, "choices"):
        return [normal(" / ".join((row.text, *row.choices)))]
    if hasattr(row, "words"):
        return [normal(" ".join(row.words))]
    return [normal(row.english if hasattr(row, "english") else row.text)]


def normal(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def test_no_sentence_of_the_text_is_a_sentence_to_translate_or_tag(sample: Path) -> None:
    text = (sample / "mlm_text/sample/en.txt").read_text(encoding="utf-8")
    seen = {normal(sentence) for sentence in re.split(r"[.?]\s", text)}
    assert not seen & {key for row in examples(sample, "tatoeba", "test", "qaa") for key in keys_of(row)}
    for task, split in (("udpos", "test"), ("panx", "train"), ("panx", "test"), ("ccg", "train"), ("ccg", "dev")):
        assert not seen & {key for row in examples(sample, task, split, "en") for key in keys_of(row)}


def test_parallel_sets_hold_the_same_items_in_every_language(sample: Path) -> None:
    for task, split in PARALLEL:
        base = examples(sample, task, split, "en")
        for code in FOUR[1:]:
            rows = examples(sample, task, split, code)
            assert [row.id for row in rows] == [row.id for row in base]
            if hasattr(base[0], "label"):
                assert [row.label for row in rows] == [row.label for row in base]


def test_answers_lie_where_the_file_says_and_some_questions_of_squad_v2_have_none(sample: Path) -> None:
    for task, split in (("squad_v1", "train"), ("xquad", "test"), ("mlqa", "test"), ("tydiqa", "dev")):
        for code in languages_of(task, split):
            for row in examples(sample, task, split, code):
                text, start = row.answers[0]
                assert row.context[start : start + len(text)] == text
                assert not re.search(r"[.,?]|^\W|\W$", text)
    answered = Counter(bool(row.answers) for row in examples(sample, "squad_v2", "train", "en"))
    assert 0.25 < answered[False] / answered.total() < 0.42


def test_two_corpora_have_known_translations_and_sentences_without_one(sample: Path) -> None:
    for code in FOUR[1:]:
        seen: set[tuple[int, str]] = set()
        for split, count in SIZES["bucc2018"].items():
            rows = examples(sample, "bucc2018", split, code)
            sides = [[row for row in rows if row.side == side] for side in (0, 1)]
            assert [len(side) for side in sides] == [count // 2] * 2
            assert [sum(bool(row.matches) for row in side) for side in sides] == [round(0.3 * count)] * 2
            texts = {(row.side, row.text) for row in rows}
            assert len(texts) == count
            assert not texts & seen
            seen |= texts


def test_mentions_find_their_entities_among_candidates_in_all_languages(sample: Path) -> None:
    candidates = {row.entity: row.description for row in examples(sample, "mewslix", "candidates", "mul")}
    path = sample / "mewslix/candidate_set_entities.jsonl"
    languages = Counter(json.loads(line)["description_language"] for line in path.read_text().splitlines())
    assert set(languages) == set(CODES)
    trained = {row.entity for row in examples(sample, "mewslix", "train", "en")}
    for code in FOUR:
        dev, test = ({row.entity for row in examples(sample, "mewslix", split, code)} for split in ("dev", "test"))
        assert not dev & test
        assert not (dev | test) & trained
        assert dev | test <= set(candidates)
    row = examples(sample, "mewslix", "train", "en")[0]
    name = row.text.split(":")[0]
    assert row.description.startswith(name)
    assert f"{{ {name} }}" in row.text


def test_labels_are_balanced_and_tags_varied(sample: Path) -> None:
    assert len(set(Counter(row.label for row in examples(sample, "mnli", "train", "en")).values())) == 1
    assert set(Counter(row.label for row in examples(sample, "pawsx", "dev", "qab")).values()) == {100}
    assert set(Counter(row.label for row in examples(sample, "qqp", "dev", "en")).values()) == {100}
    for task in ("hellaswag", "commonsenseqa", "cosmosqa", "socialiqa", "copa"):
        counts = Counter(row.label for row in examples(sample, task, "train", "en"))
        assert max(counts.values()) <= min(counts.values()) + 2, (task, counts)
    assert {tag for row in examples(sample, "udpos", "train", "en") for tag in row.tags} == TAGS


def test_entities_and_supertags_are_varied(sample: Path) -> None:
    for code in FOUR:
        counts = Counter(tag for row in examples(sample, "panx", "test", code) for tag in row.tags)
        assert set(counts) == set(get_task("panx").labels)
        assert min(counts.values()) >= 5
    train = Counter(tag for row in examples(sample, "ccg", "train", "en") for tag in row.tags)
    assert set(train) >= {"NP/N", "N", "NP", "(S[dcl]\\NP)/NP", "(S[b]\\NP)/NP", "S[wq]/(S[q]/NP)", "."}
    for split in ("dev", "test"):
        assert {tag for row in examples(sample, "ccg", split, "en") for tag in row.tags} <= set(train)
    tags: dict[str, set[str]] = {}
    for row in examples(sample, "ccg", "train", "en"):
        for word, tag in zip(row.words, row.tags, strict=True):
            tags.setdefault(word.lower(), set()).add(tag)
    assert {word for word, found in tags.items() if len(found) > 1} >= {"did", "in"}  # the context decides


def test_every_second_line_of_an_invented_language_ends_with_its_translation(sample: Path) -> None:
    lines = (sample / "mlm_text/sample/qac.txt").read_text(encoding="utf-8").splitlines()
    english = {word.lower() for word in re.findall(r"\w+", (sample / "mlm_text/sample/en.txt").read_text())}
    shares = [sum(word.lower() in english for word in re.findall(r"\w+", line)) / len(line.split()) for line in lines]
    assert max(shares[::2]) < 0.5  # names
    assert sum(shares[1::2]) / len(shares[1::2]) > 0.4


def test_the_model_opens_and_its_tokenizer_works_as_xlm_r_does(sample: Path, tokenizer) -> None:
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM

    assert tokenizer.is_fast
    assert [tokenizer.convert_tokens_to_ids(t) for t in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    row = tokenizer("Who followed a dog in Toburg?", "Two cats.", return_offsets_mapping=True)
    tokens = tokenizer.convert_ids_to_tokens(row["input_ids"])
    first, second = tokens.index("</s>"), len(tokens) - 1
    assert (tokens[0], tokens[second]) == ("<s>", "</s>")
    assert [i for i, token in enumerate(tokens) if token == "</s>"] == [first, first + 1, second]
    assert tokens[first - 3 : first] == ["▁to", "burg", "?"]
    at = tokens.index("▁followed")
    assert row["offset_mapping"][at] == (4, 12)
    assert tokenizer.decode(row["input_ids"], skip_special_tokens=True) == "who followed a dog in toburg? two cats."
    model = AutoModel.from_pretrained(sample / "model_random").eval()
    assert model.config.model_type == "xlm-roberta"
    with torch.no_grad():
        hidden = model(**tokenizer(["A dog."], return_tensors="pt")).last_hidden_state
    assert torch.isfinite(hidden).all()
    lm = AutoModelForMaskedLM.from_pretrained(sample / "model_random")
    assert lm.get_output_embeddings().weight is lm.get_input_embeddings().weight
    assert lm.get_output_embeddings().weight.shape[0] == len(tokenizer)


def test_no_text_of_the_sample_has_unknown_tokens(sample: Path, tokenizer) -> None:
    for code in CODES:
        names = (f"xnli/dev-{code}.tsv", f"mlm_text/sample/{code}.txt", f"tatoeba/tatoeba.{code}-eng.{code}")
        for path in (sample / name for name in names if (sample / name).is_file()):
            lines = path.read_text(encoding="utf-8").split("\n")[:200]
            assert all(tokenizer.unk_token_id not in ids for ids in tokenizer(lines)["input_ids"]), path


def test_facts_and_readme_lie_beside_the_data(sample: Path) -> None:
    facts = json.loads((sample / "sample.json").read_text(encoding="utf-8"))
    assert (facts["seed"], facts["shuffled_labels"]) == (1, [])
    assert "qaa to qap" in (sample / "README.txt").read_text(encoding="utf-8")


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
