"""What a study file and a run file may say: typed settings, each with its meaning and unit.

A study is what a person writes; `stilts.study.plan` expands it into run settings, which `train.py` reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stilts.kept_step import DESIGNS, TRUNK
from stilts.settings import load_yaml, read, setting

CLEAN = "clean"
STRATEGIES = ("proportional", "capped", "temperature", "uniform", "given")


@dataclass(frozen=True)
class ModelSettings:
    """The published encoder a study starts from."""

    name: str = setting("FacebookAI/xlm-roberta-large", "hub id or a folder in the Hugging Face layout")
    revision: str | None = setting(None, "hub revision (a commit id keeps a study reproducible)")
    dtype: str = setting("auto", "dtype the weights are loaded in", choices=("auto", "fp32", "bf16", "fp16"))


@dataclass(frozen=True)
class DataSettings:
    """Where raw data come from and how much of them is read."""

    root: str | None = setting(None, "folder with the official files, one folder a data set")
    files: dict[str, dict[str, dict[str, str]]] = setting(
        {}, "TASK: {SPLIT: {LANG: PATH}}; a relative path is looked for below root, then in the current folder"
    )
    limit: dict[str, dict[str, int]] = setting({}, "TASK: {SPLIT: N}: read the first N examples a language", minimum=1)
    mirror: str | None = setting(None, "folder laid out like hub repositories")
    revisions: dict[str, str] = setting({}, "TASK: revision of its hub repository (a commit id)")
    cache_dir: str | None = setting(None, "where prepared features are kept; default <study folder>/features")
    translations: str | None = setting(None, "folder that `stilts translate` wrote, looked in before root")
    processes: int | None = setting(
        None, "worker processes of `prepare`; default the CPUs at hand, one where there is little to do", minimum=1
    )
    exclude_overlap: bool = setting(False, "drop training articles that overlap an evaluation set instead of stopping")


@dataclass(frozen=True)
class Sampling:
    """How the task of each optimizer step is drawn."""

    strategy: str = setting(
        "proportional", "weight of a task: n | min(n, cap) | min(n, cap)^(1/T) | 1 | weights", STRATEGIES
    )
    cap: int = setting(131072, "largest size a task counts as (2^17; the paper's own value is unverified)", minimum=1)
    temperature: float = setting(2.0, "T of the temperature strategy", minimum=1e-6)
    weights: dict[str, float] = setting({}, "TASK: weight, for the strategy `given`", minimum=0)


@dataclass(frozen=True)
class Mlm:
    """Masked LM steps within the intermediate phase."""

    share: float = setting(0.1, "share of the optimizer steps; a recipe without tasks gives it all", minimum=0)
    languages: list[str] = setting([], "languages of the text; default those that the targets are scored in")
    learning_rate: float = setting(5e-6, "peak learning rate of the MLM steps (unverified)", minimum=0)
    exponent: float = setting(0.3, "a language is drawn by its rows to this power; 1 by size, 0 all alike", minimum=0)


@dataclass(frozen=True)
class Budget:
    """Length of the intermediate phase: give one."""

    steps: int | None = setting(None, "optimizer steps", minimum=1)
    examples: int | None = setting(None, "training rows over all tasks", minimum=1)
    epochs: float | None = setting(
        None, "passes over the mixture's rows; MLM text counts only in a recipe without tasks", minimum=0
    )


@dataclass(frozen=True)
class Recipe:
    """What one intermediate phase trains on; no task is the baseline."""

    name: str
    tasks: list[str] = setting([], "intermediate task ids; empty for the baseline")
    sampling: Sampling = setting(Sampling, "how steps are shared between the tasks")
    mlm: Mlm | None = setting(None, "continue masked LM beside the tasks")
    languages: list[str] = setting([], "languages of the intermediate data; default English")
    translated_from: str | None = setting(
        None, "language (en) the data were translated from; together the languages have as many rows as it has"
    )
    budget: Budget = setting(Budget, "length; default the preset's epochs")
    select: str = setting("last", "checkpoint that targets start from", choices=("last", "best", "none"))
    keep_steps: list[int] = setting(
        [], "optimizer steps after which targets start, each a recipe RECIPE@STEP@DESIGN; 0 is the baseline", minimum=0
    )
    design: str = setting(
        TRUNK,
        "how keep_steps come about: one run at a constant rate with a branch from each step whose rate falls to 0, the "
        "models of one run whose rate falls all the while, or a whole run for each step",
        DESIGNS,
    )
    cooldown: float = setting(0.1, "steps of a branch of trunk_cooldown, as a share of its kept step", minimum=0.001)
    seeds: list[int] = setting([], "seeds of this recipe; default the study's", minimum=0)


@dataclass(frozen=True)
class RetrievalSettings:
    """How a sentence becomes a vector where nothing is trained for retrieval."""

    layer: int | None = setting(None, "hidden state to pool (0 = embeddings); default round(14 L / 24)", minimum=0)
    pooling: str = setting("mean", "mean over the attention mask, or the first token", choices=("mean", "cls"))
    query_side: str = setting(
        "english", "side that asks: jiant's English, or the other language", choices=("english", "language")
    )
    tuned_on: str | None = setting(None, "training task whose fine-tuned model is used; default none")


@dataclass(frozen=True)
class TargetTask:
    """What differs from the preset for one target task. `null` means the preset's value."""

    train: list[str] | None = setting(None, "chain of training tasks; default the task's own")
    init_head: str = setting("fresh", "start with a fresh head or reuse the start model's", choices=("fresh", "reuse"))
    epochs: float | None = setting(None, "passes over the training rows", minimum=0)
    max_steps: int | None = setting(None, "optimizer steps, instead of epochs", minimum=1)
    learning_rate: float | None = setting(None, "peak learning rate", minimum=0)
    warmup: float | None = setting(None, "share of the steps (below 1) or number of steps", minimum=0)
    weight_decay: float | None = setting(None, "AdamW decay, not on biases and LayerNorm", minimum=0)
    batch_size: int | None = setting(None, "training rows an optimizer step", minimum=1)
    max_length: int | None = setting(None, "longest sequence in tokens", minimum=8)
    select: str | None = setting(None, "checkpoint that is scored", choices=("last", "best"))
    retrieval: RetrievalSettings = setting(RetrievalSettings, "for retrieval tasks")


@dataclass(frozen=True)
class Target:
    """The target phase: which tasks and languages are scored."""

    tasks: list[str] = setting([], "target task ids; default all of the benchmark")
    languages: list[str] | dict[str, list[str]] = setting([], "languages, or TASK: languages; default all of each task")
    benchmark: str = setting("xtreme", "decides languages, groups and averages", choices=("xtreme", "xtreme_r"))
    per_task: dict[str, TargetTask] = setting({}, "TASK: what differs from the preset")
    seeds: list[int] = setting([], "seeds of the fine-tunes; default the study's", minimum=0)
    keep_models: bool = setting(
        True, "keep the models of target runs; false removes each when all is scored and no other run starts from it"
    )


@dataclass(frozen=True)
class Condition:
    """Noisy inputs: `noise`, a kind of it, at one `level` (share of characters or words, above 0 and at most 1)."""

    noise: str
    level: float
    seeds: list[int] = setting([1, 2, 3], "noise seeds, each scored", minimum=0)
    where: str | None = setting(
        None,
        "span tasks: the question (default), the context outside the gold answers, or both; retrieval: the query"
        " (default) or both sides; other tasks: all inputs",
        choices=("question", "context", "query", "both"),
    )
    tasks: list[str] = setting([], "target tasks it is for; default all")
    languages: list[str] = setting([], "languages it is for; default all that are scored")
    dictionary: str | None = setting(
        None, "of code_switch: a file with a word and its translation a line (MUSE); {language} stands for the code"
    )

    @property
    def name(self) -> str:
        """As score rows name it: `KIND@LEVEL`, and `@WHERE` where that is given."""
        return f"{self.noise}@{self.level:g}" + (f"@{self.where}" if self.where else "")


@dataclass(frozen=True)
class TwoByTwo:
    """What recipes named matched-english, matched-near, mismatched-english and mismatched-near are compared on."""

    near: list[str] = setting([], "languages that the near recipes' language is near to; default all that are scored")
    targets: list[str] = setting([], "targets whose domain the matched recipes have; default all")


@dataclass(frozen=True)
class Evaluation:
    """What is scored, and on which set checkpoints are chosen."""

    split: str = setting("dev", "reported split", choices=("dev", "test"))
    selection: str = setting("english_dev", "set that `best` looks at", choices=("english_dev", "all_language_dev"))
    conditions: list[str | Condition] = setting(
        [CLEAN], "input conditions: clean, and kinds of noise with their levels"
    )
    domain: bool | TwoByTwo = setting(
        False,
        "measure how far each intermediate task's data are from each target's (results/domain.csv); a mapping says too "
        "where the 2 x 2 of domain and language is scored",
    )


@dataclass(frozen=True)
class Training:
    """Optimization. In a study, `null` means the preset's value; in a run file every value is set."""

    preset: str = setting("jiant", "hyper-parameters of the literature", choices=("jiant", "xtreme"))
    batch_size: int | None = setting(None, "training rows an optimizer step, over all ranks", minimum=1)
    micro_batch_tokens: int | None = setting(
        None, "tokens a forward pass on one rank; default 8192 on a CPU, on a GPU what its memory holds", minimum=1
    )
    optimizer: str = setting("adamw", "AdamW, or plain SGD", choices=("adamw", "sgd"))
    learning_rate: float | None = setting(None, "peak learning rate", minimum=0)
    warmup: float | None = setting(None, "share of the steps (below 1) or number of steps", minimum=0)
    weight_decay: float | None = setting(None, "AdamW decay, not on biases and LayerNorm", minimum=0)
    adam_epsilon: float = setting(1e-8, "AdamW epsilon", minimum=0)
    max_grad_norm: float = setting(1.0, "clip the gradient to this norm; 0 does not clip", minimum=0)
    max_steps: int | None = setting(None, "optimizer steps, instead of epochs", minimum=1)
    epochs: float | None = setting(None, "passes over the training rows", minimum=0)
    max_length: int | None = setting(None, "longest sequence in tokens", minimum=8)
    select: str | None = setting(None, "checkpoint that is kept", choices=("last", "best"))
    dropout: float | None = setting(None, "dropout everywhere; default the model's own", minimum=0)
    precision: str = setting("bf16", "bf16, fp16 (needs a GPU) or fp32", choices=("bf16", "fp16", "fp32"))
    layerwise_lr_decay: float = setting(
        1.0, "factor of the learning rate from each layer to the one below it; 1 gives all the same", minimum=0
    )
    freeze_embeddings: bool = setting(False, "leave word, position and type embeddings as they are")
    average_last: int = setting(1, "export the mean of the last N models, save_every steps apart", minimum=1)
    gradient_checkpointing: bool | int = setting(
        False, "recompute activations in the backward pass: of all layers, or of the first N", minimum=0
    )
    deterministic: bool = setting(False, "deterministic kernels only, also on a GPU (slower)")
    validate_every: int = setting(1000, "steps between validations where `best` is chosen", minimum=1)
    validation_examples: int | None = setting(500, "examples a validation set; null for all", minimum=1)
    patience: int = setting(30, "validations without a better score before a run ends; 0 never ends it", minimum=0)
    save_every: int = setting(500, "steps between checkpoints; 0 saves none", minimum=0)
    keep_last: int = setting(2, "checkpoints that a run keeps to go on from", minimum=1)
    keep_every: int = setting(
        0, "steps between checkpoints that stay for good (a finished target run keeps its model only)", minimum=0
    )
    stop_after: float | None = setting(
        None, "stop with a checkpoint (exit code 75) so many seconds after the start of a run's process", minimum=0
    )
    save_grace: float = setting(
        60.0, "seconds that a rank whose launcher is gone, or a study that is stopped, has to save", minimum=1
    )
    max_bad_steps: int = setting(3, "steps in a row whose loss or gradient is not finite that end a run", minimum=1)
    step_timeout: float | None = setting(
        None,
        "seconds a step may take until the run is ended; default 20 times the slowest, at least 600",
        minimum=1,
    )
    collective_timeout: float = setting(1800.0, "seconds a rank waits for the others before it fails", minimum=1)
    log_every: int = setting(10, "steps between log lines", minimum=1)


@dataclass(frozen=True)
class Launch:
    """How runs are started on this machine or cluster."""

    backend: str = setting(
        "local", "what `stilts retry` starts runs on: this machine or Slurm", choices=("local", "slurm")
    )
    profile: str | None = setting(
        None, "the cluster's settings for `stilts submit`: a file, or the name of one in slurm/profiles/"
    )
    processes: int = setting(1, "ranks a run and node", minimum=1)
    nodes: int = setting(1, "nodes an intermediate run, unless the profile says", minimum=1)
    parallel_runs: int = setting(1, "runs at the same time on this machine", minimum=1)
    gpu_memory_gib: float = setting(80.0, "memory of one GPU, in GiB, that `stilts plan` compares with", minimum=1)
    tflops: float = setting(150.0, "sustained TFLOP/s of one GPU that the plan's GPU-hours assume", minimum=0.001)


@dataclass(frozen=True)
class Study:
    """A whole study file."""

    name: str
    output_dir: str = setting("outputs", "folder that holds <name>/")
    model: ModelSettings = setting(ModelSettings, "the encoder")
    data: DataSettings = setting(DataSettings, "raw data")
    intermediate: list[Recipe] = setting([], "recipes")
    target: Target = setting(Target, "target tasks")
    evaluation: Evaluation = setting(Evaluation, "scoring")
    training: Training = setting(Training, "optimization, for all runs")
    deepspeed: dict[str, Any] = setting(
        {"config": "zero2"}, "config: FILE or the name of one in ds_configs/, and overrides"
    )
    launch: Launch = setting(Launch, "processes")
    seeds: list[int] = setting([1], "seeds of both phases, unless a phase gives its own", minimum=0)

    @property
    def folder(self) -> Path:
        """`<output_dir>/<name>`, which holds everything the study writes."""
        return Path(self.output_dir) / self.name


@dataclass(frozen=True)
class SetRef:
    """One prepared set: the features of a task's split in one language."""

    task: str
    split: str
    language: str
    folder: str = setting("", "below the study's feature folder")

    @property
    def name(self) -> str:
        """Task, split and language, as messages and a score row's `selection` name a set."""
        return f"{self.task}/{self.split}/{self.language}"


@dataclass(frozen=True)
class NoisySetRef(SetRef):
    """One prepared set with noisy inputs."""

    condition: str = setting(CLEAN, "name of its condition")
    noise_seed: int = setting(0, "seed of its noise")

    @property
    def name(self) -> str:
        """Task, split, language, condition and seed."""
        return f"{self.task}/{self.split}/{self.language} {self.condition} seed {self.noise_seed}"


def condition_of(ref: SetRef) -> tuple[str, int | None]:
    """Name of the condition and noise seed of a prepared set, as a score row has them."""
    return (ref.condition, ref.noise_seed) if isinstance(ref, NoisySetRef) else (CLEAN, None)


@dataclass(frozen=True)
class RunSettings:
    """One run: everything `train.py` needs. Written to `runs/<run>/run.yaml` by the plan."""

    study: str
    run: str
    kind: str
    recipe: str
    seeds: dict[str, int | None]
    settings_hash: str
    trains_on: list[str] = setting([], "training tasks of this run")
    evaluates: list[str] = setting([], "target tasks scored by this run")
    needs: list[str] = setting([], "runs that must be done before")
    model: ModelSettings = setting(ModelSettings, "the published encoder")
    init_run: str | None = setting(None, "run whose exported model this one starts from; null: the published weights")
    init_hash: str | None = setting(None, "settings_hash of init_run or branch_run")
    init_step: int | None = setting(None, "step of init_run whose model is meant; null: its own, after the last one")
    init_head: str = setting("fresh", "fresh or reused heads", choices=("fresh", "reuse"))
    branch_run: str | None = setting(None, "run that this one goes on from, with its optimizer, instead of starting")
    branch_step: int | None = setting(None, "optimizer step of branch_run after which this one goes on")
    features: str = setting("../../features", "feature folder, relative to the run's folder")
    train_sets: list[SetRef] = setting([], "training sets")
    selection_sets: list[SetRef] = setting([], "sets that `best` is chosen by")
    evaluation_sets: list[SetRef] = setting([], "sets that are scored")
    noisy_sets: list[NoisySetRef] = setting([], "sets with noisy inputs that are scored, too")
    support_sets: list[SetRef] = setting([], "sets read to score others: they tune a threshold, or are searched")
    sampling: Sampling = setting(Sampling, "mixture of the training tasks")
    mlm: Mlm | None = setting(None, "masked LM among the training tasks; share and languages set")
    translated_from: str | None = setting(None, "language that training sets in other languages were translated from")
    budget: Budget = setting(Budget, "length where training.max_steps and epochs do not say")
    decay_from: int | None = setting(
        None, "optimizer step from which the rate falls to 0 at the last one; null: from the end of the warm-up"
    )
    branch_steps: list[int] = setting([], "steps whose checkpoint stays for the runs that go on from it")
    snapshot_steps: list[int] = setting([], "steps whose model is exported to snapshots/, beside the last one")
    kept_step: int | None = setting(None, "step that score rows name; null: the steps of the model that is scored")
    training: Training = setting(Training, "optimization; every value set")
    retrieval: dict[str, RetrievalSettings] = setting({}, "TASK: how sentences become vectors")
    deepspeed: dict[str, Any] = setting({"config": "zero2"}, "DeepSpeed configuration and overrides")
    keep_model: bool = setting(True, "keep model/ when all is scored; no other run may start from it otherwise")
    allow_drift: list[str] = setting([], "settings (with those below them) that may differ from its checkpoints'")

    @property
    def seed(self) -> int:
        """The seed of this run's own phase; 0 where nothing is random."""
        own = self.seeds["intermediate" if self.kind == "intermediate" else "target"]
        return 0 if own is None else own


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read and check a study file. Raises InputError naming the key that is wrong."""
    return read(Study, load_yaml(Path(path), overrides), "")


def load_run(path: str | Path, overrides: Sequence[str] = ()) -> RunSettings:
    """Read a run file; overrides give it a settings_hash of its own. Raises InputError naming the wrong key."""
    settings = read(RunSettings, load_yaml(Path(path), overrides), "")
    if overrides:  # what comes out is not the plan's run: its scores and its model must not pass for it
        facts = " ".join([settings.settings_hash, *sorted(overrides)])
        settings = replace(settings, settings_hash=hashlib.sha256(facts.encode()).hexdigest()[:12])
    return settings
