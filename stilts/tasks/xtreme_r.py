"""Target tasks that XTREME-R adds to XTREME's."""

from __future__ import annotations

from stilts.tasks.base import Task

XCOPA = Task(
    name="xcopa",
    kind="target",
    format="choice",
    group="classification",
    languages=("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"),
    metrics=("accuracy",),
    score_metrics=("accuracy",),
    reader="copa",
    # XTREME-R: 5 epochs on each, the whole model goes on to the second, the last checkpoint is scored
    # (scripts/train_xcopa.sh of google-research/xtreme at 838c13b).
    trains_on=("socialiqa", "copa"),
    # The names of XCOPA's repository, then XTREME-R's. XCOPA has no English; its validation set is a translation of
    # COPA's, which stands for it where English dev chooses a checkpoint, and in the leak check.
    files={
        "dev": "xcopa/data/{language}/val.{language}.jsonl|xcopa/val-{language}.jsonl|copa/val-{language}.jsonl",
        "test": "xcopa/data/{language}/test.{language}.jsonl|xcopa/test-{language}.jsonl|copa/test-{language}.jsonl",
    },
    parallel=True,
    sizes={"dev": {"*": 100}, "test": {"*": 500}},
    title="XCOPA: Multilingual Causal Commonsense Reasoning",
    licence="CC BY 4.0",
    citation="Ponti, Glavaš, Majewska, Liu, Vulić, Korhonen: XCOPA: A Multilingual Dataset for Causal Commonsense "
    "Reasoning, EMNLP 2020",
    home_page="https://github.com/cambridgeltl/xcopa",
)

XTREME_R: tuple[Task, ...] = (XCOPA,)
