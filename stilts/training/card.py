"""The model card of an exported model (README.md, in the form of the Hugging Face hub): made from its facts and scores.

Only what decides the model and its scores is in it, so a run that was stopped and went on has the same card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts.board.scores import final_scores
from stilts.tasks import get_task
from stilts.tasks.credits import credit, data_sets, hub_id, markdown_table
from stilts.tasks.text import MLM
from stilts.training.card_code import loading_code

CARD = "README.md"
TAGS = ["cross-lingual-transfer", "intermediate-task-training", "stilts"]
# the hub's names of tasks (huggingface.co/tasks)
HUB_TASKS = {
    "pair": "text-classification", "choice": "multiple-choice", "span": "question-answering",
    "tagging": "token-classification", "mlm": "fill-mask",
}  # fmt: skip
SHOWN = (
    "preset", "optimizer", "learning_rate", "warmup", "weight_decay", "adam_epsilon", "max_grad_norm", "batch_size",
    "max_length", "dropout", "precision", "epochs", "max_steps", "select", "average_last", "layerwise_lr_decay",
    "freeze_embeddings",
)  # fmt: skip
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_LIMITS = """- Scores in languages that no training set above is in are zero-shot.
- It was made to compare recipes under one protocol, not to be the best model for a task.
- The licences of the base model and of the training data both bind whoever uses these weights.
"""


def model_card(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """The text of the card.

    Args:
        facts: the model's `stilts.json`.
        rows: the run's score rows; empty before it is scored, and of an intermediate run, which is not.
    """
    trained = [*(task for run in facts.get("before", ()) for task in run["tasks"]), *facts["settings"]["trains_on"]]
    parts = [
        f"# {facts['study']} / {facts['run']}\n",
        _what(facts),
        "## Training data\n",
        markdown_table(("data set", "hub", "licence", "citation"), map(credit, data_sets(dict.fromkeys(trained)))),
        *(f"\nTransductive: {note}.\n" for note in facts.get("transductive", [])),
        "## Training\n",
        markdown_table(("setting", "value"), _settings(facts)),
        "## Scores\n",
        _scores(facts, rows),
        "## Limits\n",
        _LIMITS,
        "## Use\n",
        "`AutoModel.from_pretrained` opens this folder; a pooling layer that it may add is not trained. The task heads "
        "are in `heads.safetensors` as `<task>.<parameter>`, and `stilts.json` says how the model was made. In this "
        "folder:\n",
        f"```python\n{loading_code(facts.get('heads', []))}```\n",
    ]
    return f"---\n{_metadata(facts, rows, trained)}\n---\n" + "\n".join(parts)


def own_steps(facts: Mapping[str, Any]) -> int:
    """Optimizer steps that a model's own run has taken: without those of the run that it goes on from."""
    return int(facts["steps"]) - int(facts["settings"].get("branch_step") or 0)


def _what(facts: Mapping[str, Any]) -> str:
    """What it is, in sentences."""
    name, revision = facts["base"], facts["settings"]["model"].get("revision")
    base = f"[{name}](https://huggingface.co/{name})" if _on_hub(name) else f"the local model `{Path(name).name}`"
    lines = [f"{base} (revision {revision})" if revision else base]
    for run in facts.get("before", ()):
        lines.append(f"{run['steps']} optimizer steps on {' + '.join(run['tasks'])} (run {run['run']})")
    lines.append(f"{own_steps(facts)} optimizer steps on {' + '.join(facts['settings']['trains_on'])} (this run)")
    chain = ", then ".join(lines)
    return (
        f"Encoder and task heads after the {facts['phase']} phase of the recipe `{facts['recipe']}`: {chain}. Written "
        f"by stilts {facts['version']}, a trainer for cross-lingual transfer after Phang et al., English "
        "Intermediate-Task Training Improves Zero-Shot Cross-Lingual Transfer Too, AACL 2020 "
        "([arXiv 2005.13013](https://arxiv.org/abs/2005.13013)).\n"
    )


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    settings, training = facts["settings"], facts["settings"]["training"]
    languages = dict.fromkeys(ref["language"] for ref in settings["train_sets"])
    seeds = ", ".join(f"{phase} {seed}" for phase, seed in settings["seeds"].items() if seed is not None)
    rows = [("recipe", facts["recipe"]), ("trained on", " + ".join(settings["trains_on"]))]
    rows += [("languages of this run's training sets", " ".join(languages)), ("seeds", seeds or "none")]
    if source := settings.get("translated_from"):
        rows += [("machine-translated", f"the training sets of all languages but {source}, from {source}")]
    rows += [("optimizer steps", own_steps(facts))]
    rows += [(key, training[key]) for key in SHOWN if training.get(key) is not None]
    rows += [("mixture", settings["sampling"]["strategy"])] if len(settings["trains_on"]) > 1 else []
    rows += [("settings_hash", f"`{facts['settings_hash']}`")]
    return rows + [("changed on the way", line) for line in facts.get("drift", [])]


def _scores(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table a target: a language a line, and the mean where all that was to be scored is."""
    if not rows:
        return "This model is a start for others and has no scores of its own.\n" if not facts["settings"].get(
            "evaluation_sets"
        ) else "Not scored yet.\n"  # fmt: skip
    planned = {(ref["task"], ref["language"]) for ref in facts["settings"]["evaluation_sets"]}
    values, text = final_scores(rows, planned), "In points (0-100).\n"
    for target in dict.fromkeys(row["target"] for row in rows):
        own = [row for row in rows if row["target"] == target]
        metrics = list(dict.fromkeys(row["metric"] for row in own))
        lines: dict[tuple[str, str, int], dict[str, float]] = {}
        for row in own:
            lines.setdefault((row["language"], row["split"], row["n"]), {})[row["metric"]] = row["value"]
        table = [[*key, *(f"{cells[m]:.2f}" for m in metrics)] for key, cells in lines.items()]
        means = [values.get(f"eval/{target}/all/{metric}") for metric in metrics]
        table += [["mean", "", "", *(f"{mean:.2f}" for mean in means if mean is not None)]] if None not in means else []
        chosen = ", ".join(dict.fromkeys(row["selection"] for row in own))
        text += f"\n{get_task(target).title} (`{target}`, checkpoint: {chosen}):\n\n"
        text += markdown_table(("language", "split", "examples", *metrics), table)
    return text


def _metadata(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], trained: Sequence[str]) -> str:
    """The YAML block, by the hub's own client."""
    from huggingface_hub import EvalResult, ModelCardData

    repositories = [hub_id(task) for task in data_sets(dict.fromkeys(trained))]
    languages = [ref["language"] for key in ("train_sets", "evaluation_sets") for ref in facts["settings"].get(key, [])]
    results = [
        EvalResult(
            task_type=HUB_TASKS.get(get_task(row["target"]).format, "sentence-similarity"),
            dataset_type=hub_id(get_task(row["target"])) or row["target"],
            dataset_name=f"{get_task(row['target']).title} ({row['language']})",
            dataset_config=row["language"],
            dataset_split=row["split"],
            metric_type=row["metric"],
            metric_value=round(row["value"], 4),
        )
        for row in rows
    ]
    data = ModelCardData(
        language=sorted(set(languages) - {"mul"}) or None,
        license="other",  # the hub's word where no single licence fits
        license_name="base-model-and-training-data",
        license_link=CARD,
        base_model=facts["base"] if _on_hub(facts["base"]) else None,
        datasets=sorted({name for name in repositories if name}) or None,
        library_name="transformers",
        pipeline_tag="feature-extraction",
        metrics=sorted({row["metric"] for row in rows}) or None,
        tags=[*TAGS, *(["masked-lm"] if MLM.name in trained else [])],
        model_name=facts["run"] if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml())


def _on_hub(name: str) -> bool:
    """Whether a model's name can be a repository of the hub."""
    return bool(_HUB_ID.fullmatch(name)) and not Path(name).exists()
