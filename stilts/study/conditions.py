"""The input conditions of a study: which noisy sets each target and language is scored on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stilts.config import CLEAN, Condition, Study, TargetTask
from stilts.data.noise.kinds import KINDS, Noise, changes_nothing
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.settings import unknown
from stilts.tasks import Task, check_language, get_task, target_tasks

_TEXT, _ENGLISH = "text", "english"
_QUESTION, _CONTEXT = "question", "context"


def noisy_conditions(study: Study) -> Iterator[tuple[str, Condition]]:
    """Where each noisy condition stands in the study, and the condition."""
    for number, condition in enumerate(study.evaluation.conditions):
        if isinstance(condition, Condition):
            yield f"evaluation.conditions[{number}]", condition


def check_conditions(study: Study) -> None:
    """Raise InputError for a condition that is wrong in itself; what it changes, `check_effects` and `prepare` see."""
    where, given = "evaluation.conditions", study.evaluation.conditions
    words = [condition for condition in given if isinstance(condition, str)]
    if words != [CLEAN]:
        found = next((word for word in words if word != CLEAN), None)
        raise InputError(
            f"{where} has {found!r}" if found else f"{where} has clean {len(words)} times",
            "clean once, and conditions {noise, level, seeds}",
            f"write {where}: [clean, {{noise: swap, level: 0.1}}]",
        )
    targets, names = study.target.tasks or target_tasks(study.target.benchmark), set[str]()
    for place, condition in noisy_conditions(study):
        _check(place, condition, targets)
        if condition.name in names:
            raise InputError(f"{where} has {condition.name} twice", "each once", f"remove {place} or change it")
        names.add(condition.name)


def _check(place: str, condition: Condition, targets: Sequence[str]) -> None:
    kind = KINDS.get(condition.noise)
    if kind is None:
        raise unknown(f"noise {condition.noise!r} of {place}", condition.noise, list(KINDS), "change it")
    if not 0 < condition.level <= 1:
        raise InputError(f"{place}.level is {condition.level:g}", "above 0 and at most 1", f"change {place}.level")
    if not condition.seeds or len(set(condition.seeds)) < len(condition.seeds):
        raise InputError(f"{place}.seeds is {condition.seeds}", "at least one seed, each once", f"change {place}.seeds")
    if (condition.noise == "code_switch") != (condition.dictionary is not None):
        found = "no" if condition.dictionary is None else "a"
        raise InputError(
            f"{place} ({condition.noise}) has {found} dictionary",
            "a dictionary for code_switch, and for nothing else",
            f"{'add' if condition.dictionary is None else 'remove'} {place}.dictionary",
        )
    for code in condition.languages:
        check_language(code, where=f"{place}.languages")
    for name in condition.tasks:
        if name not in targets:
            raise InputError(f"{place}.tasks has {name!r}", f"targets of the study: {', '.join(targets)}", "remove it")
        if kind.moves_words and get_task(name).format == "tagging":
            raise InputError(f"{place} ({condition.noise}) is for {name}", "noise that keeps every word in its place, "
                             "as its tags need it", f"take {name} out of {place}.tasks")  # fmt: skip


def noises(study: Study, task: Task, languages: Sequence[str]) -> list[tuple[str, Noise]]:
    """(language, noise) of every noisy set that a target is scored on, one a seed.

    Raises InputError where a condition cannot be applied to the task.
    """
    out = []
    for place, condition in noisy_conditions(study):
        if condition.tasks and task.name not in condition.tasks:
            continue
        chosen = [code for code in languages if not condition.languages or code in condition.languages]
        fields = _fields(study, task, place, condition)
        for code in chosen:
            path = condition.dictionary
            file = path.replace("{language}", code) if path else None
            for seed in condition.seeds:
                out.append((code, Noise(condition.name, condition.noise, condition.level, seed, fields, file)))
    return out


def _fields(study: Study, task: Task, place: str, condition: Condition) -> str:
    """The texts of the task's examples that a condition is for (`Noise.fields`)."""
    where, leave_out = condition.where, f"name the tasks it is for in {place}.tasks"
    if KINDS[condition.noise].moves_words and task.format == "tagging":
        raise InputError(
            f"{place} ({condition.noise}) moves words, and {task.name} has a tag on each",
            "noise that keeps them",
            leave_out,
        )
    asked = where in (None, "question", "query")
    own = study.target.per_task.get(task.name, TargetTask()).retrieval
    query = _ENGLISH if task.format == "retrieval" and own.query_side == "english" else _TEXT
    fields = {
        "span": _QUESTION if asked else _CONTEXT if where == "context" else f"{_QUESTION}+{_CONTEXT}",
        "dual": _QUESTION if asked else f"{_QUESTION}+{_CONTEXT}",
        "retrieval": query if asked else f"{_TEXT}+{_ENGLISH}",
        "mining": query if asked else f"{_TEXT}+{_ENGLISH}",
        "linking": _TEXT,
    }.get(task.format, "all")
    searched = task.format in ("dual", "retrieval", "mining", "linking")
    if (searched and where == "context") or (task.format == "linking" and where == "both"):
        raise InputError(
            f"{place}.where is {where}, which {task.name} has not",
            "query" if where == "both" else "query or both",
            leave_out,
        )
    return fields


def check_effects(study: Study, noisy: Sequence[SetSpec]) -> None:
    """Raise InputError for a condition that no set is scored under, or that changes nothing in a language.

    Args:
        noisy: the noisy sets of all targets.
    """
    for place, condition in noisy_conditions(study):
        own = [(spec, spec.noise) for spec in noisy if spec.noise and spec.noise.condition == condition.name]
        if not own:
            found = f"{place} ({condition.name}) is for no language of a target"
            raise InputError(found, "languages that are scored", f"change {place}.languages or {place}.tasks")
        why: dict[str, str] = {}
        for spec, noise in own:
            if reason := changes_nothing(noise.kind, "en" if noise.fields == _ENGLISH else spec.language):
                why[spec.language] = reason
        if why:
            codes = {reason: [code for code in why if why[code] == reason] for reason in dict.fromkeys(why.values())}
            reasons = "; ".join(f"{', '.join(named)} ({reason})" for reason, named in codes.items())
            rest = ", ".join(dict.fromkeys(spec.language for spec, _ in own if spec.language not in why))
            change = f"set {place}.languages: [{rest}]" if rest else f"remove {place}"
            raise InputError(f"{condition.name} changes nothing in {reasons}", "languages it can change", change)
