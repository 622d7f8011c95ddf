"""`stilts compare`: which results are compared, its output, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from stilts.compare.pairs import pairs
from stilts.errors import InputError

HEAVY = ("torch", "transformers", "datasets", "deepspeed", "pandas", "scipy", "numpy")


def names(found):
    return [(a.name, b.name) for a, b in found]


@pytest.fixture
def two(study):
    """Two studies with the recipe none in common."""
    other = [{"name": "none"}, {"name": "squad", "tasks": ["squad_v1"]}]
    return study("a", lambda _: 50.0), study("b", lambda _: 40.0, intermediate=other)


def test_recipes_are_matched_by_name(two):
    a, b = map(str, two)
    assert names(pairs([a, b])) == [("a/none", "b/none")]
    assert names(pairs([a, b], ["mnli", "squad"])) == [("a/mnli", "b/squad")]
    assert names(pairs([a, "published:x-stilts", b], ["none"])) == [
        ("a/none", "published:x-stilts"), ("a/none", "b/none")
    ]  # fmt: skip


def test_a_study_may_be_its_folder(two, tmp_path):
    a, b = map(str, two)
    folder = tmp_path / "out" / "b"
    assert names(pairs([a, str(folder)])) == names(pairs([a, str(folder / "results")])) == names(pairs([a, b]))


def test_two_studies_of_one_name_are_told_apart_by_what_was_given(study, tmp_path):
    first = study("a", lambda _: 50.0)
    (tmp_path / "out" / "a").rename(tmp_path / "old")
    found = pairs([str(tmp_path / "old"), str(study("a", lambda _: 40.0))], ["none"])
    assert names(found) == [(f"{tmp_path}/old/none", f"{first}/none")]


def test_a_study_alone_is_compared_with_the_published_rows_of_its_split(two):
    found = names(pairs([str(two[0])], ["none"]))
    assert {b for _, b in found} == {"published:xlm-r-large-untrained", "published:mdeberta-v3-base"}
    test = {b for _, b in names(pairs([str(two[0])], ["none"], "test"))}
    assert "published:xlm-r-large" in test
    assert not test & {b for _, b in found}


def test_overrides_say_in_which_folder_a_study_is(study, tmp_path):
    path = study("a", lambda _: 50.0)
    (tmp_path / "out").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="stilts collect"):
        pairs([str(path)])
    assert pairs([str(path), f"output_dir={tmp_path / 'moved'}"])


WRONG = {
    "nothing": (["nowhere.yaml", "A"], "nothing at nowhere.yaml"),
    "unknown row": (["A", "published:x-stilt"], "did you mean 'x-stilts'"),
    "no common recipe": (["A", "C"], "name those to compare with --recipe"),
    "unknown recipe": (["A", "B", "--recipe", "mlni"], "did you mean 'mnli'"),
    "only a row": (["published:x-stilts"], "name a study, too"),
    "wrong split": (["A", "--split", "train"], "no published row"),
    "only settings": (["seeds=[1]"], "nothing to compare"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_code_2(call, study, two, name):
    words, expected = WRONG[name]
    third = study("c", lambda _: 1.0, intermediate=[{"name": "other", "tasks": ["qqp"]}])
    files = {"A": two[0], "B": two[1], "C": third}
    code, out, err = call("compare", *[files.get(word, word) for word in words])
    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1


def test_results_of_an_older_version_are_refused(call, two, tmp_path):
    path = tmp_path / "out" / "a" / "results" / "by_language.csv"
    path.write_text(path.read_text().replace(",marks", ""))
    code, _, err = call("compare", *two)
    assert code == 2
    assert "lacks the columns marks" in err


def test_text_and_json(call, two):
    code, out, err = call("compare", *two)
    assert (code, err) == (0, "")
    assert "## a/none and b/none" in out
    assert "A: a/none, reports dev, a/model" in out
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line[:1] == "|"]
    assert ["xnli", "accuracy", "2 languages", "50.0", "40.0", "+10.0", "–"] in lines
    assert ["mlqa", "de", "score", "50.0", "40.0", "+10.0", "–"] in lines
    assert "average over 2 tasks, that both have whole and without marks: xnli, mlqa" in out
    content = json.loads(call("compare", *two, "--json")[1])
    assert set(content["sides"]) == {"a/none", "b/none"}
    row = content["comparisons"][0]["rows"][0]
    assert (row["task"], row["difference"], row["over"], row["whole"]) == ("xnli", 10, ["de", "en"], True)


def test_marks_and_partial_comparisons_have_their_signs(call, two):
    out = call("compare", *two, "--recipe", "mnli", "--recipe", "squad")[1]
    assert "xnli‡" in out
    assert "mlqa‡" in out
    assert "‡ the recipe trained on the target's own training data (in A or B)." in out
    many = call("compare", two[0], "published:mdeberta-v3-base", "published:xlm-r-base", "published:mbert",
                "published:xlm")[1]  # fmt: skip
    assert "8 comparisons" in many
    assert "-38.2" not in many
    assert "| a/none | -35.5*" in many  # 50 less the mean of 88.2 and 82.7
    assert "* over the languages that both have, or not on the same examples." in many
    assert "- xnli: another split: A dev, B test" in many


def test_a_line_that_is_not_about_every_recipe_names_those_it_is_about(call, study):
    path = study("a", lambda cell: None if (cell.recipe, cell.language) == ("mnli", "de") else 50.0)
    rows = [f"published:{name}" for name in ("mdeberta-v3-base", "xlm-r-base", "mbert", "xlm")]
    out = call("compare", path, *rows)[1]
    assert "- xnli: A has no score in de (A: a/mnli)" in out
    assert "- xnli: another split: A dev, B test\n" in out


@pytest.mark.slow
def test_nothing_heavy_is_imported(two):
    script = (
        f"import sys; sys.argv = ['stilts', 'compare', {str(two[0])!r}]\n"
        "from stilts.cli import main\n"
        "try: main()\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
