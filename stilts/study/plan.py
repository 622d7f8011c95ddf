"""Expands a study into its runs: a pure function, no data is read and nothing heavy is imported."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from stilts.config import Recipe, RunSettings, Sampling, SetRef, Study, Training
from stilts.data.specs import SetSpec
from stilts.drift import DecisiveTexts
from stilts.errors import InputError
from stilts.kept_step import kept_step
from stilts.study.checks import check_study, not_in_this_version
from stilts.study.conditions import check_effects
from stilts.study.kept_steps import PhaseRun, all_recipes, arms, is_baseline, phase_runs
from stilts.study.resolve import intermediate_length, intermediate_training
from stilts.study.targets import (
    Group,
    check_languages,
    heldout_set,
    read_limit,
    retrieval_settings,
    smaller,
    target_groups,
)
from stilts.study.text import resolved_mlm, text_sets
from stilts.study.translated import in_languages
from stilts.tasks import MLM, TASKS, Task, get_task, target_tasks


class NoisyPlace(NamedTuple):
    """One score that a run is to give under a noisy condition."""

    target: str
    language: str
    metric: str
    split: str
    condition: str
    noise_seed: int


class Place(NamedTuple):
    """One score that a run is to give; runs with the same evaluation sets share the objects."""

    target: str
    language: str
    metric: str
    split: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One score that the study is to give."""

    run: str
    recipe: str
    target: str
    language: str
    metric: str
    split: str
    intermediate_seed: int | None
    target_seed: int | None


@dataclass(frozen=True)
class Plan:
    """All runs of a study and everything they need.

    Attributes:
        study: the settings as read.
        recipes: the recipes, at least the baseline.
        runs: every run, each after those it needs.
        specs: the sets to prepare, each once.
        later: settings that this version cannot carry out, one line each.
    """

    study: Study
    recipes: tuple[Recipe, ...]
    runs: tuple[RunSettings, ...]
    specs: tuple[SetSpec, ...]
    later: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The study folder."""
        return self.study.folder

    @property
    def features(self) -> Path:
        """The folder of prepared sets."""
        return Path(self.study.data.cache_dir or self.folder / "features")

    @cached_property
    def places(self) -> dict[str, tuple[Place, ...]]:
        """Run id -> the scores to expect of it, for the runs that are scored."""
        known: dict[int, tuple[Place, ...]] = {}  # by identity: runs of one group of targets share their list of sets
        out = {}
        for run in self.runs:
            sets = run.evaluation_sets
            if sets and id(sets) not in known:
                known[id(sets)] = tuple(
                    Place(ref.task, ref.language, metric, ref.split)
                    for ref in sets
                    for metric in get_task(ref.task).metrics
                )
            if sets:
                out[run.run] = known[id(sets)]
        return out

    @cached_property
    def noisy_places(self) -> dict[str, tuple[NoisyPlace, ...]]:
        """Run id -> the scores to expect of it under noisy conditions; runs with the same sets share them."""
        known: dict[int, tuple[NoisyPlace, ...]] = {}
        for run in self.runs:
            sets = run.noisy_sets
            if sets and id(sets) not in known:
                known[id(sets)] = tuple(
                    NoisyPlace(ref.task, ref.language, metric, ref.split, ref.condition, ref.noise_seed)
                    for ref in sets
                    for metric in get_task(ref.task).metrics
                )
        return {run.run: known[id(run.noisy_sets)] for run in self.runs if run.noisy_sets}

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The scores to expect, one by one: of a large study a million, so `places` where that is enough."""
        runs = {run.run: run for run in self.runs}
        return tuple(
            Cell(name, runs[name].recipe, place.target, place.language, place.metric, place.split,
                 runs[name].seeds["intermediate"], runs[name].seeds["target"])
            for name, places in self.places.items()
            for place in places
        )  # fmt: skip

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Ids of the planned target tasks, in the order of the study."""
        evaluated = {name for run in self.runs for name in run.evaluates}
        names = self.study.target.tasks
        return (
            tuple(names)
            if names
            else tuple(name for name in target_tasks(self.study.target.benchmark) if name in evaluated)
        )

    @property
    def baseline(self) -> str | None:
        """Name of the recipe without tasks."""
        return next((recipe.name for recipe in self.recipes if is_baseline(recipe)), None)

    def run_folder(self, run: str) -> Path:
        """`<study folder>/runs/<run>`."""
        return self.folder / "runs" / run

    def refuse_unfinished(self) -> None:
        """Raise InputError if the study needs settings that this version does not have."""
        if self.later:
            raise InputError(
                f"not in this version: {'; '.join(self.later)}", "settings that can be carried out", "leave them out"
            )


def expand(study: Study) -> Plan:
    """The plan of a study. Raises InputError for a study that contradicts itself or names what does not exist."""
    check_study(study)
    check_languages(study)
    study = replace(study, deepspeed={"config": "zero2", **study.deepspeed})
    groups = target_groups(study)
    check_effects(study, [spec for group in groups for spec in group.noisy])
    builder = _Builder(study, groups)
    recipes = all_recipes(study)
    for recipe in recipes:
        seeds = [] if is_baseline(recipe) else recipe.seeds or study.seeds
        starts = [builder.intermediate(recipe, seed) for seed in seeds]
        for one in arms(recipe):
            for start in [own[one.name] for own in starts] or [Start()]:
                for group in groups:
                    builder.targets(one, start, group)
    return Plan(
        study=study,
        recipes=tuple(one for recipe in recipes for one in arms(recipe)),
        runs=tuple(builder.runs.values()),
        specs=tuple(builder.specs),
        later=tuple(not_in_this_version(study)),
    )


class Start(NamedTuple):
    """Where targets start: a seed of the intermediate phase, its run, and the step of it that is not its last.

    The published weights where there is no run.
    """

    seed: int | None = None
    run: str | None = None
    step: int | None = None


class _Builder:
    """Collects runs in order, with the sets and hashes they bring."""

    def __init__(self, study: Study, groups: Sequence[Group]) -> None:
        self.study = study
        self.scored = [spec for group in groups for spec in group.evaluate]
        chosen_on = [spec for group in groups for stage in group.stages for spec in stage.select]
        # data sets whose held-out articles choose a target's checkpoint: no phase may train on those articles
        self.heldout = {_articles(get_task(spec.task)) for spec in chosen_on if spec.part == "heldout"}
        self.runs: dict[str, RunSettings] = {}
        self.specs: dict[SetSpec, SetRef] = {}
        self._shared: dict[int, tuple[Sequence[SetSpec], list[SetRef]]] = {}  # by identity of the sets, which it keeps
        self._decisive = DecisiveTexts()
        cache = study.data.cache_dir
        self._features = str(Path(cache).absolute()) if cache else RunSettings.features

    def intermediate(self, recipe: Recipe, seed: int) -> dict[str, Start]:
        """Add the intermediate runs of a recipe and seed: name of each of its `arms` -> where its targets start."""
        starts: dict[str, Start] = {}
        trunk = None
        for own in phase_runs(recipe):
            before: dict[str, Any] = {}
            if own.branch_step is not None:
                assert trunk is not None
                before = {"needs": [trunk], "branch_run": trunk, "branch_step": own.branch_step}
                before["init_hash"] = self.runs[trunk].settings_hash
            name = self._intermediate(own, seed, before)
            trunk = name if own.branch_steps else trunk
            starts |= {one: Start(seed, name, step) for one, step in own.serves}
        return starts

    def _intermediate(self, own: PhaseRun, seed: int, before: dict[str, Any]) -> str:
        """Add an intermediate run; its id."""
        recipe = own.recipe
        tasks = [TASKS[name] for name in recipe.tasks]
        training = own.training(intermediate_training(self.study, recipe, tasks))
        train, select = self._intermediate_sets(recipe, tasks, training)
        mlm = resolved_mlm(self.study, recipe)
        train += text_sets(self.study, mlm)
        trains_on = [*recipe.tasks, *([MLM.name] if mlm else [])]
        return self._add(
            f"intermediate-{recipe.name}-s{seed}",
            kind="intermediate",
            recipe=own.named,
            seeds={"intermediate": seed, "target": None},
            trains_on=trains_on,
            train_sets=self._refs(train),
            selection_sets=self._refs(select),
            sampling=recipe.sampling if len(recipe.tasks) > 1 else Sampling(),
            mlm=mlm,
            translated_from=recipe.translated_from,
            training=training,
            decay_from=own.decay_from,
            branch_steps=list(own.branch_steps),
            snapshot_steps=list(own.snapshot_steps),
            **before,
        )

    def targets(self, recipe: Recipe, start: Start, group: Group) -> None:
        """Add the runs of a group of targets, for every target seed."""
        middle = recipe.name + ("" if start.seed is None else f"-s{start.seed}")
        joined = "+".join(group.targets)
        seeds: Sequence[int | None] = self.study.target.seeds or self.study.seeds
        for target_seed in [None] if group.kind == "evaluation" else seeds:
            base = f"{group.kind}-{middle}-{joined}" + ("" if target_seed is None else f"-t{target_seed}")
            before = start.run
            for index, stage in enumerate(group.stages, 1):
                final = index == len(group.stages)
                before = self._add(
                    base if final else f"{base}-{index}of{len(group.stages)}",
                    kind=group.kind,
                    recipe=recipe.name,
                    seeds={"intermediate": start.seed, "target": target_seed},
                    trains_on=list(stage.trains_on),
                    evaluates=list(group.targets) if final else [],
                    needs=[before] if before else [],
                    init_run=before,
                    init_hash=self.runs[before].settings_hash if before else None,
                    init_step=start.step if index == 1 else None,
                    kept_step=self._kept_step(recipe),
                    init_head=stage.init_head,
                    train_sets=self._refs(stage.train),
                    selection_sets=self._refs(stage.select),
                    evaluation_sets=self._refs(group.evaluate) if final else [],
                    noisy_sets=self._refs(group.noisy) if final else [],
                    support_sets=self._refs(group.support) if final else [],
                    training=stage.training,
                    retrieval=retrieval_settings(self.study, group.targets) if final else {},
                    keep_model=not final or group.kind != "target" or self.study.target.keep_models,
                )

    def _kept_step(self, recipe: Recipe) -> int | None:
        """What the score rows of a recipe name as their step, in a study that keeps steps."""
        if is_baseline(recipe):
            return 0 if any(one.keep_steps for one in self.study.intermediate) else None
        found = kept_step(recipe.name)
        return found.step if found else None

    def _intermediate_sets(
        self, recipe: Recipe, tasks: Sequence[Task], training: Training
    ) -> tuple[list[SetSpec], list[SetSpec]]:
        train: list[SetSpec] = []
        select, limit = [], training.validation_examples
        for task in tasks:
            length = intermediate_length(self.study, task)
            heldout = training.select == "best" and task.selection == "heldout"
            part = "rest" if heldout or _articles(task) in self.heldout else "all"
            english = SetSpec(task.name, "train", "en", "train", length, task.version, part,
                              read_limit(self.study, task, "train"))  # fmt: skip
            train += in_languages(english, recipe)
            if heldout:
                select.append(heldout_set(task, length, limit))
            elif training.select == "best":
                dev = smaller(limit, read_limit(self.study, task, "dev"))
                select.append(SetSpec(task.name, "dev", "en", "select", length, task.version, "all", dev))
        return train, select

    def _refs(self, specs: Sequence[SetSpec]) -> list[SetRef]:
        """Where the sets lie: one list for one sequence of sets, so that what is made of it is made once."""
        if id(specs) not in self._shared:
            for spec in specs:
                if spec not in self.specs:
                    self.specs[spec] = spec.ref(self.study.model, self.study.data, self.scored)
            self._shared[id(specs)] = (specs, [self.specs[spec] for spec in specs])
        return self._shared[id(specs)][1]

    def _add(self, name: str, **values: Any) -> str:
        if name in self.runs:
            raise InputError(
                f"two runs would be called {name}", "different run ids", "rename one of the recipes in intermediate"
            )
        run = RunSettings(
            study=self.study.name,
            run=name,
            settings_hash="",
            model=self.study.model,
            deepspeed=self.study.deepspeed,
            features=self._features,
            **values,
        )
        self.runs[name] = replace(run, settings_hash=settings_hash(run, self._decisive))
        return name


def settings_hash(run: RunSettings, texts: DecisiveTexts | None = None) -> str:
    """Twelve hex digits of everything that can change a run's result, the runs it needs included.

    `texts`: what many runs of a plan share.
    """
    return hashlib.sha256((texts or DecisiveTexts()).of(run).encode()).hexdigest()[:12]


def _articles(task: Task) -> str:
    """Names the articles a task is made of: SQuAD v1.1 and v2.0 have the same."""
    return task.id_space or task.name


def plan_row(run: RunSettings) -> dict[str, Any]:
    """One line of `plan.jsonl`."""
    keys = ("run", "kind", "recipe", "trains_on", "evaluates", "needs", "seeds", "settings_hash")
    return {key: getattr(run, key) for key in keys}
