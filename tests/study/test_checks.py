"""Every wrong study ends in one line that names what is wrong and what to change."""

from __future__ import annotations

import pytest

from stilts.errors import InputError

SQUAD = {"name": "a", "tasks": ["squad_v1"]}
FOUR = {"intermediate": [{"name": "none"}, {**SQUAD, "name": "matched-english"}]}
TYDIQA = {"near": ["de"], "targets": ["tydiqa"]}

WRONG = {
    "unknown intermediate task": ({"intermediate": [{"name": "a", "tasks": ["mnly"]}]}, "did you mean 'mnli'"),
    "unknown target": ({"target": {"tasks": ["xnly"]}}, "did you mean 'xnli'"),
    "target as recipe": ({"intermediate": [{"name": "a", "tasks": ["xnli"]}]}, "a target task"),
    "intermediate as target": ({"target": {"tasks": ["mnli"]}}, "an intermediate task"),
    "other benchmark": ({"target": {"tasks": ["pawsx"], "benchmark": "xtreme_r"}}, "target.benchmark"),
    "unknown language": ({"target": {"tasks": ["xnli"], "languages": ["en", "xx"]}}, "'xx'"),
    "language of no target": ({"target": {"tasks": ["xnli"], "languages": ["en", "jv"]}}, "'jv'"),
    "no language of one target": ({"target": {"tasks": ["xnli", "tatoeba"], "languages": ["en"]}}, "tatoeba"),
    "language of another task": ({"target": {"tasks": ["xnli"], "languages": {"xnli": ["jv"]}}}, "'jv'"),
    "language twice": ({"target": {"tasks": ["xnli"], "languages": ["en", "en"]}}, "twice"),
    "languages of another target": ({"target": {"tasks": ["xnli"], "languages": {"mlqa": ["en"]}}}, "target.languages"),
    "recipe name": ({"intermediate": [{"name": "a/b"}]}, "intermediate[0].name"),
    "study name": ({"name": "../x"}, "name is '../x'"),
    "recipes twice": ({"intermediate": [SQUAD, SQUAD]}, "'a' twice"),
    "two baselines": ({"intermediate": [{"name": "a"}, {"name": "b"}]}, "baseline"),
    "task twice": ({"intermediate": [{"name": "a", "tasks": ["mnli", "mnli"]}]}, "twice"),
    "target twice": ({"target": {"tasks": ["xnli", "xnli"]}}, "twice"),
    "per_task of no target": ({"target": {"tasks": ["xnli"], "per_task": {"mlqa": {}}}}, "target.per_task"),
    "two budgets": ({"intermediate": [{**SQUAD, "budget": {"steps": 1, "epochs": 1}}]}, "steps and epochs"),
    "given without weights": ({"intermediate": [{**SQUAD, "sampling": {"strategy": "given"}}]}, "weight for squad_v1"),
    "weights of others": (
        {"intermediate": [{**SQUAD, "sampling": {"strategy": "given", "weights": {"mnli": 1}}}]},
        "'mnli'",
    ),
    "weights without given": ({"intermediate": [{**SQUAD, "sampling": {"weights": {"squad_v1": 1}}}]}, "given"),
    "weights of nothing": (
        {"intermediate": [{**SQUAD, "sampling": {"strategy": "given", "weights": {"squad_v1": 0}}}]},
        "all 0",
    ),
    "seed twice": ({"seeds": [1, 1]}, "seeds has the seed 1 twice"),
    "no seed": ({"seeds": []}, "seeds is empty"),
    "files of an unknown task": ({"data": {"files": {"xnly": {}}}}, "'xnli'"),
    "files of an unknown split": ({"data": {"files": {"xnli": {"valid": {}}}}}, "'valid'"),
    "files of an unknown language": ({"data": {"files": {"xnli": {"dev": {"xx": "a"}}}}}, "'xx'"),
    "revision of an unknown task": ({"data": {"revisions": {"xnly": "a"}}}, "'xnli'"),
    "revision of joined tasks": ({"data": {"revisions": {"anli_plus": "a"}}}, "its parts snli, mnli, anli"),
    "revision of no repository": ({"data": {"revisions": {"bucc2018": "a"}}}, "no repository of the hub"),
    "2 x 2 on no target": ({**FOUR, "evaluation": {"domain": {"targets": ["mlqas"]}}}, "did you mean 'mlqa'"),
    "2 x 2 in no language": ({**FOUR, "evaluation": {"domain": {"near": ["xx"]}}}, "'xx'"),
    "2 x 2 in a language that is not scored": (
        {**FOUR, "target": {"tasks": ["xnli"], "languages": ["en", "de"]}, "evaluation": {"domain": {"near": ["fr"]}}},
        "evaluation.domain.near has 'fr'",
    ),
    "2 x 2 in a language that its target is not scored in": (
        {**FOUR, "target": {"tasks": ["xnli", "tydiqa"]}, "evaluation": {"domain": TYDIQA}},
        "evaluation.domain.near has 'de'; expected one that the 2 x 2 is scored in: ar, bn,",
    ),
    "2 x 2 without its recipes": ({"evaluation": {"domain": {"near": ["de"]}}}, "matched-english, matched-near,"),
    "nothing for domain": ({"evaluation": {"domain": None}}, "is None; expected true or false or a mapping"),
    "text for domain": ({"evaluation": {"domain": "yes"}}, "is 'yes'; expected true or false or a mapping"),
    "2 x 2 of something else": ({"evaluation": {"domain": {"languages": ["de"]}}}, "evaluation.domain.languages"),
    "limit of an unknown split": ({"data": {"limit": {"xnli": {"valid": 3}}}}, "'valid'"),
    "a chain of another format": (
        {"target": {"tasks": ["xnli"], "per_task": {"xnli": {"train": ["squad_v1"]}}}},
        "fine-tuned on squad_v1",
    ),
    "a chain with other labels": (
        {"target": {"tasks": ["xnli"], "per_task": {"xnli": {"train": ["pawsx"]}}}},
        "fine-tuned on pawsx",
    ),
    "a chain without training data": (
        {"target": {"tasks": ["mlqa"], "per_task": {"mlqa": {"train": ["xquad"]}}}},
        "no training data",
    ),
    "an empty chain": ({"target": {"tasks": ["mlqa"], "per_task": {"mlqa": {"train": []}}}}, "is empty"),
    "retrieval of a task with a head": (
        {"target": {"tasks": ["xnli"], "per_task": {"xnli": {"retrieval": {"tuned_on": "mnli"}}}}},
        "remove target.per_task.xnli.retrieval",
    ),
    "two chains for retrieval": (
        {
            "target": {
                "tasks": ["tatoeba"],
                "per_task": {"tatoeba": {"train": ["mnli"], "retrieval": {"tuned_on": "squad_v1"}}},
            }
        },
        "remove retrieval.tuned_on",
    ),
    "a misspelt task to tune on": (
        {"target": {"tasks": ["tatoeba"], "per_task": {"tatoeba": {"retrieval": {"tuned_on": "squad"}}}}},
        "squad_v1",
    ),
    "translated from another language": (
        {"intermediate": [{**SQUAD, "translated_from": "de", "languages": ["sw"]}]},
        "translated_from: en",
    ),
    "translated into nothing": ({"intermediate": [{**SQUAD, "translated_from": "en"}]}, "no languages"),
    "translated into English": (
        {"intermediate": [{**SQUAD, "translated_from": "en", "languages": ["en"]}]},
        "no languages",
    ),
    "nothing translated": ({"intermediate": [{"name": "a", "translated_from": "en", "languages": ["de"]}]}, "no tasks"),
    "tags translated": (
        {"intermediate": [{"name": "a", "tasks": ["ccg"], "translated_from": "en", "languages": ["de"]}]},
        "tags stand on words",
    ),
    "a target without translations": (
        {"intermediate": [{"name": "a", "tasks": ["xquad"], "translated_from": "en", "languages": ["de"]}]},
        "'xquad'",
    ),
    "languages of a recipe twice": (
        {"intermediate": [{**SQUAD, "translated_from": "en", "languages": ["de", "de"]}]},
        "'de' twice",
    ),
    "ids that collide": (
        {
            "intermediate": [{"name": "a-s1"}, SQUAD],
            "target": {"tasks": ["tatoeba"]},
        },
        "evaluation-a-s1-tatoeba",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_studies(make_plan, name):
    change, words = WRONG[name]
    with pytest.raises(InputError) as error:
        make_plan(**change)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


LATER = {
    "languages other than en": {"intermediate": [{**SQUAD, "languages": ["de"]}]},
    "select: none": {"intermediate": [{**SQUAD, "select": "none"}]},
}


@pytest.mark.parametrize("name", LATER)
def test_settings_of_later_versions_are_listed_and_refused(make_plan, name):
    plan = make_plan(**LATER[name])
    assert any(name in line for line in plan.later)
    with pytest.raises(InputError, match="not"):
        plan.refuse_unfinished()


def test_a_plain_study_is_not_refused(make_plan):
    plan = make_plan()
    assert not plan.later
    plan.refuse_unfinished()
