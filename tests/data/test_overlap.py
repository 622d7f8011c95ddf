"""The leak check: what counts as the same example, and what official data share by chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.leaks import LeakCheck
from stilts.data.overlap import EvaluationKeys, Overlap, SetName, drop, refuse
from stilts.data.sources import read_examples
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import ChoiceExample, Example, PairExample, SpanExample, TaggingExample

CONTEXT = "The quick brown fox jumps over the lazy dog every single day."
QUESTION = "Which animal does the fox jump over every single day?"


def name(task: str, split: str = "train", purpose: str = "train", official: bool = True, code: str = "en") -> SetName:
    return SetName(get_task(task), split, code, purpose, official)


def span(
    id: str = "1", context: str = CONTEXT, question: str = QUESTION, answer: str = "dog", article: str = ""
) -> SpanExample:
    return SpanExample(id, question, context, ((answer, 0),), article)


def shared(trained: SetName, examples: list[Example], scored: SetName, others: list[Example]) -> list[Overlap]:
    keys = EvaluationKeys()
    keys.add(scored, others)
    return keys.check(trained, examples)[0]


def counts(task: str, mine: Example, other: str, theirs: Example) -> dict[str, int]:
    found = shared(name(task), [mine], name(other, "dev", "evaluate"), [theirs])
    return found[0].counts if found else {}


def test_ids_count_only_within_an_id_space() -> None:
    other = span(context="Nothing here is the same as over there, word by word.", question="Why?")
    assert counts("squad_v1", span("5"), "xquad", SpanExample("5", "Wer?", "Etwas", None, "")) == {"ids": 1}
    assert counts("squad_v1", span("5"), "mlqa", SpanExample("5", "Wer?", "Etwas", None, "")) == {}
    assert counts("tydiqa", span("5"), "tydiqa", other) == {}


def test_contexts_and_questions_whatever_their_case_and_punctuation() -> None:
    same = span("2", "\ufeff" + CONTEXT.upper(), "Other", "x")
    assert counts("squad_v1", span(), "mlqa", same) == {"contexts": 1}
    asked = span(
        "2", "Some other context, which is quite long enough to be counted here.", QUESTION.lower().strip("?"), "Dog"
    )
    assert counts("squad_v1", span(), "mlqa", asked) == {"questions": 1}


def test_generic_things_are_not_flagged() -> None:
    far = "Some other context, which is quite long enough to be counted here."
    assert counts("squad_v1", span(answer="dog"), "mlqa", span("2", far, QUESTION, "cat")) == {}
    assert counts("squad_v1", span(question="When?"), "mlqa", span("2", far, "When?")) == {}
    assert counts("squad_v1", span(context="See also"), "mlqa", span("2", "See also", "x", "y")) == {}
    short = TaggingExample("1", ("Mike",), ("PROPN",))
    assert counts("udpos", short, "udpos", short) == {}
    assert counts("snli", PairExample("1", "A man.", "A dog.", "neutral"), "xnli",
                  PairExample("2", "A man.", "A dog.", "neutral")) == {}  # fmt: skip


def test_pairs_in_either_order_and_sentences() -> None:
    pair = PairExample("1", "The dog sleeps here.", "The cat is awake.", "neutral")
    assert counts("mnli", pair, "xnli", PairExample("9", pair.text_a, pair.text_b, "entailment")) == {"pairs": 1}
    assert counts("pawsx", pair, "pawsx", PairExample("9", pair.text_b.upper(), pair.text_a, "1")) == {"pairs": 1}
    assert counts("mnli", pair, "xnli", PairExample("9", pair.text_a, "Something else is awake.", "neutral")) == {}
    tags = tuple("X" for _ in CONTEXT.split())
    sentence = TaggingExample("1", tuple(CONTEXT.split()), tags)
    assert counts("udpos", sentence, "udpos", TaggingExample("7", tuple(CONTEXT.lower().split()), tags)) == {
        "sentences": 1
    }


def test_first_texts_of_multiple_choice_with_an_equal_choice() -> None:
    ours = ChoiceExample("1", "The man fell. What was the cause?", ("He slipped.", "He slept."), 0)
    moved = ChoiceExample("2", "the man FELL. What was the cause?", ("She sat.", "he slipped"), 1)
    assert counts("socialiqa", ours, "xcopa", moved) == {"questions": 1}
    assert counts("socialiqa", ours, "xcopa", ChoiceExample("1", ours.text, ("She sat.", "She ran."), 0)) == {}
    assert counts("socialiqa", ours, "xcopa", ChoiceExample("1", "Another text", ours.choices, 0)) == {}
    short = ChoiceExample("1", "What sleeps?", ("a cat", "a stone"), 0)
    assert counts("commonsenseqa", short, "xcopa", short) == {}
    unlabelled = ChoiceExample("9", ours.text, ours.choices, None)
    assert counts("copa", ours, "xcopa", unlabelled) == {"questions": 1}
    chinese = ChoiceExample("1", "该物品用气泡包装纸包着。 What was the cause?", ("它很易碎。", "它很小。"), 0)
    assert counts("copa", chinese, "xcopa", chinese) == {"questions": 1}
    asked = span("2", "Some other context, which is quite long enough to be counted here.", QUESTION, "Dog")
    assert counts("commonsenseqa", ChoiceExample("1", QUESTION, ("dog", "cat"), 1), "mlqa", asked) == {"questions": 1}


def test_contexts_in_scripts_without_spaces() -> None:
    text = "北京市是中华人民共和国的首都，也是全国的政治中心和文化中心。"
    assert counts("tydiqa", span(context=text, question="x"), "mlqa", span("2", text, "y")) == {"contexts": 1}


def test_repeats_between_official_splits_of_one_data_set_are_tolerated_up_to_a_share() -> None:
    train: list[Example] = [span("1")]
    scored: list[Example] = [
        span(str(n), f"Number {n}: a context that is long enough to be counted.", "x") for n in range(19)
    ]
    few = shared(name("tydiqa"), train, name("tydiqa", "dev", "evaluate"), [*scored, span("x")])
    assert (few[0].tolerated, few[0].counts, few[0].share) == (True, {"contexts": 1, "questions": 1}, 0.05)
    refuse([o for o in few if o.tolerated])
    for trained, other in (
        (name("squad_v1"), name("mlqa", "dev", "evaluate")),  # two data sets
        (name("tydiqa", official=False), name("tydiqa", "dev", "evaluate")),  # a file of the user
        (name("tydiqa"), name("tydiqa", "train", "evaluate")),  # the same split
    ):
        found = shared(trained, train, other, [*scored, span("x")])
        with pytest.raises(InputError, match="share"):
            refuse(found)
    many = shared(name("tydiqa"), train, name("tydiqa", "dev", "evaluate"), [span("x")])
    assert not many[0].tolerated


def test_a_set_that_is_chosen_on_and_reported_is_exempt() -> None:
    assert not shared(name("xnli", "dev", "select"), [span()], name("xnli", "dev", "evaluate", code="sw"), [span()])
    assert shared(name("xnli", "dev", "select"), [span()], name("xnli", "test", "evaluate"), [span()])
    assert shared(name("xnli", "dev", "train"), [span()], name("xnli", "dev", "evaluate"), [span()])


def test_the_message_counts_and_gives_an_example() -> None:
    found = shared(name("squad_v1"), [span("5")], name("xquad", "test", "evaluate"), [span("5")])
    with pytest.raises(InputError) as caught:
        refuse(found)
    message = str(caught.value)
    assert "squad_v1/train/en and xquad/test/en share 1 ids, 1 contexts, 1 questions (such as '5')" in message
    assert "data.exclude_overlap: true" in message
    assert "\n" not in message


def test_whole_articles_are_dropped() -> None:
    examples: list[Example] = [
        span("1", article="A"), span("2", "x", article="A"), span("3", "y", article="B"),
        span("4", CONTEXT), span("5", "z"),
    ]  # fmt: skip
    kept, articles = drop(examples, {0, 3})
    assert ([e.id for e in kept], articles) == (["3", "5"], 2)
    pairs: list[Example] = [PairExample(str(n), "Same premise.", "b", "neutral") for n in range(3)]
    assert ([e.id for e in drop(pairs, {1})[0]], drop(pairs, {1})[1]) == (["0", "2"], 1)


# --- official data

SQUAD = {"squad_v1": {"train": {"en": "squad/dev-v1.1.json"}}, "squad_v2": {"train": {"en": "squad/dev-v2.0.json"}}}
UD_TEST = ("ar", "de", "en", "es", "fi", "ta", "th", "tr", "zh")
MNLI = {"mnli": {"train": {"en": "mnli/glue_data/MNLI/train.more.tsv"}}}


def check(root: Path, train: list[str], scored: list[str], files: object = None) -> None:
    data = DataSettings(root=str(root), files=files or {})  # type: ignore[arg-type]
    specs = []
    for purpose, names in (("train", train), ("evaluate", scored)):
        for task, split, language in (text.split("/") for text in names):
            specs.append(SetSpec(task, split, language, purpose, 128, 1))
    LeakCheck(data, specs, lambda s: read_examples(get_task(s.task), s.split, s.language, data)[0]).run()


def test_squad_dev_is_xquad(real_data: Path) -> None:
    with pytest.raises(
        InputError, match=r"squad_v1/train/en and xquad/test/en share 332 ids, 60 contexts, 263 questions"
    ):
        check(real_data, ["squad_v1/train/en"], ["xquad/test/en"], SQUAD)
    with pytest.raises(InputError, match=r"share 24 contexts, 71 questions"):  # the ids of this copy were changed
        check(real_data, ["squad_v2/train/en"], ["xquad/test/en"], SQUAD)


def test_english_stands_for_all_languages_of_a_parallel_set(real_data: Path) -> None:
    with pytest.raises(InputError) as caught:
        check(real_data, ["squad_v2/train/en"], ["xquad/test/th"], SQUAD)
    assert "xquad/test/en (English parallel) share 24 contexts" in str(caught.value)
    with pytest.raises(InputError, match=r"xnli/dev/en \(English parallel\) share 600 pairs"):
        check(real_data, ["mnli/train/en"], ["xnli/dev/sw"], {"mnli": {"train": {"en": "xnli/dev-en.tsv"}}})


def test_official_data_that_do_not_overlap(real_data: Path) -> None:
    languages = ["ar", "de", "en", "es", "hi", "vi", "zh"]
    check(real_data, ["squad_v1/train/en", "squad_v2/train/en"], [f"mlqa/dev/{code}" for code in languages], SQUAD)
    train = "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{}.train.json"
    slices = {"tydiqa": {"dev": {code: train.format(code) for code in ("sw", "ko")}}}
    check(real_data, ["tydiqa/train/en", "squad_v1/train/en"], ["tydiqa/dev/sw", "tydiqa/dev/ko"], {**SQUAD, **slices})
    check(real_data, ["mnli/train/en", "snli/train/en", "snli/dev/en", "snli/test/en"],
          [f"xnli/dev/{code}" for code in get_task("xnli").languages], MNLI)  # fmt: skip
    check(real_data, ["udpos/train/en"], [f"udpos/dev/{code}" for code in ("de", "en", "es", "fi", "ta", "tr", "zh")])
    check(real_data, ["udpos/train/en"], [f"udpos/test/{code}" for code in UD_TEST])


def test_multiple_choice_data_do_not_overlap_xcopa(real_data: Path) -> None:
    xcopa = [f"xcopa/{split}/{code}" for split in ("dev", "test") for code in get_task("xcopa").languages]
    check(real_data, ["socialiqa/train/en", "commonsenseqa/train/en", "cosmosqa/train/en", "hellaswag/train/en"], xcopa,
          {"socialiqa": {"train": {"en": "socialiqa/socialIQa_v1.4_dev.jsonl"}},
           "cosmosqa": {"train": {"en": "cosmosqa/valid.csv"}},
           "hellaswag": {"train": {"en": "hellaswag/hellaswag_val.jsonl"}}})  # fmt: skip
    with pytest.raises(InputError, match="copa/train/en and xcopa/dev/it share 60 questions"):
        check(real_data, ["copa/train/en"], ["xcopa/dev/it"],
              {"copa": {"train": {"en": "xcopa/data/it/val.it.jsonl"}}})  # fmt: skip


def test_repeats_within_an_official_data_set_are_logged(real_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    check(real_data, ["tydiqa/train/sw"], ["tydiqa/dev/sw"])
    assert "tydiqa/train/sw and tydiqa/dev/sw share 4 contexts" in caplog.text


def test_a_copy_of_the_evaluation_set_is_found(real_data: Path) -> None:
    for task, split, path in (
        ("pawsx", "dev", "pawsx/xtreme/dev-de.tsv"),
        ("udpos", "dev", "ud/UD_German-GSD/de_gsd-ud-dev.conllu"),
    ):
        with pytest.raises(InputError, match=f"{task}/train/en and {task}/dev/de share"):
            check(real_data, [f"{task}/train/en"], [f"{task}/{split}/de"], {task: {"train": {"en": path}}})
