"""Labels are to be had from both texts together, not from one of them; shuffled labels are to be had from nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.sample.benchmark import write_data
from stilts.sample.choices import Choice, causes, common_sense, endings, reading, social
from stilts.sample.draw import Grammar
from stilts.sample.files_choice import _text
from stilts.sample.grammar import worded, words
from stilts.sample.inference import inference
from stilts.sample.items import Pair, Paragraph, duplicates, paragraphs, paraphrases
from stilts.sample.language import base_language
from stilts.sample.shuffle import SHUFFLED, check_shuffled, shuffled_answers, shuffled_labels
from stilts.tasks import get_task

BASE = base_language()
TRAIN, TEST = 3000, 1500


def bag(texts: Sequence[str], vocabulary: dict[str, int]) -> np.ndarray:
    """Counts of words, and of pairs of neighbours (which say who does what)."""
    out = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
    for row, text in zip(out, texts, strict=True):
        for feature in features(text):
            if feature in vocabulary:
                row[vocabulary[feature]] += 1
    return out


def features(text: str) -> list[str]:
    found = text.lower().replace(".", "").split()
    return [*found, *(f"{a} {b}" for a, b in pairwise(found))]


def accuracy_from(options: Sequence[Sequence[str]], labels: Sequence[int]) -> float:
    """Held-out accuracy of a log-linear model that scores each option from its words; options stand for answers.

    With one option an item, the classes are the labels.
    """
    counts = Counter(feature for item in options[:TRAIN] for text in item for feature in features(text))
    vocabulary = {feature: i for i, (feature, _) in enumerate(counts.most_common(1500))}
    tables = np.stack([bag(column, vocabulary) for column in zip(*options, strict=True)], axis=1)
    gold, choices = np.asarray(labels), max(labels) + 1
    single = tables.shape[1] == 1
    weights = np.zeros((tables.shape[2], choices if single else 1), dtype=np.float32)

    def scores(rows: np.ndarray) -> np.ndarray:
        return rows[:, 0] @ weights if single else (rows @ weights)[:, :, 0]

    train, target = tables[:TRAIN], np.eye(choices, dtype=np.float32)[gold[:TRAIN]]
    for _ in range(60):
        logits = scores(train)
        chances = np.exp(logits - logits.max(1, keepdims=True))
        wrong = (chances / chances.sum(1, keepdims=True) - target) / TRAIN
        step = train[:, 0].T @ wrong if single else np.einsum("ncd,nc->d", train, wrong)[:, None]
        weights -= 2.0 * (step + 1e-4 * weights)
    return float((scores(tables[TRAIN:]).argmax(1) == gold[TRAIN:]).mean())


def near_chance(accuracy: float, chance: float) -> bool:
    return accuracy < chance + 3 * (chance * (1 - chance) / TEST) ** 0.5 + 0.01


def side(pairs: Sequence[Pair], which: str) -> list[list[str]]:
    return [[worded(BASE, *getattr(pair, which))] for pair in pairs]


@pytest.mark.parametrize("which", ["first", "second"])
def test_one_text_of_an_inference_pair_tells_nothing(which: str) -> None:
    pairs = inference(Grammar(21), (TRAIN + TEST) // 3)
    labels = [("entailment", "neutral", "contradiction").index(pair.label) for pair in pairs]
    assert near_chance(accuracy_from(side(pairs, which), labels), 1 / 3)


@pytest.mark.parametrize("draw", [paraphrases, duplicates])
@pytest.mark.parametrize("which", ["first", "second"])
def test_one_text_of_a_paraphrase_pair_tells_nothing(which: str, draw: Callable[[Grammar, int], list[Pair]]) -> None:
    pairs = draw(Grammar(22), TRAIN + TEST)
    assert near_chance(accuracy_from(side(pairs, which), [int(pair.label) for pair in pairs]), 1 / 2)


@pytest.mark.parametrize(
    ("draw", "chance"), [(endings, 1 / 4), (reading, 1 / 4), (social, 1 / 3), (causes, 1 / 2), (common_sense, 1 / 5)]
)
def test_the_choices_by_themselves_tell_nothing(draw: Callable[[Grammar, int], list[Choice]], chance: float) -> None:
    items = draw(Grammar(23), TRAIN + TEST)
    options = [[_text(choice, BASE) for choice in item.choices] for item in items]
    assert near_chance(accuracy_from(options, [item.label for item in items]), chance)


def test_a_classifier_of_the_same_kind_does_find_what_is_there() -> None:
    pairs = inference(Grammar(24), (TRAIN + TEST) // 3)
    options = [[text + (" not" if pair.label == "contradiction" else "")]
               for pair, (text,) in zip(pairs, side(pairs, "second"), strict=True)]  # fmt: skip
    labels = [int(pair.label == "contradiction") for pair in pairs]
    assert accuracy_from(options, labels) > 0.75


def places(paragraphs_: Sequence[Paragraph]) -> list[tuple[int, str] | None]:
    return [question.answer for paragraph in paragraphs_ for question in paragraph.questions]


def test_shuffled_labels_keep_their_counts_and_lose_their_meaning() -> None:
    pairs = inference(Grammar(25), 400)
    shuffled = shuffled_labels(pairs, random.Random(1))
    assert Counter(pair.label for pair in shuffled) == Counter(pair.label for pair in pairs)
    same = sum(a.label == b.label for a, b in zip(pairs, shuffled, strict=True)) / len(pairs)
    assert 0.27 < same < 0.40
    assert [pair.second for pair in shuffled] == [pair.second for pair in pairs]


def test_shuffled_answers_are_parts_of_their_paragraph() -> None:
    items = paragraphs(Grammar(26), 300, unanswerable=0.3)
    shuffled = shuffled_answers(items, random.Random(1))
    before, after = places(items), places(shuffled)
    assert before.count(None) == after.count(None)
    assert sum(a == b for a, b in zip(before, after, strict=True)) / len(before) < 0.35
    for paragraph in shuffled:
        for question in paragraph.questions:
            if question.answer:
                number, part = question.answer
                assert any(token.part == part for token in words(paragraph.sentences[number], BASE))


@pytest.mark.slow
@pytest.mark.parametrize("task", SHUFFLED)
def test_only_the_training_labels_of_the_task_change(sample: Path, shuffled: Path, task: str) -> None:
    def rows(root: Path, split: str) -> list:
        return read_examples(get_task(task), split, "en", DataSettings(root=str(root)))[0]

    before, after = rows(sample, "train"), rows(shuffled, "train")
    name = next(n for n in ("label", "tags", "answers") if hasattr(before[0], n))
    changed = sum(getattr(a, name) != getattr(b, name) for a, b in zip(before, after, strict=True))
    assert changed > 0.3 * len(before)
    for a, b in zip(before, after, strict=True):
        one, other = ({k: v for k, v in vars(row).items() if k not in (name, "id")} for row in (a, b))
        assert one == other
        if name == "tags":
            assert Counter(a.tags) == Counter(b.tags)
    assert rows(sample, "dev") == rows(shuffled, "dev")


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shuffled")
    write_data(root, 1, [base_language()], SHUFFLED)
    return root


def test_a_task_without_training_labels_of_its_own_is_refused() -> None:
    for task in ("xnli", "mlqa", "anli_plus", "mlm", "nonsense"):
        with pytest.raises(InputError, match=f"--shuffle-labels {task}"):
            check_shuffled([task])
