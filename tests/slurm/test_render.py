"""Scripts are text made from text: golden files, and values that bash and Slurm could misread."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts.errors import InputError, StiltsError
from stilts.slurm.render import log_pattern, option, quoted, render

ROOT = Path(__file__).parents[2]
TEMPLATE = """#!/bin/bash
# What it does.
#SBATCH --job-name=x
#SBATCH --time=1
set -e

# --- settings ---
name=$PWD       # a word
words=("${@:2}")
# --- end of settings ---

# --- prologue: modules ---
# --- end of prologue ---

printf '%s\\0' "$name" "${words[@]}"
"""
SHELL_WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30) | st.sampled_from(
    [
        "$(touch pwned)",
        "`touch pwned`",
        "a b",
        "it's",
        '"',
        "; rm -rf .",
        "$HOME",
        "\\",
        "*",
        "~",
        "-n",
        "!x",
        "ü漢🙂",
        "#",
    ]
)


def test_a_script_of_values():
    text = render(
        TEMPLATE, {"job-name": "study.a", "requeue": None}, {"name": "a", "words": ["b c", "d"]}, ["module load x"]
    )
    assert (
        text
        == """#!/bin/bash
# What it does.
#SBATCH --job-name=study.a
#SBATCH --requeue
set -e

# --- settings ---
name=a                            # a word
words=('b c' d)
# --- end of settings ---

# --- prologue: modules and variables of the cluster ---
module load x
# --- end of prologue ---

printf '%s\\0' "$name" "${words[@]}"
"""
    )


@settings(max_examples=60, deadline=None)
@given(name=SHELL_WORDS, words=st.lists(SHELL_WORDS, max_size=4))
def test_no_value_is_executed_or_changed(tmp_path_factory, name, words):
    folder = tmp_path_factory.getbasetemp()
    text = render(TEMPLATE, {"time": "1"}, {"name": name, "words": words}, [])
    done = subprocess.run(["bash", "-c", text], capture_output=True, cwd=folder, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [name, *words]
    assert not (folder / "pwned").exists()


@given(st.text(max_size=20).filter(lambda text: any(ord(c) < 32 or ord(c) == 127 for c in text)))
def test_control_characters_are_refused(text):
    for make in (quoted, lambda value: quoted([value]), lambda value: option("chdir", value)):
        with pytest.raises(InputError, match="control character"):
            make(text)


@pytest.mark.parametrize(("value", "line"), [
    ("/a/b-c_1.log", "#SBATCH --output=/a/b-c_1.log\n"),
    ("/a b/$(x).log", '#SBATCH --output="/a b/$(x).log"\n'),
    ('/a"b\\c', '#SBATCH --output="/a\\"b\\\\c"\n'),
])  # fmt: skip
def test_options_are_quoted_as_slurm_reads_them(value, line):
    assert option("output", value) == line


def test_log_paths_keep_their_per_cent_signs():
    assert log_pattern("/100%/x") == "/100%%/x"
    with pytest.raises(InputError, match="backslash"):
        log_pattern("/a\\b")


@pytest.mark.parametrize(("template", "words"), [
    (TEMPLATE.replace("words=", "other="), "other="),
    (TEMPLATE.replace('words=("${@:2}")\n', ""), "lack words"),
    (TEMPLATE.replace("# --- end of settings ---\n", ""), "settings"),
    (TEMPLATE.replace("#SBATCH", "#"), "#SBATCH"),
])  # fmt: skip
def test_a_template_that_was_changed_too_much_is_named(template, words):
    with pytest.raises(StiltsError, match=words):
        render(template, {"time": "1"}, {"name": "a", "words": []}, [])


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "slurm").glob("*.s*")))
def test_templates_are_clean_shell(script):
    if shutil.which("shellcheck") is None:
        reason = "shellcheck is not installed: apt-get install shellcheck"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    done = subprocess.run(
        ["shellcheck", "-x", f"slurm/{script}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
