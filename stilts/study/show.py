"""Plans and states as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stilts.config import RunSettings
from stilts.study.cost import Cost, cost_json, cost_of
from stilts.study.disk import GIB, shown
from stilts.study.kept_axis import kept_step_lines
from stilts.study.marks import same_data
from stilts.study.plan import Plan, plan_row
from stilts.study.show_settings import length, settings_json, settings_of_all, settings_table
from stilts.study.text_notes import mlm_lines, transductive_notes
from stilts.study.translated import trained_on
from stilts.table import table
from stilts.tasks import MLM, TASKS


def plan_json(plan: Plan) -> dict[str, Any]:
    """What `stilts plan --json` prints.

    `cells` counts recipe x target x language, `scores` the score rows (cells x metrics x seeds).
    """
    return {
        "study": plan.study.name,
        "folder": str(plan.folder),
        "runs": [plan_row(run) for run in plan.runs],
        "cells": count_cells(plan),
        "scores": count_scores(plan),
        "noisy_scores": sum(map(len, plan.noisy_places.values())),
        "not_in_this_version": list(plan.later),
        "transductive": transductive_notes(plan),
        "same_data": [list(pair) for pair in sorted(same_data(plan))],
        "settings": {run.run: settings_json(run) for run in plan.runs if run.trains_on},
        "cost": cost_json(plan, cost_of(plan)),
    }


def count_cells(plan: Plan) -> int:
    """Recipes x targets x languages that will have a score."""
    groups = {(run.recipe, id(places)): places for run in plan.runs if (places := plan.places.get(run.run))}
    return len({(key[0], place.target, place.language) for key, places in groups.items() for place in places})


def count_scores(plan: Plan) -> int:
    """Score rows that the study is to give."""
    return sum(map(len, plan.places.values()))


def plan_text(plan: Plan) -> str:
    """What `stilts plan` prints: the phases, which run starts from which, settings and counts."""
    study = plan.study
    runs = [run for run in plan.runs if run.kind == "intermediate"]
    parts = [f"study {study.name}: {study.model.name} -> {plan.folder}"]
    if runs:
        parts.append(f"Intermediate phase: {len(runs)} runs\n{_intermediate_table(plan, runs)}")
    runs = [run for run in plan.runs if run.kind != "intermediate"]
    parts.append(f"Target phase: {len(runs)} runs (recipe x targets that share them)\n{_target_matrix(plan, runs)}")
    header, rows = settings_table(plan)
    if rows:
        parts.append(f"Settings (preset {study.training.preset}, {study.training.precision})\n{table(header, rows)}")
        parts.append(settings_of_all(study.training))
    if pairs := sorted(same_data(plan)):
        recipes = {recipe: " ".join(target for other, target in pairs if other == recipe) for recipe, _ in pairs}
        named = "; ".join(f"{recipe}: {targets}" for recipe, targets in recipes.items())
        parts.append(f"same data in both phases (marked in every table): {named}")
    if text := kept_step_lines(plan):
        parts.append("\n".join(text))
    if text := mlm_lines(plan):
        parts.append("\n".join(text))
    parts.append(cost_text(plan, cost_of(plan)))
    noisy = sum(map(len, plan.noisy_places.values()))
    cells = f"{count_cells(plan)} cells (recipe x target x language), {count_scores(plan)} scores"
    cells += f" and {noisy} under noise" if noisy else ""
    seeds = f"seeds {_seeds(plan, 'intermediate')} x {_seeds(plan, 'target')}"
    parts.append(f"{len(plan.runs)} runs, {cells}, {seeds}")
    if plan.later:
        parts.append("not in this version: " + "; ".join(plan.later))
    return "\n\n".join(parts)


def cost_text(plan: Plan, cost: Cost) -> str:
    """The cost part of a plan: memory by ZeRO stage, disk, tokens and GPU-hours by phase, assumptions, warnings."""
    lines = ["Cost"]
    if cost.size is None:
        lines.append(cost.unknown_size)
    elif cost.memory:
        ranks = plan.study.launch.processes * plan.study.launch.nodes
        what = f"{cost.size.total / 1e6:,.0f} M parameters, {plan.study.training.precision}, {ranks} ranks"
        lines.append(f"GiB on each GPU ({what}, micro-batches of {cost.tokens:,} tokens)\n{_memory_table(plan, cost)}")
    rows = [
        (kind, phase.runs, _short(phase.training), _short(phase.scoring), _number(cost.gpu_hours[kind], 2))
        for kind, phase in cost.phases.items()
    ]
    if rows:
        lines.append(table(("phase", "runs", "training tokens", "scored tokens", "GPU-hours"), rows))
    notes = []
    if cost.disk is not None:
        disk, models = cost.disk, sum(bool(run.trains_on) and run.keep_model for run in plan.runs)
        runs = f"{disk.at_once} run{'s' * (disk.at_once > 1)} at a time {shown(disk.checkpoints + disk.passing)}"
        kept = f", checkpoints for good {shown(disk.kept)}" if disk.kept else ""
        notes.append(
            f"disk: {shown(disk.peak)} at its peak, {shown(disk.end)} at the end: {models} models "
            f"{shown(disk.models)}{kept}, {runs}; {shown(disk.written)} written, {shown(disk.free)} free"
        )
        notes.append(f"files: {disk.files:,} at the peak, {disk.files_end:,} at the end, without features")
        absent = f", {disk.sets_absent} more to prepare" if disk.sets_absent else ""
        notes.append(f"features: {disk.features / GIB:.2f} GiB prepared{absent}")
    notes += [*cost.assumptions, *(f"warning: {line}" for line in cost.warnings)]
    return "\n\n".join([*lines, "\n".join(notes)] if notes else lines)


def _intermediate_table(plan: Plan, runs: Sequence[RunSettings]) -> str:
    """Every recipe that trains, its seeds in one row, and how many runs start from its model."""
    rows: dict[str, list[Any]] = {}
    for run in runs:
        long = length(run)
        starts = sum(run.run in (other.init_run, other.branch_run) for other in plan.runs)
        row = rows.setdefault(run.recipe, [run.recipe, trained_on(run), _rows_of(plan, run), long, 0, 0])
        row[-2:] = [row[-2] + 1, row[-1] + starts]
    return table(
        ("recipe", "trains on", "official rows", "length", "runs", "runs that start from it"), list(rows.values())
    )


def _target_matrix(plan: Plan, runs: Sequence[RunSettings]) -> str:
    """Recipes x groups of targets: the number of runs."""
    columns = list(dict.fromkeys("+".join(run.evaluates) for run in runs if run.evaluates))
    phase = {run.run for run in plan.runs if run.kind == "intermediate"}
    rows = []
    for recipe in plan.recipes:
        first = next((run.init_run for run in runs if run.recipe == recipe.name and run.init_run in phase), None)
        row = [recipe.name, "published weights" if first is None else first.rpartition("-s")[0]]
        for column in columns:
            here = [run for run in runs if run.recipe == recipe.name and "+".join(run.evaluates) == column]
            row.append(str(len(here)))
        rows.append(row)
    sources = {"+".join(run.evaluates): ", ".join(run.trains_on) or "–" for run in runs}
    rows.append(["", "trained on", *[sources[column] for column in columns]])
    return table(("recipe", "starts from", *columns), rows)


def _rows_of(plan: Plan, run: RunSettings) -> int | None:
    """Examples of the official training sets, at most data.limit; the files that are really read may be smaller."""
    sizes = []
    for name in (name for name in run.trains_on if name != MLM.name):
        train = TASKS[name].sizes.get("train", {})
        size = train.get("en", train.get("*"))
        limit = plan.study.data.limit.get(name, {}).get("train")
        given = any("train" in plan.study.data.files.get(part, {}) for part in (name, *TASKS[name].parts))
        if given or size is None:
            return limit
        sizes.append(size if limit is None else min(size, limit))
    return sum(sizes) or None


def _memory_table(plan: Plan, cost: Cost) -> str:
    limit = plan.study.launch.gpu_memory_gib
    rows = []
    for m in cost.memory:
        tokens = m.tokens_in(limit * GIB)
        fits = "yes" if m.total <= limit * GIB else f"{tokens:,} tokens" if tokens >= cost.longest else "no"
        parts = [f"{part / GIB:.1f}" for part in (m.state, m.activations, m.buffers, m.total)]
        host = f"{m.host / GIB:.1f}" if m.host else None
        rows.append((m.name + (" (this study)" if m.chosen else ""), *parts, fits, host))
    return table(("ZeRO", "state", "activations", "buffers", "total", f"fits {limit:g}", "CPU of a node"), rows)


def _short(number: float) -> str:
    """A count in thousands, millions or billions."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"


def _seeds(plan: Plan, phase: str) -> list[int]:
    return sorted({seed for run in plan.runs if (seed := run.seeds[phase]) is not None})


def _number(value: float | None, digits: int = 3) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
