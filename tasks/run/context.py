"""A run as the stages see it: an object with the run's data, and the services for answering and grading."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from rise_core.answering.renderer import Renderer
from rise_core.models import folder
from rise_core.records import Checkpoint
from rise_core.verifiers.grading_pool import GradingPool
from storage.checkpoints import open_checkpoint
from storage.home import Home
from storage.lake import Lake
from tasks.run.answering import Answering
from tasks.run.inputs import Inputs
from tasks.run.progress import Progress
from tasks.run.workload import Workload


class RunContext:
    """An advance of a run by some iterations, or an evaluation.

    A plain class and not a dataclass: Prefect copies dataclasses field by field on the way into a task.
    """

    def __init__(self, inputs: Inputs, home: Home, lake: Lake, goal: int) -> None:
        """Start nothing yet.

        Args:
            goal: The iteration to reach; for an evaluation, the iteration to evaluate.
        """
        self.name, self.config, self.split = inputs.run, inputs.config, inputs.split
        self.home, self.lake, self.goal = home, lake, goal
        self.folder = home.run_folder(inputs.run)
        self.workload = Workload(inputs.config, inputs.problems, inputs.split)
        self.progress = Progress(inputs.run)
        self._verified: set[str] = set()  # checkpoints whose files were verified
        verify = inputs.config.verify
        self.graders = GradingPool(verify.verifier, verify.workers, verify.timeout)
        self.answering = Answering(inputs.config, inputs.run, self.folder)

    def checkpoint(self, iteration: int) -> Checkpoint:
        """The folders of an iteration's checkpoint, their files verified once."""
        return open_checkpoint(self.home.path, self.lake, self.name, iteration, self._verified)

    @cached_property
    def base_folder(self) -> Path:
        """The model folder of iteration 0: weights, tokenizer and chat template."""
        return Path(self.checkpoint(0).weights_dir)

    @cached_property
    def renderer(self) -> Renderer:
        """The rendering shared by sampling, training and evaluation."""
        return Renderer(folder.load_tokenizer(self.base_folder), self.config)

    @cached_property
    def stop_token_ids(self) -> tuple[int, ...]:
        """The tokens at the end of a response."""
        return folder.stop_token_ids(self.base_folder, self.renderer.tokenizer)

    def close(self) -> None:
        """End the grading processes, the engines and the teacher; calls in flight fail."""
        self.graders.close()
        self.answering.close()
