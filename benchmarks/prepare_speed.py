"""Preparing 100,000 examples: `stilts prepare` beside the same job by `datasets.map` with the same fast tokenizer.

    python benchmarks/prepare_speed.py --model MODEL --data DATA [--rows 100000] [--processes 2] [--rounds 3]

Half of the examples are SNLI's, half SQuAD v1.1's: the real ones below DATA, repeated with other ids and titles until
there are enough. Both sides read the same raw files and leave features on disk that are ready for training: pairs of at
most 128 tokens with a label; question and context in windows of at most 384 tokens with the answer's positions and each
token's characters. The peer is written as in Hugging Face's own examples (batched map, `num_proc`, `save_to_disk`).
Each side is a process of its own, timed from start to end, in turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

from common import machine

from stilts.config import DataSettings, ModelSettings, Study
from stilts.data.specs import SetSpec

PAIR, SPAN, STRIDE = 128, 384, 128
SNLI, SQUAD = "snli/snli_1.0/snli_1.0_train.jsonl", "squad/train-v1.1.json"
LABELS = ["contradiction", "entailment", "neutral"]


def main() -> None:
    """Run both sides in turn and print the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder with a fast tokenizer")
    parser.add_argument("--data", required=True, help="folder with the official files of snli and squad")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("stilts", "peer"), help="for the benchmark itself: run one side on RAW")
    parser.add_argument("--out", help="for the benchmark itself")
    args = parser.parse_args()
    if args.side:
        (stilts if args.side == "stilts" else peer)(args.model, Path(args.data), Path(args.out), args.processes)
        return
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        write_raw(Path(args.data), raw, args.rows)
        seconds: dict[str, list[float]] = {"stilts": [], "peer": []}
        for number in range(args.rounds):
            for side, taken in seconds.items():
                taken.append(timed(side, args.model, raw, Path(folder) / f"{side}{number}", args.processes))
                print(f"{side}: {taken[-1]:.1f} s", file=sys.stderr, flush=True)
    rates = {side: args.rows / median(taken) for side, taken in seconds.items()}
    result = {"rows": args.rows, "processes": args.processes, "seconds": seconds, "rows_a_second": rates}
    print(json.dumps({**result, "ratio": rates["stilts"] / rates["peer"], "machine": machine()}, indent=1))


def write_raw(data: Path, raw: Path, rows: int) -> None:
    """Official files of SNLI and SQuAD with `rows` examples together."""
    for name in (SNLI, SQUAD):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
    text = (data / "snli/snli_1.0/snli_1.0_dev.jsonl").read_text(encoding="utf-8")
    lines = [line for line in map(json.loads, text.splitlines()) if line["gold_label"] in LABELS]
    with open(raw / SNLI, "w", encoding="utf-8") as out:
        for number in range(rows - rows // 2):
            out.write(json.dumps({**lines[number % len(lines)], "pairID": str(number)}) + "\n")
    articles = json.loads((data / "squad/dev-v1.1.json").read_text(encoding="utf-8"))["data"]
    (raw / SQUAD).write_text(json.dumps({"data": list(repeated(articles, rows // 2))}), encoding="utf-8")


def repeated(articles: list[Any], questions: int) -> Iterator[Any]:
    """The articles again and again under other titles, until there are enough questions."""
    left = questions
    for turn in count():
        for article in articles:
            paragraphs = []
            for paragraph in article["paragraphs"]:
                asked = [{**qa, "id": f"{qa['id']}-{turn}"} for qa in islice(paragraph["qas"], left)]
                left -= len(asked)
                paragraphs.append({"context": paragraph["context"], "qas": asked})
            yield {"title": f"{article.get('title', '')} {turn}", "paragraphs": paragraphs}
            if not left:
                return


def timed(side: str, model: str, raw: Path, out: Path, processes: int) -> float:
    """Seconds of one side, in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--model", model, "--data", str(raw), "--out", str(out)]
    began = time.perf_counter()
    subprocess.run([*command, "--processes", str(processes)], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def stilts(model: str, raw: Path, out: Path, processes: int) -> None:
    """What `stilts prepare` does, without a leak check: nothing is evaluated."""
    from stilts.data.prepare import prepare

    study = Study("speed", model=ModelSettings(model), data=DataSettings(root=str(raw), processes=processes))
    specs = [SetSpec("snli", "train", "en", "train", PAIR, 1), SetSpec("squad_v1", "train", "en", "train", SPAN, 1)]
    prepare(study, specs, out, progress=False)


def peer(model: str, raw: Path, out: Path, processes: int) -> None:
    """The same by `datasets`."""
    import datasets
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = datasets.load_dataset("json", data_files=str(raw / SNLI), split="train", cache_dir=str(out / "cache"))

    def pairs(batch: Any) -> Any:
        features = tokenizer(batch["sentence1"], batch["sentence2"], truncation=True, max_length=PAIR)
        features["label"] = [LABELS.index(label) for label in batch["gold_label"]]
        return features

    made = rows.map(pairs, batched=True, remove_columns=rows.column_names, num_proc=processes)
    made.save_to_disk(str(out / "snli"))
    questions = datasets.Dataset.from_list(flattened(raw / SQUAD))
    made = questions.map(
        lambda batch: windows(tokenizer, batch), batched=True, remove_columns=questions.column_names, num_proc=processes
    )
    made.save_to_disk(str(out / "squad"))


def flattened(path: Path) -> list[dict[str, Any]]:
    """One dict a question, as the hub has SQuAD."""
    return [
        {
            "id": qa["id"],
            "context": paragraph["context"],
            "question": qa["question"].strip(),
            "text": qa["answers"][0]["text"],
            "start": qa["answers"][0]["answer_start"],
        }
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def windows(tokenizer: Any, batch: Any) -> Any:
    """Windows with the positions of the answer, and the characters of each token of the context."""
    features = tokenizer(
        batch["question"],
        batch["context"],
        truncation="only_second",
        max_length=SPAN,
        stride=STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    starts, ends, firsts, lasts = [], [], [], []
    for i, example in enumerate(features.pop("overflow_to_sample_mapping")):
        offsets, owner = features["offset_mapping"][i], features.sequence_ids(i)
        first = batch["start"][example]
        last = first + len(batch["text"][example])
        begin, end = owner.index(1), len(owner) - 1 - owner[::-1].index(1)
        firsts.append([o[0] if s == 1 else -1 for o, s in zip(offsets, owner, strict=True)])
        lasts.append([o[1] if s == 1 else -1 for o, s in zip(offsets, owner, strict=True)])
        if offsets[begin][0] > first or offsets[end][1] < last:
            starts.append(0)
            ends.append(0)
            continue
        while begin < len(offsets) and offsets[begin][0] <= first:
            begin += 1
        while offsets[end][1] >= last:
            end -= 1
        starts.append(begin - 1)
        ends.append(end + 1)
    features.pop("offset_mapping")
    return {**features, "start": starts, "end": ends, "char_start": firsts, "char_end": lasts}


if __name__ == "__main__":
    main()
