"""Tables of score rows from elsewhere: what is read, and how a wrong one is named."""

from __future__ import annotations

import json

import pytest

from stilts.analysis.score_table import read_scores
from stilts.errors import InputError

HEADER = "recipe,target,language,metric,value"


def read(tmp_path, text, name="scores.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_scores(path)


def test_a_question_s_own_column_tells_cells_apart(tmp_path):
    path = tmp_path / "arms.csv"
    path.write_text(f"{HEADER},arm\na,xnli,en,acc,1,x\na,xnli,en,acc,2,y\n", encoding="utf-8")
    assert read_scores(path, columns=["arm"])["arm"].tolist() == ["x", "y"]
    assert read_scores(path, columns=["arm", "step"])["step"].tolist() == ["", ""]
    with pytest.raises(InputError, match="two scores of a xnli en acc"):
        read_scores(path)


def test_csv_and_json_lines_are_read_alike(tmp_path):
    rows = [
        {"recipe": "none", "target": "panx", "language": "no", "metric": "f1", "value": 61.5, "target_seed": 1},
        {"recipe": "none", "target": "panx", "language": "de", "metric": "f1", "value": 70, "target_seed": None},
    ]
    lines = "\n".join(map(json.dumps, rows))
    table = f"\ufeff{HEADER},target_seed,git\nnone,panx,no,f1,61.5,1,x\nnone,panx,de,f1,70,,y\n"
    from_csv, from_json = read(tmp_path, table), read(tmp_path, f"{lines}\n\n", "scores.jsonl")
    assert from_csv.equals(from_json)
    assert from_csv["value"].tolist() == [61.5, 70]
    assert from_csv["language"].tolist() == ["no", "de"]
    assert from_csv["intermediate_seed"].tolist() == ["", ""]
    assert from_csv["target_seed"].tolist() == ["1", ""]


def test_noisy_and_repeated_rows_are_left_out(tmp_path):
    rows = (
        "a,xnli,de,accuracy,1,clean\na,xnli,de,accuracy,1,clean\na,xnli,de,accuracy,0.5,swap\na,xnli,fr,accuracy,2,\n"
    )
    assert read(tmp_path, f"{HEADER},condition\n{rows}")["value"].tolist() == [1, 2]


def test_noisy_rows_are_kept_where_they_are_wanted(tmp_path):
    rows = (
        "a,xnli,de,accuracy,1,clean,7,\na,xnli,de,accuracy,1,,,\na,xnli,de,accuracy,0.5,swap@0.1,1,50\n"
        "a,xnli,de,accuracy,0.5,swap@0.1,2,50\na,xnli,de,accuracy,0.5,swap@0.1,2,50\n"
    )
    path = tmp_path / "scores.csv"
    path.write_text(f"{HEADER},condition,noise_seed,n\n{rows}", encoding="utf-8")
    table = read_scores(path, noisy=True)
    assert table["condition"].tolist() == ["clean", "swap@0.1", "swap@0.1"]
    assert table["noise_seed"].tolist() == ["", "1", "2"]  # a clean score has none
    assert table["n"].tolist() == [0, 50, 50]
    assert len(read_scores(path)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\na,xnli,de,accuracy,1\n", "lacks the columns condition; expected recipe, .*, value, condition: "),
        *(
            (
                f"{HEADER},condition\na,xnli,de,accuracy,1,\na,xnli,de,accuracy,1,{name}\n",
                f"row 3: condition is '{name}'",
            )
            for name in ("swap", "swap@10", "swap@0", "swap@-0.1", "swap@nan", "swap@much")
        ),
        (
            f"{HEADER},condition\na,xnli,de,accuracy,1,swap@0.1\na,xnli,de,accuracy,2,swap@0.1\n",
            "rows 2 and 3: two scores of a xnli de accuracy swap@0.1; expected one score .* condition and seed",
        ),
    ],
)
def test_wrong_noisy_tables(tmp_path, text, message):
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_scores(path, noisy=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe,language,value\na,de,1\n", "lacks the columns target, metric; expected recipe, target, language"),
        (HEADER + "\n", "has no rows"),
        ("", "has no rows"),
        (HEADER + "\na,xnli,de,accuracy,1\na,xnli,,accuracy,1\n", "row 3: language is empty"),
        (HEADER + "\na,xnli,de,accuracy\n", "row 2: value is ''"),
        (HEADER + "\na,xnli,de,accuracy,nan\n", "row 2: value is 'nan'"),
        (HEADER + "\na,xnli,de,accuracy,high\n", "row 2: value is 'high'; expected a number in points"),
        (HEADER + "\na,xnli,de,accuracy,1\na,xnli,de,accuracy,2\n", "rows 2 and 3: two scores of a xnli de accuracy;"),
        (HEADER + ",condition\na,xnli,de,accuracy,1,swap\n", "no clean score"),
    ],
)
def test_wrong_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_wrong_json_lines_and_no_file(tmp_path):
    with pytest.raises(InputError, match="row 2: "):
        read(tmp_path, '{"recipe": "a"}\n{"recipe"\n', "scores.jsonl")
    with pytest.raises(InputError, match="row 1: "):
        read(tmp_path, "[1]\n", "scores.jsonl")
    with pytest.raises(InputError, match="no file at"):
        read_scores(tmp_path / "none.csv")
