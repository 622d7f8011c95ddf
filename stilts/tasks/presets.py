"""Hyper-parameters of the literature for XLM-R Large, by preset and task.

Sources: `jiant` is nyu-mll/jiant at daa5a258 (the paper's code), `xtreme` is google-research/xtreme at 838c13b.
"""

from __future__ import annotations

from typing import Any

from stilts.settings import unknown
from stilts.tasks.base import Task

# All of jiant: warm-up 10 %, linear decay, AdamW with weight decay 0.01, best checkpoint on 500 English examples.
_JIANT: dict[str, Any] = {"learning_rate": 1e-5, "warmup": 0.1, "weight_decay": 0.01, "select": "best"}
_JIANT_FORMAT: dict[str, dict[str, Any]] = {
    "pair": {"batch_size": 32, "max_length": 256},
    "choice": {"batch_size": 32, "max_length": 256},  # a sequence for each choice (unverified)
    "tagging": {"batch_size": 32, "max_length": 256},
    "span": {"batch_size": 16, "max_length": 384},
    "retrieval": {"batch_size": 32, "max_length": 512},  # nothing is trained: batch size and rate are not used
    "mining": {"batch_size": 32, "max_length": 512},
    "dual": {"batch_size": 16, "max_length": 256},  # jiant has no such task: XTREME-R's (unverified)
    "linking": {"batch_size": 32, "max_length": 64},  # XTREME-R's, as for "dual" (unverified)
    "mlm": {"batch_size": 32, "max_length": 256},  # (unverified); the rate is the recipe's mlm.learning_rate
}
_JIANT_EPOCHS: dict[str, float] = {"xnli": 2, "xquad": 2, "mlqa": 2, "tydiqa": 2, "pawsx": 5, "udpos": 10, "panx": 10}
_JIANT_EPOCHS_OTHERWISE = 2.0  # intermediate tasks (unverified)

_XTREME_FORMAT: dict[str, dict[str, Any]] = {
    # warm-up and weight decay of pair and tagging: none (unverified)
    "pair": {"learning_rate": 3e-5, "epochs": 5.0, "max_length": 128, "warmup": 0.0, "weight_decay": 0.0},
    # xcopa: 5 epochs on socialiqa and 5 on copa, without warm-up and weight decay (scripts/train_xcopa.sh)
    "choice": {"learning_rate": 3e-5, "epochs": 5.0, "max_length": 128, "warmup": 0.0, "weight_decay": 0.0},
    "tagging": {"learning_rate": 2e-5, "epochs": 10.0, "max_length": 128, "warmup": 0.0, "weight_decay": 0.0},
    "span": {"learning_rate": 3e-5, "epochs": 3.0, "max_length": 384, "warmup": 500.0, "weight_decay": 1e-4},
    # nothing is trained; max_length 512 is jiant's (unverified)
    "retrieval": {"learning_rate": 2e-5, "epochs": 1.0, "max_length": 512, "warmup": 0.0, "weight_decay": 0.0},
    # scripts/run_bucc2018.sh
    "mining": {"learning_rate": 2e-5, "epochs": 1.0, "max_length": 512, "warmup": 0.0, "weight_decay": 0.0},
    # scripts/train_lareqa.sh; max_length is that of a candidate, a question has 96 tokens (stilts/formats/dual.py)
    "dual": {
        "batch_size": 16,
        "learning_rate": 2e-5,
        "epochs": 3.0,
        "max_length": 256,
        "warmup": 0.0,
        "weight_decay": 0.0,
    },
    # scripts/train_mewslix.sh: 8 rows a GPU, summed over 4; the last checkpoint
    "linking": {"learning_rate": 1e-5, "epochs": 2.0, "max_length": 64, "warmup": 0.0, "weight_decay": 0.0},
    # XTREME has no such task; the rate is the recipe's mlm.learning_rate (unverified)
    "mlm": {"learning_rate": 2e-5, "epochs": 2.0, "max_length": 256, "warmup": 0.0, "weight_decay": 0.0},
}
_XTREME_TASK: dict[str, dict[str, Any]] = {"pawsx": {"learning_rate": 2e-5}}
# XTREME fine-tunes xnli on the English half of XNLI-MT, jiant on GLUE's MNLI, which is the declared chain.
_CHAINS: dict[str, dict[str, tuple[str, ...]]] = {"xtreme": {"xnli": ("xnli",)}}

PRESETS = ("jiant", "xtreme")


def preset_values(preset: str, task: Task) -> dict[str, Any]:
    """The preset's settings for one task: keys and units are those of `stilts.config.Training`.

    Keys: batch_size, learning_rate, warmup (below 1: share of the steps, else steps), weight_decay, epochs,
    max_length, select. Intermediate tasks are not in the facts' tables: they take their format's values (unverified).
    """
    if preset == "jiant":
        epochs = float(_JIANT_EPOCHS.get(task.name, _JIANT_EPOCHS_OTHERWISE))
        return {**_JIANT, **_JIANT_FORMAT[task.format], "epochs": epochs}
    if preset == "xtreme":
        # Pair tasks, udpos, panx: best on English dev; span, xcopa: the last checkpoint.
        # lareqa: best on SQuAD dev upstream, which holds the scored articles; the last checkpoint here.
        return {
            "batch_size": 32,
            "select": task.select,
            **_XTREME_FORMAT[task.format],
            **_XTREME_TASK.get(task.name, {}),
        }
    raise unknown(f"preset {preset!r}", preset, PRESETS, "change training.preset")


def training_chain(preset: str, task: Task) -> tuple[str, ...]:
    """The tasks that a target is fine-tuned on, one after the other, where the study does not say."""
    return _CHAINS.get(preset, {}).get(task.name, task.trains_on)
