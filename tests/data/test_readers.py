"""Readers on small files: every accepted format, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.errors import InputError
from stilts.tasks import get_task
from stilts.tasks.examples import PairExample, RetrievalExample, SpanExample, TaggingExample

Read = Callable[..., list[Any]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a file and reads it as a task's split through data.files."""

    def function(
        task: str, content: str | bytes, name: str = "file.tsv", split: str = "dev", code: str = "en"
    ) -> list[Any]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        data = DataSettings(files={task: {split: {code: str(path)}}})
        return read_examples(get_task(task), split, code, data)[0]

    return function


def squad(answer: dict[str, Any] | None = None, **question: Any) -> str:
    answers = [{"text": "Paris", "answer_start": 11, **(answer or {})}]
    qa = {"id": "a", "question": "Which city is it?", "answers": answers, **question}
    qa = {key: value for key, value in qa.items() if value is not ...}
    return json.dumps({"data": [{"title": "T", "paragraphs": [{"context": "The city is Paris.", "qas": [qa]}]}]})


# --- pairs


def test_three_columns_with_crlf_quotes_and_placeholder(read: Read) -> None:
    content = '\ufeffHe said "no.\tHe did.\tneutral\r\n"A b\tC\u2028d\tcontradiction\r\nE\tF\t-\r\n\r\n'
    assert read("xnli", content) == [
        PairExample("1", 'He said "no.', "He did.", "neutral"),
        PairExample("2", '"A b', "C\u2028d", "contradiction"),
    ]


def test_two_columns_are_unlabelled(read: Read) -> None:
    assert [e.label for e in read("xnli", "a\tb\nc\td\n", split="test")] == [None, None]


def test_glue_header_with_more_annotators(read: Read) -> None:
    content = (
        "index\tpairID\tsentence1\tsentence2\tlabel1\tgold_label\n"
        "0\tp1\tA.\tB.\tneutral\tneutral\n"
        "1\tp2\tC.\tD.\tneutral\tentailment\tneutral\tneutral\tneutral\tentailment\n"
    )
    assert read("snli", content) == [
        PairExample("p1", "A.", "B.", "neutral"),
        PairExample("p2", "C.", "D.", "entailment"),
    ]


def test_snli_json_lines(read: Read) -> None:
    rows = [{"gold_label": label, "sentence1": "A", "sentence2": "B", "pairID": "x"} for label in ("neutral", "-")]
    assert read("snli", "\n".join(map(json.dumps, rows)), "s.jsonl") == [PairExample("x", "A", "B", "neutral")]


def test_anli_json_lines(read: Read) -> None:
    row = {"uid": "u1", "context": "A", "hypothesis": "B", "label": "e", "model_label": "c", "reason": ""}
    content = "\n".join(map(json.dumps, [row, {**row, "uid": "u2", "label": -1}, {**row, "uid": "u3", "label": "c"}]))
    assert read("anli", content, "dev.jsonl") == [
        PairExample("u1", "A", "B", "entailment"),
        PairExample("u3", "A", "B", "contradiction"),
    ]
    del row["label"]
    assert read("anli", json.dumps(row), "dev.jsonl") == [PairExample("u1", "A", "B", None)]


def test_official_xnli_file_holds_all_languages(read: Read) -> None:
    content = "language\tgold_label\tsentence1\tsentence2\nde\tneutral\tA\tB\nsw\tentailment\tC\tD\n"
    assert read("xnli", content, code="sw") == [PairExample("3", "C", "D", "entailment")]


def test_machine_translated_training_file(read: Read) -> None:
    assert read("xnli", "premise\thypo\tlabel\nA\tB\tcontradictory\n", split="train")[0].label == "contradiction"


def test_pawsx_placeholders_are_read_as_they_are(read: Read) -> None:
    content = "id\tsentence1\tsentence2\tlabel\n1\tNS\tB\t0\n2\tA\tB\t1\n4\t\tB\t0\n"
    assert read("pawsx", content) == [
        PairExample("1", "NS", "B", "0"), PairExample("2", "A", "B", "1"), PairExample("4", "", "B", "0")
    ]  # fmt: skip
    assert [(e.text_a, e.text_b) for e in read("pawsx", "A\tB\n\t\nC\tNS\n")] == [("A", "B"), ("", ""), ("C", "NS")]


def test_repeated_ids_become_unique(read: Read) -> None:
    content = "id\tsentence1\tsentence2\tlabel\n7\tA\tB\t0\n7\tC\tD\t1\n"
    assert [e.id for e in read("pawsx", content)] == ["7", "7#2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a\tb\tneutral\nc\td\tmaybe\n",
            "row 2: unknown label 'maybe'; expected one of contradiction, entailment, neutral",
        ),
        ("a\tb\tneutral\nc d\tneutral\n", "row 2: 2 columns separated by tabs; expected 3 as in row 1"),
        ("a\tb\tneutral\tx\n", "row 1: 4 columns"),
        ("one\n", "row 1: 1 column separated by tabs; expected 2 or 3"),
        ("a\tb\tneutral\n\nc\td\tneutral\n", "row 2: the row is blank"),
        ("a\t \tneutral\n", "row 1: the second text is empty"),
        ("a\tb\tneutral\n \tb\tneutral\n\tb\tneutral\n", "row 2: the first text is empty (and 1 more)"),
        (b"a\tb\tneutral\n\xff\tb\tneutral\n", "row 2: byte 0xff is not UTF-8"),
        ("sentence1\tsentence2\tlabel\na\tb\n", "row 2: 2 columns separated by tabs; expected 3 as in the header"),
        (
            '{"sentence1": "a", "sentence2": "b", "gold_label": "neutral"}\n{"sentence1": ',
            "row 2: broken JSON at column",
        ),
        ('{"sentence1": "a", "gold_label": "neutral"}\n', "row 1: field 'sentence2' is missing"),
        ('{"sentence1": "a", "sentence2": 3}\n', "row 1: field 'sentence2' is 3"),
        ('{"context": "a", "label": "e"}\n', "row 1: field 'hypothesis' is missing"),
        ('{"context": "a", "hypothesis": "b", "label": 3}\n', "row 1: field 'label' is 3; expected text in 'label'"),
        ('{"context": "a", "hypothesis": "b", "label": "x"}\n', "row 1: unknown label 'x'"),
        ('{"sentence1": "a", "sentence2": "b"}\n[1]\n', "row 2: the row is no JSON object"),
    ],
)
def test_malformed_pairs(read: Read, tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read("xnli", content)
    assert f"{tmp_path / 'file.tsv'}, {message}" in str(caught.value)


# --- spans


def test_squad_json(read: Read) -> None:
    assert read("xquad", squad({"answer_start": 12})) == [
        SpanExample("a", "Which city is it?", "The city is Paris.", (("Paris", 12),), "T")
    ]


def test_an_answer_start_that_is_off_is_located(read: Read) -> None:
    assert read("xquad", squad({"answer_start": 11}))[0].answers == (("Paris", 12),)
    assert read("xquad", squad({"answer_start": -3}))[0].answers == (("Paris", 12),)


def test_the_nearest_place_of_an_answer_is_taken(read: Read) -> None:
    content = squad({"text": "i", "answer_start": 14})
    assert read("xquad", content)[0].answers == (("i", 15),)


def test_stripped_answers_are_missing_labels(read: Read) -> None:
    assert read("tydiqa", squad({"text": "", "answer_start": 0}))[0].answers is None
    assert read("tydiqa", squad(answers=...))[0].answers is None


def test_questions_without_an_answer(read: Read) -> None:
    content = squad(answers=[], is_impossible=True)
    assert read("squad_v2", content)[0].answers == ()
    with pytest.raises(InputError, match="squad_v1 has no unanswerable questions"):
        read("squad_v1", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [', "row 1: broken JSON at column 11"),
        ("[]", "the file: it is no JSON object"),
        ("{}", "the file: field 'data' is missing"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', "data[0].paragraphs[0]: field 'context' is missing"),
        (squad(question=...), "data[0].paragraphs[0].qas[0]: field 'question' is missing"),
        (squad(id=5), "qas[0]: field 'id' is '5'; expected text"),
        (squad({"answer_start": "11"}), "qas[0].answers[0]: field 'answer_start' is '11'; expected a whole number"),
        (squad({"text": "London"}), "qas[0].answers[0]: the answer 'London' is not in its context"),
        (squad(question=" "), "qas[0]: the question is empty"),
        (squad().encode("utf-16"), "is not UTF-8"),
    ],
)
def test_malformed_spans(read: Read, tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read("xquad", content, "x.json")
    assert str(caught.value).startswith(f"{tmp_path / 'x.json'}, ")
    assert message in str(caught.value)


# --- tagging

CONLLU = (
    "# sent_id = s1\n# text = vámonos al mar\n1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n"
    "2.1\tx\tx\tVERB\t_\t_\t_\t_\t_\t_\n3\tal mar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_\n\n"
    "1\t_\t_\tNOUN\t_\t_\t0\troot\t_\t_\n2\t_\t_\tNOUN\t_\t_\t1\tobl\t_\t_\n\n"
    "1\tSí\tsí\tINTJ\t_\t_\t0\troot\t_\t_\n"
)


def test_conllu_skips_ranges_empty_nodes_and_withheld_text(read: Read) -> None:
    assert read("udpos", CONLLU, "x.conllu") == [
        TaggingExample("s1", ("vamos", "nos", "al mar"), ("VERB", "PRON", "NOUN")),
        TaggingExample("row12", ("Sí",), ("INTJ",)),
    ]
    assert read("udpos", CONLLU.replace("\n", "\r\n"), "x.txt") == read("udpos", CONLLU, "x.conllu")


def test_conllu_skips_what_xtreme_takes_for_withheld(read: Read) -> None:
    line = "{}\t{}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n"
    texts = [["_"], ["_", "."], ["a", "_", "b"], ["a"]]
    content = "\n".join("".join(line.format(n, w) for n, w in enumerate(words, 1)) for words in texts)
    assert [list(e.words) for e in read("udpos", content, "x.conllu")] == texts[2:]
    assert [e.words for e in read("panx", "_\tO\n")] == [("_",)]  # other files have nothing to withhold


def test_word_and_tag_lines(read: Read) -> None:
    content = 'The\tDET\n"\tPUNCT\n\u00a0\tX\n\n\n#\tSYM\n'
    assert read("udpos", content) == [
        TaggingExample("row1", ("The", '"', "\u00a0"), ("DET", "PUNCT", "X")),
        TaggingExample("row6", ("#",), ("SYM",)),
    ]
    assert [e.tags for e in read("udpos", "a\nb\n\nc\n", split="test")] == [None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tNOUN\nb\tNN\n", "row 2: unknown tag 'NN'; expected one of ADJ"),
        ("a\tNOUN\nb\n", "row 2: 1 columns separated by tabs; expected 2 as in the first row"),
        ("a\tb\tNOUN\n", "row 1: 3 columns"),
        (CONLLU.replace("\tSí\t", "\t\t"), "row 12: field FORM is empty"),
        ("# sent_id = 1\n1\ta\t_\tNOUN\n", "row 2: 4 columns separated by tabs; expected the 10 columns"),
        (CONLLU.replace("3\tal", "4\tal"), "row 7: field ID is '4'; expected 3"),
        (CONLLU.replace("VERB\t_\t_\t0", "_\t_\t_\t0"), "row 4: unknown tag '_'"),
    ],
)
def test_malformed_tagging(read: Read, tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read("udpos", content)
    assert f"{tmp_path / 'file.tsv'}, {message}" in str(caught.value)


# --- retrieval


@pytest.mark.parametrize("given", ["tatoeba.swh-eng.swh", "tatoeba.swh-eng", "tatoeba.swh-eng.eng"])
def test_retrieval_by_file_or_stem(tmp_path: Path, given: str) -> None:
    (tmp_path / "tatoeba.swh-eng.swh").write_text("moja\nmbili\n")
    (tmp_path / "tatoeba.swh-eng.eng").write_text("one\ntwo\n")
    data = DataSettings(files={"tatoeba": {"dev": {"sw": str(tmp_path / given)}}})  # "dev" names the one set, too
    examples, paths = read_examples(get_task("tatoeba"), "test", "sw", data)
    assert examples == [RetrievalExample("1", "moja", "one"), RetrievalExample("2", "mbili", "two")]
    assert [path.suffix for path in paths] == [".swh", ".eng"]


def test_retrieval_errors(tmp_path: Path) -> None:
    data = DataSettings(files={"tatoeba": {"test": {"sw": str(tmp_path / "t.swh")}}})
    read_it = lambda: read_examples(get_task("tatoeba"), "test", "sw", data)  # noqa: E731
    (tmp_path / "t.swh").write_text("moja\nmbili\n")
    with pytest.raises(InputError, match=r"no file at .*t\.eng"):
        read_it()
    (tmp_path / "t.eng").write_text("one\n")
    with pytest.raises(InputError, match=r"t\.swh has 2 rows and .*t\.eng has 1"):
        read_it()
    (tmp_path / "t.eng").write_text("one\n\ntwo\n")
    with pytest.raises(InputError, match="row 2: the row is blank"):
        read_it()


def test_xtremes_sorted_copy_of_tatoeba_is_refused(tmp_path: Path) -> None:
    words = [f"w{number:02}" for number in range(30)]
    (tmp_path / "sw-en.sw").write_text("\n".join(reversed(words)))
    (tmp_path / "sw-en.en").write_text("\n".join(words))
    data = DataSettings(files={"tatoeba": {"test": {"sw": str(tmp_path / "sw-en.sw")}}})
    with pytest.raises(InputError, match="the rows are sorted"):
        read_examples(get_task("tatoeba"), "test", "sw", data)


# --- JSON


def test_half_of_a_surrogate_pair_is_no_text(read: Read) -> None:
    row = '{"premise": "a \\ud83d%s", "hypothesis": "b", "label": "neutral"}\n'
    assert read("snli", row % "\\ude00", "a.jsonl")[0].text_a == "a \U0001f600"
    with pytest.raises(InputError, match=r"row 1: \\ud83d is half of a surrogate pair"):
        read("snli", row % "", "a.jsonl")
    with pytest.raises(InputError, match=r"a\.json: \\ud83d is half of a surrogate pair"):
        read("squad_v1", squad(question="which \ud83d"), "a.json")
