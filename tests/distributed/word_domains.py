"""Writes data sets of the sample anew, so that their texts differ in their words and in nothing else.

The vocabulary is a ring, and every data set has an arc of it: two sets share as many words as their arcs overlap. A
word belongs to one of three classes, which is all that the tasks ask for: the tag of a word, the label of a pair, the
right one of several answers. So a task teaches what helps another as far as they share words, whatever its format.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stilts.sample.writer import CORPUS

RING, CLASSES = 96, 3
Arc = tuple[int, int]
"""Where it starts, and how many words it has."""
_SUPERTAGS, _TAGS = ("N", "N/N", "S\\NP"), ("NOUN", "VERB", "ADJ")
_NLI, _ENTITIES = ("entailment", "neutral", "contradiction"), ("O", "B-PER", "B-LOC")
_ROWS = {"train": 400, "dev": 120}
_FEW = 8  # training rows of a target: too few to learn all of its words from


class Words:
    """Draws texts of one data set."""

    def __init__(self, vocabulary: list[str], arc: Arc, rng: random.Random) -> None:
        self.rng = rng
        start, length = arc
        places = [(start + i) % RING for i in range(length)]
        self.by_class = [[vocabulary[i] for i in places if i % CLASSES == c] for c in range(CLASSES)]

    def text(self, of: int, words: int = 5) -> str:
        """Words of one class."""
        return " ".join(self.rng.choice(self.by_class[of]) for _ in range(words))

    def mixed(self, words: int = 6) -> tuple[list[str], list[int]]:
        """Words of any class, and their classes."""
        classes = [self.rng.randrange(CLASSES) for _ in range(words)]
        return [self.rng.choice(self.by_class[of]) for of in classes], classes

    def answers(self, count: int) -> tuple[list[str], int]:
        """Texts of which one, whose number is given, has words of a higher class than all others."""
        right, highest = self.rng.randrange(count), self.rng.randrange(1, CLASSES)
        return [self.text(highest if i == right else self.rng.randrange(highest), 4) for i in range(count)], right


def write(root: Path, intermediate: Mapping[str, Arc], targets: Mapping[str, Arc]) -> None:
    """Replace the English files of these tasks in a sample. xnli is trained on mnli's file, which has the same arc."""
    found = Counter(re.findall(r"\b[a-z]{3,}\b", (root / CORPUS / "en.txt").read_text(encoding="utf-8")))
    vocabulary = [word for word, _ in found.most_common(RING)]
    assert len(vocabulary) == RING
    random.Random(0).shuffle(vocabulary)
    for task, arc in {**intermediate, **targets}.items():
        make, *paths = _FILES[task]
        for split, path in zip(_ROWS, paths, strict=True):
            draw = Words(vocabulary, arc, random.Random(f"{task} {split}"))
            rows = _FEW if split == "train" and task in targets else _ROWS[split]
            (root / path).write_text("".join(line + "\n" for line in make(draw, rows)), encoding="utf-8")


def _supertags(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        words, classes = draw.mixed()
        yield f"{' '.join(words)}\t{' '.join(_SUPERTAGS[of] for of in classes)}"


def _conllu(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        for number, (word, of) in enumerate(zip(*draw.mixed(), strict=True), start=1):
            yield "\t".join([str(number), word, word, _TAGS[of], "_", "_", "0", "root", "_", "_"])
        yield ""


def _panx(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        yield from (f"en:{word}\t{_ENTITIES[of]}" for word, of in zip(*draw.mixed(), strict=True))
        yield ""


def _pairs(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        of = draw.rng.randrange(CLASSES)
        yield f"{draw.text(of)}\t{draw.text(of)}\t{_NLI[of]}"


def _paraphrases(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        of = draw.rng.choice((0, 0, 1, 2))
        yield f"{draw.text(of)}\t{draw.text(of)}\t{int(of == 0)}"


def _snli(draw: Words, rows: int) -> Iterator[str]:
    for number, line in enumerate(_pairs(draw, rows)):
        first, second, label = line.split("\t")
        yield json.dumps({"pairID": str(number), "sentence1": first, "sentence2": second, "gold_label": label})


def _qqp(draw: Words, rows: int) -> Iterator[str]:
    yield "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
    for number, line in enumerate(_paraphrases(draw, rows)):
        yield f"{number}\t{2 * number}\t{2 * number + 1}\t{line}"


def _commonsenseqa(draw: Words, rows: int) -> Iterator[str]:
    for number in range(rows):
        texts, right = draw.answers(5)
        choices = [{"label": letter, "text": text} for letter, text in zip("ABCDE", texts, strict=True)]
        question = {"stem": " ".join(draw.mixed()[0]), "choices": choices}
        yield json.dumps({"id": str(number), "answerKey": "ABCDE"[right], "question": question})


def _socialiqa(draw: Words, rows: int) -> Iterator[str]:
    for _ in range(rows):
        texts, right = draw.answers(3)
        answers = {f"answer{letter}": text for letter, text in zip("ABC", texts, strict=True)}
        words = draw.mixed()[0]
        context, question = " ".join(words[:3]), " ".join(words[3:])
        yield json.dumps({"context": context, "question": question, **answers, "correct": "ABC"[right]})


def _hellaswag(draw: Words, rows: int) -> Iterator[str]:
    for number in range(rows):
        texts, right = draw.answers(4)
        words = draw.mixed()[0]
        context = {"ctx_a": " ".join(words[:4]), "ctx_b": " ".join(words[4:])}
        yield json.dumps({"ind": number, **context, "endings": texts, "label": right})


_TREEBANK = "ud/UD_English-Sample/en_sample-ud"
_FILES: dict[str, tuple[Callable[[Words, int], Iterator[str]], str, str]] = {
    "snli": (_snli, "snli/snli_1.0/snli_1.0_train.jsonl", "snli/snli_1.0/snli_1.0_dev.jsonl"),
    "ccg": (_supertags, "ccg/train.tsv", "ccg/dev.tsv"),
    "commonsenseqa": (_commonsenseqa, "commonsenseqa/train_rand_split.jsonl", "commonsenseqa/dev_rand_split.jsonl"),
    "qqp": (_qqp, "qqp/glue_data/QQP/train.tsv", "qqp/glue_data/QQP/dev.tsv"),
    "socialiqa": (_socialiqa, "socialiqa/socialIQa_v1.4_trn.jsonl", "socialiqa/socialIQa_v1.4_dev.jsonl"),
    "hellaswag": (_hellaswag, "hellaswag/hellaswag_train.jsonl", "hellaswag/hellaswag_val.jsonl"),
    "udpos": (_conllu, f"{_TREEBANK}-train.conllu", f"{_TREEBANK}-dev.conllu"),
    "xnli": (_pairs, "mnli/glue_data/MNLI/train.tsv", "xnli/dev-en.tsv"),
    "panx": (_panx, "panx/train-en.tsv", "panx/dev-en.tsv"),
    "pawsx": (_paraphrases, "pawsx/xtreme/train-en.tsv", "pawsx/xtreme/dev-en.tsv"),
}
"""Task -> what makes its lines, its training file and its dev file."""
