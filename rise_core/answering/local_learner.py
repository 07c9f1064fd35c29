"""One problem's states answered by a checkpoint in this process: rendered, seeded and sampled as in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rise.core.answering.renderer import Renderer
from rise.core.config.keys import Config
from rise.core.engine.local_engine import LocalEngine
from rise.core.engine.settings import learner_options
from rise.core.errors import UserError
from rise.core.method.dialogue import state_ids
from rise.core.method.episode import State, WorkUnit, request_seed
from rise.core.models import folder
from rise.core.records import EVAL_SPLIT, Checkpoint, Problem, Purpose, SampleRequest, SamplingSettings


class LocalLearner:
    """A policy that answers `problem` turn by turn. `config` gives dialogue, lengths, seed and the eval sampling."""

    def __init__(self, config: Config, policy: Checkpoint, iteration: int, problem: Problem) -> None:
        """Load the tokenizer. Raises UserError for a problem that leaves no room for a response."""
        from transformers.utils.logging import set_verbosity_error

        set_verbosity_error()  # it would warn of a long problem, which is refused here in one line
        self.config, self.policy, self.iteration, self.problem = config, policy, iteration, problem
        self.tokenizer: Any = folder.load_tokenizer(Path(policy.weights_dir))
        self.renderer = Renderer(self.tokenizer, config)
        self.engine: LocalEngine | None = None
        length = len(state_ids(self.tokenizer, problem.problem, [], config.dialogue))
        if length > self.renderer.prompt_budget:
            raise UserError(
                f"the problem has {length} tokens, over the run's engine.max_model_len - collect.max_new_tokens"
                f" = {self.renderer.prompt_budget}: shorten it"
            )

    def start(self) -> None:
        """Start the engine."""
        self.engine = LocalEngine(checkpoint=self.policy, **learner_options(self.config))

    def ask(self, earlier: Sequence[str], turn: int) -> str:
        """The response at `turn` (from 1), after the earlier responses, oldest first."""
        if self.engine is None:
            raise RuntimeError("no engine: call start before ask")
        [(_, prompt)] = self.renderer.render([State(self.problem, tuple(earlier))])
        key = WorkUnit(self.iteration, Purpose.EVAL_SEQUENTIAL, EVAL_SPLIT, 0, turn)
        seed = request_seed(self.config.seed, key, self.problem.problem_id)
        [[completion]] = self.engine.sample([SampleRequest(prompt, 1, seed)], self.sampling())
        return self.renderer.decode([completion])[0].text

    def sampling(self) -> SamplingSettings:
        ev = self.config.eval
        stop = folder.stop_token_ids(Path(self.policy.weights_dir), self.tokenizer)
        return SamplingSettings(ev.temperature, ev.top_p, self.config.collect.max_new_tokens, stop)
