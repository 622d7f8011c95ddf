"""The peer: a plain Hugging Face Trainer fine-tune, to compare stilts' English scores with.

    python benchmarks/hf_trainer.py --task span --model FOLDER --train squad.json --eval mlqa.json --limit 100
    python benchmarks/hf_trainer.py --task tagging --model FOLDER --train train.conllu --eval dev.conllu

Rows are read and predictions graded with stilts' own readers and scorers (the official MLQA F1, seqeval 0.0.12's F1),
so both sides are measured alike. Everything between is Hugging Face's: tokenization and windows as in transformers'
run_qa.py and run_ner.py, AutoModelForQuestionAnswering and AutoModelForTokenClassification, transformers.Trainer.
AdamW, weight decay 0.01, warm-up 10 % of the steps, linear decay, clip 1.0, fp32, on the CPU.
Prints one JSON line. Threads: OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.utils import logging

from stilts.data.read_span import read_spans
from stilts.data.read_tagging import read_tagged
from stilts.metrics.mlqa import score as mlqa_score
from stilts.metrics.seqeval import entity_f1
from stilts.tasks import get_task
from stilts.tasks.examples import SpanExample, TaggingExample

STRIDE, N_BEST, LONGEST_ANSWER = 128, 20, 30
"""Defaults of run_qa.py (window overlap in tokens, candidates a window, answer length in tokens)."""
IGNORED = -100


def main() -> None:
    """Train, score, print."""
    options = parse()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    set_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    started = time.monotonic()
    result = (span if options.task == "span" else tagging)(options, tokenizer)
    facts = {
        key: getattr(options, key) for key in ("task", "steps", "batch_size", "learning_rate", "max_length", "seed")
    }
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({**facts, **result, "seconds": seconds, "threads": torch.get_num_threads()}))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--task", choices=("span", "tagging"), required=True)
    parser.add_argument("--model", required=True, help="hub id or folder")
    parser.add_argument("--train", type=Path, required=True, help="SQuAD JSON, or CoNLL-U")
    parser.add_argument("--eval", type=Path, required=True, help="English MLQA JSON, or CoNLL-U")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--max-length", type=int, help="tokens; default 384 (span), 128 (tagging)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="score only the first N examples")
    options = parser.parse_args()
    options.max_length = options.max_length or (384 if options.task == "span" else 128)
    return options


def fit(model: Any, rows: Dataset, collator: Any, options: argparse.Namespace, folder: str) -> Trainer:
    """Train with transformers.Trainer."""
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=options.steps,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=32,
        learning_rate=options.learning_rate,
        weight_decay=0.01,
        warmup_steps=math.ceil(0.1 * options.steps),
        lr_scheduler_type="linear",
        optim="adamw_torch",
        seed=options.seed,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=True,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return trainer


def span(options: argparse.Namespace, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Train on a SQuAD file, score an English MLQA file."""
    train = list(read_spans(get_task("squad_v1"), [options.train], "en"))
    test = list(read_spans(get_task("mlqa"), [options.eval], "en"))[: options.limit]
    train_rows = windows(train, tokenizer, options.max_length)
    with_labels = Dataset.from_list(
        [row | dict(zip(POSITIONS, positions(row, train), strict=True)) for row in train_rows]
    )
    model = AutoModelForQuestionAnswering.from_pretrained(options.model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model, with_labels.remove_columns(NOT_FOR_MODEL), DataCollatorWithPadding(tokenizer), options, folder
        )
        test_rows = windows(test, tokenizer, options.max_length)
        features = Dataset.from_list(test_rows).remove_columns(NOT_FOR_MODEL)
        starts, ends = trainer.predict(features).predictions  # type: ignore[misc]
    found: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for row, start, end in zip(test_rows, starts, ends, strict=True):
        found[row["example"]] += candidates(row, start, end, test[row["example"]].context)
    scores = []
    for index, example in enumerate(test):
        answer = max(found[index], default=(0.0, ""))[1]
        scores.append(mlqa_score(answer, [text for text, _ in example.answers or ()], "en"))
    exact, f1 = (100 * float(np.mean(column)) for column in zip(*scores, strict=True))
    return {"train_rows": len(train_rows), "examples": len(test), "f1": round(f1, 2), "exact_match": round(exact, 2)}


POSITIONS = ("start_positions", "end_positions")
NOT_FOR_MODEL = ["example", "offsets"]


def windows(examples: list[SpanExample], tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[dict[str, Any]]:
    """Overlapping windows of every example; `offsets` is [-1, -1] for tokens outside the context."""
    batch = tokenizer(
        [example.question.lstrip() for example in examples],
        [example.context for example in examples],
        truncation="only_second",
        max_length=max_length,
        stride=STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    rows = []
    for index in range(len(batch["input_ids"])):
        parts = batch.sequence_ids(index)
        row = {key: batch[key][index] for key in tokenizer.model_input_names if key in batch}
        offsets = batch["offset_mapping"][index]
        row["offsets"] = [list(o) if part == 1 else [-1, -1] for o, part in zip(offsets, parts, strict=True)]
        row["example"] = batch["overflow_to_sample_mapping"][index]
        rows.append(row)
    return rows


def positions(row: dict[str, Any], examples: list[SpanExample]) -> tuple[int, int]:
    """First and last token of the answer; the first token of the row where the window does not hold it whole."""
    answers = examples[row["example"]].answers
    assert answers, "SQuAD v1.1 has an answer to every question"
    text, first = answers[0]
    end = first + len(text)
    inside = [i for i, (a, b) in enumerate(row["offsets"]) if a >= 0]
    if not inside or row["offsets"][inside[0]][0] > first or row["offsets"][inside[-1]][1] < end:
        return 0, 0
    start = max(i for i in inside if row["offsets"][i][0] <= first)
    stop = min(i for i in inside if row["offsets"][i][1] >= end)
    return start, stop


def candidates(row: dict[str, Any], start: np.ndarray, end: np.ndarray, context: str) -> list[tuple[float, str]]:
    """(score, text) of the window's best spans, as run_qa.py's post-processing makes them."""
    offsets, out = row["offsets"], []
    for i in np.argsort(start)[-1 : -N_BEST - 1 : -1].tolist():
        for j in np.argsort(end)[-1 : -N_BEST - 1 : -1].tolist():
            if i >= len(offsets) or j >= len(offsets) or offsets[i][0] < 0 or offsets[j][0] < 0:
                continue
            if i <= j < i + LONGEST_ANSWER:
                out.append((float(start[i] + end[j]), context[offsets[i][0] : offsets[j][1]]))
    return out


def tagging(options: argparse.Namespace, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Train on one CoNLL-U file, score another. Words cut off by the length limit count as predicted `X`."""
    task = get_task("udpos")
    train = list(read_tagged(task, [options.train], "en"))
    test = list(read_tagged(task, [options.eval], "en"))[: options.limit]
    model = AutoModelForTokenClassification.from_pretrained(options.model, num_labels=len(task.labels))
    rows = Dataset.from_list([words(example, tokenizer, options.max_length, task.labels) for example in train])
    features = [words(example, tokenizer, options.max_length, task.labels) for example in test]
    with tempfile.TemporaryDirectory() as folder:
        collator = DataCollatorForTokenClassification(tokenizer)
        trainer = fit(model, rows, collator, options, folder)
        logits = trainer.predict(Dataset.from_list(features)).predictions
    predicted, lost = [], 0
    for example, feature, row in zip(test, features, np.asarray(logits), strict=True):
        at = [i for i, label in enumerate(feature["labels"]) if label != IGNORED]
        tags = [task.labels[int(row[i].argmax())] for i in at]
        lost += len(example.words) - len(tags)
        predicted.append(tags + ["X"] * (len(example.words) - len(tags)))
    f1 = entity_f1([example.tags or () for example in test], predicted)
    return {"train_rows": len(train), "examples": len(test), "f1": round(f1, 2), "words_cut_off": lost}


def words(
    example: TaggingExample, tokenizer: PreTrainedTokenizerBase, max_length: int, labels: tuple[str, ...]
) -> dict[str, Any]:
    """One sentence as in run_ner.py: the label on a word's first sub-word, the others ignored."""
    row = tokenizer(list(example.words), is_split_into_words=True, truncation=True, max_length=max_length)
    before, out = None, []
    for word in row.word_ids():
        tag = (example.tags or ())[word] if word is not None and word != before else None
        out.append(labels.index(tag) if tag is not None else IGNORED)
        before = word
    return {**row, "labels": out}


if __name__ == "__main__":
    main()
