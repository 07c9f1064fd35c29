"""A checkpoint answers problems in the calling process: states rendered, seeded and sampled as in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rise_core.answering.renderer import Renderer
from rise_core.config.keys import Config
from rise_core.engine.local_engine import LocalEngine
from rise_core.engine.settings import learner_options
from rise_core.errors import UserError
from rise_core.method.dialogue import state_ids
from rise_core.method.episode import State, WorkUnit, request_seed
from rise_core.models import folder
from rise_core.records import EVAL_SPLIT, Checkpoint, Problem, Purpose, SampleRequest, SamplingSettings


class LocalLearner:
    """A checkpoint on a vLLM engine in the calling process, as in the run's evaluation.

    learner = LocalLearner(config, checkpoint, iteration)
    learner.start()
    first = learner.respond(problem)
    second = learner.respond(problem, [first])
    """

    def __init__(self, config: Config, checkpoint: Checkpoint, iteration: int) -> None:
        """Load the tokenizer. The engine starts with `start`.

        Args:
            config: The run's config: dialogue, lengths, seed, and the sampling of `eval`.
            iteration: The checkpoint's iteration, part of every seed.
        """
        from transformers.utils.logging import set_verbosity_error  # here: the import takes seconds

        set_verbosity_error()  # transformers warns of a long problem; `check_length` refuses it in one line
        self.config, self.checkpoint, self.iteration = config, checkpoint, iteration
        self.tokenizer: Any = folder.load_tokenizer(Path(checkpoint.weights_dir))
        self.renderer = Renderer(self.tokenizer, config)
        self._engine: LocalEngine | None = None

    def check_length(self, problem: Problem) -> None:
        """Raise UserError for a problem too long to leave room for a response."""
        length = len(state_ids(self.tokenizer, problem.problem, [], self.config.dialogue))
        if length > self.renderer.prompt_budget:
            raise UserError(
                f"the problem has {length} tokens, over the run's engine.max_model_len - collect.max_new_tokens"
                f" = {self.renderer.prompt_budget}: shorten it"
            )

    def start(self) -> None:
        """Start the engine. Blocks for seconds. Raises EngineLost when the engine cannot start."""
        self._engine = LocalEngine(checkpoint=self.checkpoint, **learner_options(self.config))

    def respond(self, problem: Problem, earlier: Sequence[str] = ()) -> str:
        """Sample the next response to a problem.

        Args:
            earlier: The responses of the earlier turns, oldest first.

        Raises:
            UserError: A problem too long to leave room for a response.
        """
        if self._engine is None:
            raise RuntimeError("no engine: call start before respond")
        self.check_length(problem)
        [(_, prompt_ids)] = self.renderer.render([State(problem, tuple(earlier))])
        unit = WorkUnit(self.iteration, Purpose.EVAL_SEQUENTIAL, EVAL_SPLIT, 0, turn=len(earlier) + 1)
        seed = request_seed(self.config.seed, unit, problem.problem_id)
        [completions] = self._engine.sample([SampleRequest(prompt_ids, 1, seed)], self._sampling_settings())
        [response] = self.renderer.decode(completions)
        return response.text

    def _sampling_settings(self) -> SamplingSettings:
        evaluation = self.config.eval
        stop = folder.stop_token_ids(Path(self.checkpoint.weights_dir), self.tokenizer)
        return SamplingSettings(evaluation.temperature, evaluation.top_p, self.config.collect.max_new_tokens, stop)
