"""Examples a second of stilts and of Hugging Face Trainer on the same SNLI pairs, model, batch size and precision.

    OMP_NUM_THREADS=2 python benchmarks/trainer_speed.py --model MODEL --data DATA [--rounds 3 --steps 30]

Each arm is a process of its own, one after the other, in turn for `--rounds` rounds: stilts (packed), Trainer as it
comes (random order, padded to the longest of a batch), Trainer grouped by length. Model dropout as published, bf16:
in stilts bf16 weights with fp32 masters, in Trainer its own bf16 (autocast). Warm-up steps are not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH, WARM_UP = 32, 60
ARMS = ("stilts", "as it comes", "grouped")


def stilts_arm(options: argparse.Namespace) -> float:
    """Examples a second of `Trainer.step`."""
    from common import training_run
    from transformers import AutoTokenizer

    from stilts import distributed
    from stilts.config import Training
    from stilts.training.run import Run

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        training = Training(batch_size=BATCH, learning_rate=1e-5, precision="bf16", save_every=0)
        settings = training_run("snli", options.model, options.data, folder, training, {"config": options.config})
        run = Run(settings, folder / "benchmark" / "runs" / settings.run, distributed.setup())
        run.tokenizer = AutoTokenizer.from_pretrained(options.model)
        trainer = run.fresh_trainer()
        for number in range(WARM_UP):
            trainer.step(number)
        started = time.perf_counter()
        for number in range(WARM_UP, WARM_UP + options.steps):
            trainer.step(number)
        seconds = time.perf_counter() - started
        distributed.close()
    return options.steps * BATCH / seconds


def trainer_arm(options: argparse.Namespace, grouped: bool) -> float:
    """Examples a second of transformers.Trainer."""
    from common import STAND_INS
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from stilts.config import DataSettings
    from stilts.data.sources import read_examples
    from stilts.tasks import get_task

    task = get_task("snli")
    data = DataSettings(root=options.data, files={"snli": {"train": {"en": STAND_INS["snli"]}}})
    examples = [e for e in read_examples(task, "train", "en", data)[0] if e.label is not None]
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    encoded = tokenizer([e.text_a for e in examples], [e.text_b for e in examples], truncation=True, max_length=256)
    rows = Dataset.from_dict({**encoded, "labels": [task.labels.index(e.label) for e in examples]})
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=len(task.labels))

    class Clock(TrainerCallback):  # type: ignore[misc]
        started = ended = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM_UP:
                self.started = time.perf_counter()
            self.ended = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=WARM_UP + options.steps, per_device_train_batch_size=BATCH, learning_rate=1e-5, bf16=True,
            train_sampling_strategy="group_by_length" if grouped else "random", weight_decay=0.01, use_cpu=True,
            save_strategy="no", report_to="none", logging_strategy="no", disable_tqdm=True, seed=1,
        )  # fmt: skip
        clock = Clock()
        Trainer(
            model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer), callbacks=[clock]
        ).train()
    return options.steps * BATCH / (clock.ended - clock.started)


def main() -> None:
    """Run the arms in turn and print one JSON line, or one arm's number."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--config", default="zero1", help="DeepSpeed configuration of the stilts arm")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        speed = stilts_arm(options) if options.arm == "stilts" else trainer_arm(options, options.arm == "grouped")
        print(f"examples/s {speed}")
        return
    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(options.rounds):
        for arm in ARMS:
            command = [sys.executable, *sys.argv, "--arm", arm]
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
            if done.returncode:
                sys.exit(done.stderr[-3000:])
            found[arm].append(float(done.stdout.split("examples/s ")[1]))
            print(f"{arm}: {found[arm][-1]:.1f} examples/s", file=sys.stderr, flush=True)
    from common import machine

    middle = {arm: statistics.median(values) for arm, values in found.items()}
    print(
        json.dumps({
            "examples/s": {arm: round(value, 1) for arm, value in middle.items()},
            "all": {arm: [round(value, 1) for value in values] for arm, values in found.items()},
            "stilts / as it comes": round(middle["stilts"] / middle["as it comes"], 2),
            "stilts / grouped": round(middle["stilts"] / middle["grouped"], 2),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            **machine(),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
