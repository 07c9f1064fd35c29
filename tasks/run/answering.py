"""The policies of a run: engines with a checkpoint, a teacher, and the worked solutions."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger

from rise_core.answering.policies import GoldPolicy, LearnerPolicy, Policy, TeacherPolicy
from rise_core.answering.renderer import Renderer
from rise_core.config.choices import PolicyKind
from rise_core.config.keys import Config
from rise_core.engine.engine_processes import EngineProcesses
from rise_core.engine.pool import EnginePool
from rise_core.engine.settings import learner_options
from rise_core.records import Checkpoint
from tasks.run.teacher_key import api_key

if TYPE_CHECKING:
    from rise_core.answering.endpoint import Endpoint
    from rise_core.answering.local_teacher import LocalTeacher


class Answering:
    """Starts each policy at the first turn, and makes room for training."""

    def __init__(self, config: Config, run: str, folder: Path) -> None:
        """Start nothing yet.

        Args:
            folder: The run's folder; holds the teacher's ledger or model.
        """
        self._config, self._run, self._folder = config, run, folder
        self._processes: EngineProcesses | None = None
        self.engines: EnginePool | None = None
        self.teacher: Endpoint | LocalTeacher | None = None

    def start_processes(self) -> None:
        """Start the engines' processes, which import vLLM while other work goes on. Ray must be connected."""
        self._processes = EngineProcesses(self._config.engine, self._run)

    def start(self, kinds: Collection[PolicyKind], checkpoint: Checkpoint) -> None:
        """Make the policies of some turns ready; the learner answers with `checkpoint`."""
        if PolicyKind.learner in kinds:
            self.serve(checkpoint)
        if PolicyKind.teacher in kinds and self.teacher is None:
            get_run_logger().info("teacher: %s", self._config.teacher.model)
            self.teacher = open_teacher(self._config, self._run, self._folder)

    def serve(self, checkpoint: Checkpoint) -> EnginePool:
        """Serve a checkpoint with the engines; the first call starts them."""
        if self.engines is None:
            replicas = self._config.engine.replicas
            get_run_logger().info("starting %d vLLM engine(s) with checkpoint %s", replicas, checkpoint.checkpoint_id)
            spare = self._processes.take if self._processes is not None else None
            options = learner_options(self._config)
            self.engines = EnginePool(checkpoint=checkpoint, name=self._run, spare=spare, **options)
        else:
            self.engines.use(checkpoint)
        return self.engines

    def policy(self, kind: PolicyKind, renderer: Renderer) -> Policy:
        """The policy of a kind. Raises RuntimeError where `start` did not make it ready."""
        if kind is PolicyKind.gold:
            return GoldPolicy(renderer)
        if kind is PolicyKind.teacher and self.teacher is not None:
            return TeacherPolicy(self.teacher, renderer)
        if kind is PolicyKind.learner and self.engines is not None:
            return LearnerPolicy(self.engines, renderer)
        raise RuntimeError(f"policy {kind} is not started")

    def pause(self) -> None:
        """Free the engines' GPUs before training, and end the teacher."""
        if self.teacher is not None:
            get_run_logger().info("teacher: %s", self.teacher.account)
            self.teacher.close()
            self.teacher = None
        if self.engines is not None:
            self.engines.release()

    def resume(self) -> None:
        """Give the engines their GPUs back after training."""
        if self.engines is not None:
            self.engines.resume()

    def close(self) -> None:
        """End the teacher, the engines and their processes, each also where another fails to end."""
        with ExitStack() as closing:  # ends in reverse order
            for service in (self._processes, self.engines, self.teacher):
                if service is not None:
                    closing.callback(service.close)


def open_teacher(config: Config, run: str, folder: Path) -> Endpoint | LocalTeacher:
    """Open the teacher of a run: a client of an endpoint, or separate engines.

    Raises:
        UserError: The endpoint's key is missing, or Ray has too few GPUs for the teacher's engines.
    """
    # The endpoint's client and the second model's engines are imported only by runs with a teacher.
    if config.teacher.base_url is not None:
        from rise_core.answering.endpoint import Endpoint

        return Endpoint(config.teacher, api_key(config.teacher), folder / "teacher.sqlite")
    from rise_core.answering.local_teacher import LocalTeacher
    from rise_core.engine.request_checks import check_gpus

    check_gpus(config.teacher.engine, beside=config.engine)
    return LocalTeacher(config, folder / "teacher", f"{run}-engine-teacher")
