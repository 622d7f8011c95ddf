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

# Chosen on held-out training articles, not on SQuAD's dev set as upstream does: XQuAD-R's articles are in that.
LAREQA = Task(
    name="lareqa",
    kind="target",
    format="dual",
    group="retrieval",
    languages=("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"),
    metrics=("map_at_20",),
    score_metrics=("map_at_20",),
    reader="sentences",
    trains_on=("lareqa",),
    files={"train": "squad/train-v1.1.json", "test": "lareqa/xquad-r/{language}.json"},
    reported={"dev": "test", "test": "test"},
    selection="heldout",
    parallel=True,
    id_space="squad",
    training_data="squad",
    sizes={"train": {"en": 87599}, "test": {"*": 1190}},
    title="LAReQA: Language-Agnostic Answer Retrieval (XQuAD-R)",
    licence="CC BY-SA 4.0",
    citation="Roy, Constant, Al-Rfou, Barua, Phillips, Yang: LAReQA: Language-Agnostic Answer Retrieval from a "
    "Multilingual Pool, EMNLP 2020",
    home_page="https://github.com/google-research-datasets/lareqa",
)

XTREME_R: tuple[Task, ...] = (XCOPA, LAREQA)
