"""Noisy conditions in a study: which sets they bring, what they are called, what is refused."""

from __future__ import annotations

import pytest

from stilts.config import CLEAN, Condition, load_run
from stilts.drift import DecisiveTexts, decisive
from stilts.errors import InputError
from stilts.study.write import write

SWAP = {"noise": "swap", "level": 0.1, "seeds": [1, 2]}
SPAN = {"noise": "drop", "level": 0.2, "seeds": [1], "where": "context", "tasks": ["mlqa"]}


def conditions(*noisy):
    return {"conditions": [CLEAN, *noisy]}


def test_every_run_that_is_scored_has_the_noisy_sets(make_plan):
    plain, plan = make_plan(), make_plan(evaluation=conditions(SWAP, SPAN))
    assert not plan.later
    assert plan.places == plain.places
    for run in plan.runs:
        if run.evaluates:
            clean = {(ref.task, ref.language) for ref in run.evaluation_sets}
            swapped = [ref for ref in run.noisy_sets if ref.condition == "swap@0.1"]
            assert {(ref.task, ref.language) for ref in swapped} == clean
            assert len(swapped) == 2 * len(clean)
            dropped = [ref for ref in run.noisy_sets if ref.condition != "swap@0.1"]
            assert {(ref.task, ref.condition, ref.noise_seed) for ref in dropped} <= {("mlqa", "drop@0.2@context", 1)}
        else:
            assert not run.noisy_sets
    folders = [ref.folder for run in plan.runs for ref in (*run.noisy_sets, *run.evaluation_sets)]
    assert len(set(folders)) == len({spec for spec in plan.specs if spec.purpose in ("noise", "evaluate")})
    assert "xnli/dev-de-swap@0.1-n2-" in " ".join(folders)


def test_fields_by_format(make_plan, settings):
    target = {**settings["target"], "per_task": {"tatoeba": {"retrieval": {"query_side": "language"}}}}
    both = {"noise": "swap", "level": 0.3, "seeds": [1], "where": "both", "tasks": ["mlqa", "tatoeba"]}

    def fields(**changes):
        plan = make_plan(evaluation=conditions(SWAP, SPAN, both), **changes)
        return {(s.task, s.noise.condition): s.noise.fields for s in plan.specs if s.noise}

    assert fields() == {
        ("xnli", "swap@0.1"): "all",
        ("mlqa", "swap@0.1"): "question",
        ("tatoeba", "swap@0.1"): "english",
        ("mlqa", "drop@0.2@context"): "context",
        ("mlqa", "swap@0.3@both"): "question+context",
        ("tatoeba", "swap@0.3@both"): "text+english",
    }
    assert fields(target=target)["tatoeba", "swap@0.1"] == "text"


def test_a_study_without_noise_keeps_its_hashes_and_folders(make_plan):
    """Nothing is prepared or trained again because noise could have been asked for."""
    plan = make_plan()
    assert all("noisy_sets" not in decisive(run) and "noise" not in DecisiveTexts().of(run) for run in plan.runs)
    assert all("noise" not in spec.facts for spec in plan.specs)
    noisy = make_plan(evaluation=conditions({**SWAP, "tasks": ["xnli"]}))
    changed = {a.run for a, b in zip(plan.runs, noisy.runs, strict=True) if a.settings_hash != b.settings_hash}
    assert changed == {run.run for run in plan.runs if "xnli" in run.evaluates}


def test_written_runs_read_back(make_plan):
    plan = make_plan(evaluation=conditions(SWAP))
    write(plan, "")
    for run in plan.runs:
        assert load_run(plan.run_folder(run.run) / "run.yaml") == run


def test_seeds_levels_and_kinds_are_sets_of_their_own(make_plan):
    folders = [
        {ref.folder for run in make_plan(evaluation=conditions({**SWAP, **change})).runs for ref in run.noisy_sets}
        for change in ({}, {"seeds": [3, 4]}, {"level": 0.2}, {"noise": "drop"})
    ]
    assert all(not one & other for i, one in enumerate(folders) for other in folders[:i])


WRONG = {
    "no clean": ({"conditions": [SWAP]}, "clean 0 times"),
    "another word": ({"conditions": [CLEAN, "noisy"]}, "'noisy'"),
    "unknown kind": (conditions({**SWAP, "noise": "swop"}), "did you mean 'swap'"),
    "level 0": (conditions({**SWAP, "level": 0}), "evaluation.conditions\\[1\\].level is 0"),
    "level 2": (conditions({**SWAP, "level": 2.0}), "above 0 and at most 1"),
    "no seed": (conditions({**SWAP, "seeds": []}), "at least one seed"),
    "a seed twice": (conditions({**SWAP, "seeds": [1, 1]}), "each once"),
    "twice": (conditions(SWAP, SWAP), "swap@0.1 twice"),
    "unknown key": (conditions({**SWAP, "sead": 1}), "did you mean 'seeds'"),
    "not a target": (conditions({**SWAP, "tasks": ["xquad"]}), "targets of the study"),
    "no such language": (conditions({**SWAP, "languages": ["xx"]}), "language 'xx'"),
    "no language of a target": (conditions({**SWAP, "languages": ["th"]}), "is for no language of a target"),
    "no dictionary": (conditions({**SWAP, "noise": "code_switch"}), "has no dictionary"),
    "a dictionary": (conditions({**SWAP, "dictionary": "de.txt"}), "has a dictionary"),
    "a context of retrieval": (conditions({**SWAP, "where": "context"}), "which tatoeba has not"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_conditions(make_plan, name):
    evaluation, message = WRONG[name]
    with pytest.raises(InputError, match=message):
        make_plan(evaluation=evaluation)


NO_OPS = {
    "word_drop": ("th, zh (written without spaces between words)", "[en, de, ar]"),
    "upper": ("ar, th, zh (written without capitals)", "[en, de]"),
    "keyboard": ("zh (not typed letter by letter)", "[en, de, ar, th]"),
    "diacritics": ("th, zh (written without diacritics)", "[en, de, ar]"),
}


@pytest.mark.parametrize("kind", NO_OPS)
def test_languages_that_a_kind_cannot_change_are_named(make_plan, kind):
    target = {"tasks": ["xnli"], "languages": ["en", "de", "ar", "th", "zh"]}
    with pytest.raises(InputError) as error:
        make_plan(target=target, evaluation=conditions({"noise": kind, "level": 0.1}))
    assert NO_OPS[kind][0] in error.value.found
    assert error.value.change == f"set evaluation.conditions[1].languages: {NO_OPS[kind][1]}"
    assert error.value.found.startswith(f"{kind}@0.1 changes nothing in ")
    chosen = NO_OPS[kind][1][1:-1].split(", ")
    plan = make_plan(target=target, evaluation=conditions({"noise": kind, "level": 0.1, "languages": chosen}))
    assert {spec.language for spec in plan.specs if spec.noise} == set(chosen)


def test_the_languages_to_write_are_those_of_all_targets(make_plan):
    target = {"tasks": ["xnli", "panx"], "languages": {"xnli": ["en", "th"], "panx": ["en", "af", "th"]}}
    with pytest.raises(InputError) as error:
        make_plan(target=target, evaluation=conditions({"noise": "upper", "level": 0.1}))
    assert error.value.change == "set evaluation.conditions[1].languages: [en, af]"
    target["languages"] = {"xnli": ["th"], "panx": ["th"]}
    with pytest.raises(InputError, match=r"remove evaluation.conditions\[1\]"):
        make_plan(target=target, evaluation=conditions({"noise": "upper", "level": 0.1}))


@pytest.mark.parametrize("kind", ["word_drop", "word_shuffle"])
def test_tags_need_their_words(make_plan, kind):
    target = {"tasks": ["xnli", "udpos"], "languages": ["en", "de"]}
    noise = {"noise": kind, "level": 0.1}
    for change in ({}, {"tasks": ["udpos"]}):
        with pytest.raises(InputError, match=r"udpos"):
            make_plan(target=target, evaluation=conditions({**noise, **change}))
    make_plan(target=target, evaluation=conditions({**noise, "tasks": ["xnli"]}))


def test_a_dictionary_for_each_language(make_plan):
    noise = {"noise": "code_switch", "level": 0.5, "dictionary": "muse/{language}-en.txt", "languages": ["de"]}
    plan = make_plan(evaluation=conditions({**noise, "tasks": ["xnli"]}))
    assert {spec.noise.dictionary for spec in plan.specs if spec.noise} == {"muse/de-en.txt"}


def test_names_of_conditions():
    assert Condition("swap", 0.1).name == "swap@0.1"
    assert Condition("ocr", 0.25, where="context").name == "ocr@0.25@context"
