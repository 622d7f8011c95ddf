"""Which fine-tunes the target phase needs: chains of training tasks, shared between targets where nothing differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stilts.config import Evaluation, RetrievalSettings, Study, TargetTask, Training
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.study.conditions import noises
from stilts.study.resolve import target_training
from stilts.tasks import (
    MULTIPLE,
    Task,
    check_language,
    get_task,
    languages_of,
    target_tasks,
    training_chain,
)


@dataclass(frozen=True)
class Stage:
    """One fine-tune of a chain: what it trains on, how, and what chooses its checkpoint."""

    trains_on: tuple[str, ...]
    training: Training
    init_head: str = "fresh"
    train: tuple[SetSpec, ...] = ()
    select: tuple[SetSpec, ...] = ()


@dataclass(frozen=True)
class Group:
    """Targets that one chain of runs serves.

    Attributes:
        kind: "target", or "evaluation" where nothing is trained.
        targets: target task ids.
        stages: the chain; one stage without training tasks for an evaluation.
        evaluate: the sets that are scored.
        noisy: the same with noisy inputs, one a language, condition and noise seed.
        support: the sets that are read beside them (`Task.support`).
    """

    kind: str
    targets: tuple[str, ...]
    stages: tuple[Stage, ...]
    evaluate: tuple[SetSpec, ...] = ()
    noisy: tuple[SetSpec, ...] = ()
    support: tuple[SetSpec, ...] = ()


def target_groups(study: Study) -> list[Group]:
    """All targets of a study, those with equal fine-tunes together, in the order of their first member.

    Retrieval targets of which nothing is trained are always one group.
    """
    groups: list[Group] = []
    for group in [_group(study, name) for name in study.target.tasks or target_tasks(study.target.benchmark)]:
        for index, other in enumerate(groups):
            same = group.kind == other.kind and (group.kind == "evaluation" or group.stages == other.stages)
            if same:
                groups[index] = replace(
                    other,
                    targets=other.targets + group.targets,
                    evaluate=other.evaluate + group.evaluate,
                    noisy=other.noisy + group.noisy,
                    support=other.support + group.support,
                )
                break
        else:
            groups.append(group)
    return groups


def planned_languages(study: Study, task: Task) -> tuple[str, ...]:
    """The languages a target is scored in. Raises InputError where the study asks for one that it has not."""
    chosen, own = study.target.languages, languages_of(task, study.target.benchmark)
    if task.reported[study.evaluation.split] == "dev" and not (isinstance(chosen, dict) and chosen.get(task.name)):
        own = _with_dev(study, task, own)
    if isinstance(chosen, dict):
        codes = chosen.get(task.name)
        for code in codes or ():
            check_language(code, own, f"target.languages.{task.name}")
    elif chosen:
        codes = []
        for code in chosen:
            check_language(code, where="target.languages")
            if code in own or code not in _all_codes():
                codes.append(code)
        if not codes:
            raise InputError(
                f"target {task.name} has none of the languages {', '.join(chosen)}",
                f"one of {', '.join(own)}",
                "change target.languages or leave the task out",
            )
    else:
        codes = None
    languages = tuple(codes) if codes else own
    for index, code in enumerate(languages):
        if code in languages[:index]:
            raise InputError(f"target.languages has {code!r} twice", "each language once", "remove one")
    return languages


def _with_dev(study: Study, task: Task, languages: Sequence[str]) -> tuple[str, ...]:
    """The languages that have a dev set, declared or given in `data.files`."""
    given = study.data.files.get(task.name, {}).get("dev", {})
    return tuple(code for code in languages if code not in task.test_only or code in given)


def check_languages(study: Study) -> None:
    """Raise InputError for a language of `target.languages` that exists but that no chosen target has."""
    if isinstance(study.target.languages, dict):
        return
    names = study.target.tasks or target_tasks(study.target.benchmark)
    for code in study.target.languages:
        check_language(code, where="target.languages")
        if code in _all_codes() and not any(code in languages_of(n, study.target.benchmark) for n in names):
            raise InputError(
                f"language {code!r} of target.languages is in none of {', '.join(names)}",
                "a language of a chosen target",
                "remove it or add a target that has it",
            )


def read_limit(study: Study, task: Task, split: str) -> int | None:
    """`data.limit` for a split; for a task with one set, its limit may stand under dev or test."""
    limits = study.data.limit.get(task.name, {})
    if split not in limits and split != "train" and len(set(task.reported.values())) == 1:
        return next((limits[other] for other in ("dev", "test") if other in limits), None)
    return limits.get(split)


def _all_codes() -> set[str]:
    from stilts.tasks import LANGUAGES

    return set(LANGUAGES)


def _group(study: Study, name: str) -> Group:
    own = study.target.per_task.get(name, TargetTask())
    task = get_task(name)
    training = target_training(study, task)
    evaluate, support = _evaluation_sets(study, task, training), _support_sets(study, task, training)
    sets = {"evaluate": evaluate, "noisy": _noisy_sets(study, task, evaluate), "support": support}
    chain = list(own.train if own.train is not None else training_chain(study.training.preset, task))
    if task.untrained:
        chain = _tuned_on(name, own)
        if not chain:
            return Group("evaluation", (name,), (Stage((), replace(training, select="last")),), **sets)
    _check_chain(study, task, chain)
    if task.untrained:  # fine-tuned as the last training task is, then scored by a hidden layer
        task = get_task(chain[-1])
        training = target_training(study, task, name)
        if own.max_length is not None:  # that of the sentences, not of what is trained on
            training = replace(training, max_length=target_training(study, task).max_length)
    return Group("target", (name,), tuple(_stages(study, task, chain, training, own.init_head)), **sets)


def _tuned_on(name: str, own: TargetTask) -> list[str]:
    """The chain of training tasks before sentences are compared; empty where the model is taken as it is."""
    chain, tuned_on = own.train or [], own.retrieval.tuned_on
    if chain and tuned_on and chain != [tuned_on]:
        raise InputError(
            f"target.per_task.{name} has train: {chain} and retrieval.tuned_on: {tuned_on}",
            "one of them",
            "remove retrieval.tuned_on",
        )
    return chain or ([tuned_on] if tuned_on else [])


def _check_chain(study: Study, task: Task, chain: Sequence[str]) -> None:
    where = f"target.per_task.{task.name}.train"
    if not chain:
        raise InputError(f"{where} is empty", "a chain of training tasks", f"write {where}: {list(task.trains_on)}")
    for stage in map(get_task, chain):
        if stage.format == "mlm":
            raise InputError(f"{where} has {stage.name!r}", "tasks with labels", "put masked LM into a recipe")
        if "train" not in stage.files and "train" not in study.data.files.get(stage.name, {}):
            raise InputError(
                f"target {task.name} trains on {stage.name}, which has no training data",
                "a task with a train split",
                f"change {where} or give data.files.{stage.name}.train.en",
            )
    last = get_task(chain[-1])
    if not task.untrained and (last.format != task.format or set(last.labels) != set(task.labels)):
        raise InputError(
            f"target {task.name} ({task.format}) is fine-tuned on {last.name} ({last.format}), whose outputs differ",
            "the format and labels of the target",
            f"end {where} with a task like {task.trains_on[-1]}",
        )


def _stages(study: Study, task: Task, chain: Sequence[str], training: Training, init_head: str) -> list[Stage]:
    stages = []
    for index, name in enumerate(chain):
        final = index == len(chain) - 1
        own = training if final else replace(training, select="last")  # only the last stage can look at the target
        source = get_task(name)
        heldout = own.select == "best" and task.selection == "heldout"
        length = own.max_length or 0
        train = SetSpec(name, "train", "en", "train", length, source.version, "rest" if heldout else "all",
                        read_limit(study, source, "train"))  # fmt: skip
        select: tuple[SetSpec, ...] = ()
        if heldout:
            select = (heldout_set(source, length, own.validation_examples),)
        elif own.select == "best":
            select = _selection_sets(study, task, own)
        head = init_head
        if index > 0:  # as in XTREME-R's chain of socialiqa and copa: the whole model goes on where the head fits
            head = "reuse" if _same_head(get_task(chain[index - 1]), source) else "fresh"
        stages.append(Stage((name,), own, head, (train,), select))
    return stages


def _same_head(one: Task, other: Task) -> bool:
    return one.format == other.format and len(one.labels) == len(other.labels)


def heldout_set(source: Task, max_length: int, limit: int | None) -> SetSpec:
    """Held-out articles of a training set, to choose checkpoints on; the run then trains on the rest."""
    return SetSpec(source.name, "train", "en", "select", max_length, source.version, "heldout", limit)


def _selection_sets(study: Study, task: Task, training: Training) -> tuple[SetSpec, ...]:
    evaluation: Evaluation = study.evaluation
    languages = ("en",) if evaluation.selection == "english_dev" else _dev_languages(study, task)
    return tuple(
        SetSpec(task.name, "dev", language, "select", training.max_length or 0, task.version, "all",
                smaller(training.validation_examples, read_limit(study, task, "dev")))
        for language in languages
    )  # fmt: skip


def _dev_languages(study: Study, task: Task) -> tuple[str, ...]:
    """The languages with a dev set among those a target is scored in.

    Of a task that only trains the model of another target, those of its own that `target.languages` lists, or all.
    """
    benchmark, chosen = study.target.benchmark, study.target.languages
    if task.name in (study.target.tasks or target_tasks(benchmark)):
        return _with_dev(study, task, planned_languages(study, task))
    own = languages_of(task, benchmark)
    listed = [] if isinstance(chosen, dict) else [code for code in chosen if code in own]
    return _with_dev(study, task, listed or own)


def _evaluation_sets(study: Study, task: Task, training: Training) -> tuple[SetSpec, ...]:
    split = task.reported[study.evaluation.split]
    limit = read_limit(study, task, split)
    return tuple(
        SetSpec(task.name, split, language, "evaluate", training.max_length or 0, task.version, "all", limit)
        for language in planned_languages(study, task)
    )


def _noisy_sets(study: Study, task: Task, evaluate: Sequence[SetSpec]) -> tuple[SetSpec, ...]:
    clean = {spec.language: spec for spec in evaluate}
    return tuple(
        replace(clean[language], purpose="noise", noise=noise) for language, noise in noises(study, task, list(clean))
    )


def _support_sets(study: Study, task: Task, training: Training) -> tuple[SetSpec, ...]:
    if task.support is None:
        return ()
    limit = read_limit(study, task, task.support)
    languages = (MULTIPLE,) if task.support == "candidates" else planned_languages(study, task)
    return tuple(
        SetSpec(task.name, task.support, language, "support", training.max_length or 0, task.version, "all", limit)
        for language in languages
    )


def retrieval_settings(study: Study, targets: Sequence[str]) -> dict[str, RetrievalSettings]:
    """TASK: how its sentences become vectors, for the retrieval tasks among the targets."""
    per_task = study.target.per_task
    return {name: per_task.get(name, TargetTask()).retrieval for name in targets if get_task(name).untrained}


def smaller(*limits: int | None) -> int | None:
    """The smallest of the limits that are given."""
    return min((limit for limit in limits if limit is not None), default=None)
