"""One problem's states answered by a checkpoint in this process: rendered, seeded and sampled as in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rise_core.config import Config
from rise_core.dialogue import state_ids
from rise_core.engine.local import LocalEngine
from rise_core.engine.settings import learner
from rise_core.episode import ShardTurn, State, request_seed
from rise_core.errors import UserError
from rise_core.models import folder
from rise_core.records import EVAL_SPLIT, Policy, Problem, Purpose, SampleRequest, SamplingSettings
from rise_core.wording import Wording


class Learner:
    """A policy that answers `problem` turn by turn. `config` gives dialogue, lengths, seed and the eval sampling."""

    def __init__(self, config: Config, policy: Policy, iteration: int, problem: Problem) -> None:
        """Load the tokenizer. Raises UserError for a problem that leaves no room for a response."""
        from transformers.utils.logging import set_verbosity_error

        set_verbosity_error()  # it would warn of a long problem, which is refused here in one line
        self.config, self.policy, self.iteration, self.problem = config, policy, iteration, problem
        self.tokenizer: Any = folder.load_tokenizer(Path(policy.weights_dir))
        self.wording = Wording(self.tokenizer, config)
        self.engine: LocalEngine | None = None
        length = len(state_ids(self.tokenizer, problem.problem, [], config.dialogue))
        if length > self.wording.budget:
            raise UserError(
                f"the problem has {length} tokens, over the run's engine.max_model_len - collect.max_new_tokens"
                f" = {self.wording.budget}: shorten it"
            )

    def start(self) -> None:
        """Start the engine."""
        self.engine = LocalEngine(policy=self.policy, **learner(self.config))

    def ask(self, earlier: Sequence[str], turn: int) -> str:
        """The response at `turn` (from 1), after the earlier responses, oldest first."""
        if self.engine is None:
            raise RuntimeError("no engine: call start before ask")
        [(_, prompt)] = self.wording.states([State(self.problem, tuple(earlier))])
        key = ShardTurn(self.iteration, Purpose.EVAL_SEQUENTIAL, EVAL_SPLIT, 0, turn)
        seed = request_seed(self.config.seed, key, self.problem.problem_id)
        [[completion]] = self.engine.sample([SampleRequest(prompt, 1, seed)], self.sampling())
        return self.wording.texts([completion.token_ids])[0]

    def sampling(self) -> SamplingSettings:
        ev = self.config.eval
        stop = folder.stop_token_ids(Path(self.policy.weights_dir), self.tokenizer)
        return SamplingSettings(ev.temperature, ev.top_p, self.config.collect.max_new_tokens, stop)
