"""Runs that have not learned what they were to learn: one answer for everything, or a loss that has not fallen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stilts.analysis.items import Graded
from stilts.outcome import Outcome
from stilts.study.graded_items import TargetItems
from stilts.study.plan import Plan
from stilts.tasks import get_task

Row = dict[str, str | None]
"""`{"run", "target", "language", "what"}`; target and language (several with spaces between) are None for a run."""
ONE_SIDED = 0.99
"""The share of one answer from which on a run is named."""
_FORMATS = ("pair", "choice", "span", "tagging")  # in which different items have different answers
_LEAST_ITEMS = 20  # of a set that can be called one-sided


def degenerate(plan: Plan, items: Iterable[TargetItems], outcomes: Mapping[str, Outcome]) -> list[Row]:
    """A row a run and target that answers alike, and a row a run whose loss is no lower at its end."""
    return [*(row for own in items for row in _one_sided(own)), *_not_fallen(plan, outcomes)]


def examined(items: Iterable[TargetItems], outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """How many runs were looked at: those with losses, and those with predictions of a format that is looked at."""
    names = {run for own in items if get_task(own.target).format in _FORMATS for run in own.runs}
    losses = sum(own.first_loss is not None for own in outcomes.values())
    return {"runs_with_losses": losses, "runs_with_items": len(names)}


def _one_sided(items: TargetItems) -> Iterator[Row]:
    if get_task(items.target).format not in _FORMATS:
        return
    for run, languages in items.runs.items():
        bad = {code: graded for code, graded in languages.items() if _says_one_thing(graded)}
        if bad:
            answers = sorted({repr(graded.commonest) for graded in bad.values()})
            least = min(graded.share for graded in bad.values())
            what = f"says {' or '.join(answers[:3])} for {100 * least:.0f} % of the items or more"
            yield {"run": run, "target": items.target, "language": " ".join(bad), "what": what}


def _says_one_thing(graded: Graded) -> bool:
    return len(graded.ids) >= _LEAST_ITEMS and graded.share >= ONE_SIDED


def _not_fallen(plan: Plan, outcomes: Mapping[str, Outcome]) -> Iterator[Row]:
    for run in plan.runs:
        outcome = outcomes.get(run.run)
        if outcome is None or outcome.first_loss is None or outcome.last_loss is None:
            continue
        if outcome.last_loss >= outcome.first_loss:
            ends = f"{outcome.first_loss:.3f} in the first tenth of the steps, {outcome.last_loss:.3f} in the last"
            yield {"run": run.run, "target": None, "language": None, "what": f"its loss has not fallen: {ends}"}
