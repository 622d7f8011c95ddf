"""Pretrains the sample's encoder by this project's own masked LM, and keeps the result for the next call.

Half of the lines of an invented language end with their English translation, so the model learns to translate words
(translation LM, Conneau & Lample 2019) and what it learns in English later carries over. A random encoder would show
shared words and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stilts.config import DataSettings, Launch, Mlm, ModelSettings, RunSettings, SetRef, Training
from stilts.drift import decisive_training
from stilts.errors import StiltsError
from stilts.sample.writer import CORPUS

MAX_LENGTH = 128
TRAINING = Training(
    batch_size=48,
    learning_rate=3e-3,
    warmup=0.1,
    weight_decay=0.01,
    max_steps=1500,
    epochs=1.0,
    max_length=MAX_LENGTH,
    select="last",
    dropout=0.0,
    precision="fp32",
    save_every=0,
    log_every=100,
)
PROCESSES = 2
VERSION = 1
"""Raised when pretraining changes in a way that the settings and the text do not show."""


def pretrain(folder: Path, random: Path, root: Path, languages: Sequence[str], seed: int) -> None:
    """Write the pretrained model to `folder`, from the cache if these text, weights and settings were run before.

    Args:
        random: the model to start from.
        root: holds the text (`mlm_text/`).
        languages: codes.

    Raises:
        StiltsError: the run failed.
        Stopped: SIGINT or SIGTERM arrived; its processes have ended.
    """
    key = _key(random, root, languages, seed)
    kept = cache_folder() / key
    if (kept / "config.json").is_file():
        print(f"pretrained model: from {kept}", file=sys.stderr)
        shutil.copytree(kept, folder)
        return
    began = time.monotonic()
    print(f"pretraining: {TRAINING.max_steps} steps on the text of {len(languages)} languages", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="stilts-sample-") as temporary:
        run = _run(Path(temporary), random, root, languages, seed, key)
        _convert(run / "model", random, folder)
    print(f"pretrained in {time.monotonic() - began:.0f} s", file=sys.stderr)
    _keep(folder, kept)


def cache_folder() -> Path:
    """Where pretrained models are kept: below XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stilts" / "sample"


def _key(random: Path, root: Path, languages: Sequence[str], seed: int) -> str:
    """Names everything that the result depends on."""
    import torch

    facts = [VERSION, decisive_training(TRAINING), PROCESSES, seed, torch.__version__]
    digest = hashlib.sha256(json.dumps(facts).encode())
    files = [random / "model.safetensors", random / "tokenizer.json", *(_text(root, code) for code in languages)]
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _text(root: Path, code: str) -> Path:
    return root / CORPUS / f"{code}.txt"


def _run(folder: Path, random: Path, root: Path, languages: Sequence[str], seed: int, key: str) -> Path:
    """One run with masked LM alone, by train.py; returns its folder."""
    import yaml

    from stilts.settings import plain

    run = folder / "runs" / "pretraining"
    run.mkdir(parents=True)
    settings = RunSettings(
        study="sample",
        run=run.name,
        kind="intermediate",
        recipe="mlm",
        seeds={"intermediate": seed, "target": None},
        settings_hash=key[:12],
        trains_on=["mlm"],
        model=ModelSettings(name=str(random.resolve())),
        train_sets=_features(folder / "features", random, root, languages),
        mlm=Mlm(share=1.0, languages=list(languages), learning_rate=float(TRAINING.learning_rate or 0), exponent=1.0),
        training=TRAINING,
        deepspeed={"config": "zero0"},
    )
    (run / "run.yaml").write_text(yaml.safe_dump(plain(settings)), encoding="utf-8")
    _execute(run)
    return run


def _execute(run: Path) -> None:
    """Start the run on the CPU and wait for its end, with a bar on a terminal."""
    from stilts.run_logs import LAUNCHER_LOG, last_line
    from stilts.status import recorded_status
    from stilts.study.launcher import command, environment, trainer_path
    from stilts.study.local import POLL
    from stilts.study.processes import end, settle, start
    from stilts.study.progress import Progress
    from stilts.study.stopping import stop_signals

    # one thread a process: the model is too small for more, and the result is the same on every machine of a kind
    variables = {**environment(Launch(processes=PROCESSES), os.getpid()), "OMP_NUM_THREADS": "1"}
    words = command(trainer_path(), run / "run.yaml", PROCESSES, [])
    with stop_signals(), Progress(sys.stderr) as progress:
        started = start(run.name, 0, run, words, {**variables, "DS_ACCELERATOR": "cpu"})
        try:
            while started.process.poll() is None:
                progress.update({run.name: recorded_status(run)})
                time.sleep(POLL)
        except BaseException:
            end([started])
            raise
        settle(started)
    status = recorded_status(run)
    if status.state != "done":
        raise StiltsError(f"the sample's pretraining {status.state}: {status.error or last_line(run / LAUNCHER_LOG)}")


def _features(folder: Path, random: Path, root: Path, languages: Sequence[str]) -> list[SetRef]:
    from transformers import AutoTokenizer

    from stilts.data.sources import read_examples
    from stilts.data.store import write_set
    from stilts.formats import get_format
    from stilts.tasks import MLM

    tokenizer, refs = AutoTokenizer.from_pretrained(random), []
    for code in languages:
        examples, _ = read_examples(MLM, "train", code, DataSettings(root=str(root)))
        rows = get_format(MLM.format).features(MLM, examples, tokenizer, MAX_LENGTH, training=True)
        refs.append(SetRef(MLM.name, "train", code, f"{MLM.name}/{code}"))
        write_set(folder / refs[-1].folder, MLM.format, examples, rows, {})
    return refs


def _convert(exported: Path, random: Path, folder: Path) -> None:
    """The run's export with its LM head, as a published model."""
    from safetensors.torch import load_file

    from stilts.sample.model import write_with_weights

    heads = load_file(str(exported / "heads.safetensors"))
    head = {name.removeprefix("mlm."): value for name, value in heads.items() if name.startswith("mlm.")}
    write_with_weights(folder, random, load_file(str(exported / "model.safetensors")), head)


def _keep(folder: Path, kept: Path) -> None:
    """Put a copy into the cache by one rename; a cache that cannot be written is no failure."""
    temporary = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, temporary)
        temporary.rename(kept)
    except OSError as error:
        print(f"not kept for the next call: {error}", file=sys.stderr)
        shutil.rmtree(temporary, ignore_errors=True)
