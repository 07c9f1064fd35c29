"""Stalls: an engine and a grading process live on under SIGSTOP and answer nothing."""

from __future__ import annotations

from signal import SIGSTOP

from tests.faults.profile import RUN
from tests.faults.suite import fault
from tests.faults.trial import Trial
from tests.flows.moments import sampled


@fault("engine-stopped", "an engine that stops answering without dying (SIGSTOP; engine.timeout=20)")
def engine_stopped(trial: Trial) -> None:
    trial.copy_base()
    trial.start("engine.timeout=20")
    trial.until(sampled(RUN, "collect-1-*"), after=2.0)
    trial.signal(["ray::EngineActor"], SIGSTOP)


@fault("grader-stopped", "a grading process that hangs (SIGSTOP)")
def grader_stopped(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=2.0)
    trial.signal(["multiprocessing.spawn"], SIGSTOP)
