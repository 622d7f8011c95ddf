"""YAML into dataclasses: right values arrive, wrong ones end in one line that names the key."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stilts.errors import InputError
from stilts.settings import load_yaml, plain, read, setting, unknown


@dataclass(frozen=True)
class Inner:
    size: int = setting(1, "size", minimum=1)


@dataclass(frozen=True)
class Outer:
    name: str
    rate: float = setting(0.1, "rate", minimum=0)
    kind: str = setting("red", "kind", choices=("red", "blue"))
    flag: bool = setting(False, "flag")
    maybe: int | None = setting(None, "maybe")
    words: list[str] = setting([], "words")
    inner: Inner = setting(Inner, "inner")
    many: dict[str, Inner] = setting({}, "many")
    either: list[str] | dict[str, list[str]] = setting([], "either")


def test_values_arrive():
    got = read(
        Outer, {"name": "a", "rate": 1, "inner": {"size": 3}, "many": {"x": {"size": 2}}, "either": {"a": ["b"]}}, ""
    )
    assert got == Outer("a", rate=1.0, inner=Inner(3), many={"x": Inner(2)}, either={"a": ["b"]})
    assert isinstance(got.rate, float)
    assert read(Outer, {"name": "a", "either": ["b"]}, "").either == ["b"]
    assert read(Outer, {"name": "a", "maybe": None, "inner": None}, "").inner == Inner()
    assert read(Outer, {"name": "a", "rate": "1e-5"}, "").rate == 1e-5  # YAML 1.1 reads it as text


def test_defaults_are_not_shared():
    read(Outer, {"name": "a"}, "").words.append("x")
    assert read(Outer, {"name": "a"}, "").words == []


WRONG = [
    ({"nam": "a"}, "did you mean 'name'"),
    ({}, "lacks name"),
    ({"name": 3}, 'quote it: "3"'),
    ({"name": "a", "rate": "fast"}, "rate is 'fast'; expected a number"),
    ({"name": "a", "rate": -1}, "at least 0"),
    ({"name": "a", "rate": float("nan")}, "finite"),
    ({"name": "a", "rate": True}, "rate is True"),
    ({"name": "a", "kind": "bleu"}, "did you mean 'blue'"),
    ({"name": "a", "flag": 1}, "true or false"),
    ({"name": "a", "maybe": 1.5}, "a whole number"),
    ({"name": "a", "maybe": True}, "a whole number"),
    ({"name": "a", "words": "x"}, "words is 'x'; expected a list"),
    ({"name": "a", "words": ["x", False]}, "words[1]"),
    ({"name": "a", "inner": {"size": 0}}, "inner.size is 0"),
    ({"name": "a", "inner": {"sise": 1}}, "'inner.sise'"),
    ({"name": "a", "inner": 3}, "inner is 3; expected a mapping"),
    ({"name": "a", "many": {False: {}}}, "quote it"),
]


@pytest.mark.parametrize(("value", "words"), WRONG)
def test_wrong_values(value, words):
    with pytest.raises(InputError) as error:
        read(Outer, value, "")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_plain_is_read_back():
    value = Outer("a", many={"x": Inner(4)}, either={"q": ["r"]})
    assert read(Outer, plain(value), "") == value


def test_overrides(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("name: a\ninner: {size: 1}\nitems: [{n: 1}, {n: 2}]\nother: ${name}b\n")
    got = load_yaml(path, ["inner.size=5", "items.1.n=7", "new.key=[x, y]", "name=c", "flag=true", "none=null"])
    assert got == {
        "name": "c", "inner": {"size": 5}, "items": [{"n": 1}, {"n": 7}], "other": "cb", "new": {"key": ["x", "y"]},
        "flag": True, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "overrides", "words"),
    [
        (None, [], "no file"),
        ("a: [", [], "not readable YAML"),
        ("a: 1\na: 2\n", [], "not readable YAML"),
        ("a: !!python/name:os.system\n", [], "not readable YAML"),
        ("- a\n", [], "no mapping"),
        ("a: ${b}\n", [], "interpolations"),
        ("a: 1\n", ["a"], "key=value"),
        ("a: 1\n", ["=1"], "key=value"),
        ("a: 1\n", ["a=["], "override 'a=['"),
    ],
)
def test_wrong_files_and_overrides(tmp_path, text, overrides, words):
    path = tmp_path / "a.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError) as error:
        load_yaml(path, overrides)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError):
        load_yaml(path)


def test_unknown_names_the_nearest():
    assert "did you mean 'mnli'" in str(unknown("task 'mnly'", "mnly", ["mnli", "xnli"], "look"))
    assert "did you mean" not in str(unknown("task 'zzz'", "zzz", ["mnli"], "look"))
