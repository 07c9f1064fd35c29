"""Kills of processes: the engine, the trainer, Ray's own, and the flow's process at every kind of commit."""

from __future__ import annotations

import sys
from signal import SIGKILL

from tests.faults.profile import RUN
from tests.faults.suite import fault
from tests.faults.trial import Trial
from tests.flows.command import living
from tests.flows.moments import sampled

# Every kind of commit of a run, by words of the message.
COMMITS = (
    "iteration=0 stage=prepare new run",
    "iteration=0 stage=prepare problems",
    "iteration=0 stage=prepare checkpoint",
    "iteration=1 stage=verify_answers purpose=collect",
    "iteration=1 stage=tidy",  # after sampling; after an evaluation the run may be complete
    "iteration=1 stage=write_parquet",
    "iteration=1 stage=fine_tune",
    "iteration=1 stage=verify_answers purpose=eval",
    "iteration=1 stage=evaluate",
)
POINTS = ("before", "during", "after")
TRAINER = "ray::fine_tune"


@fault("engine-killed", "SIGKILL of the engine's actor while it samples")
def engine_killed(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=2.0)
    trial.signal(["ray::EngineActor"], SIGKILL)


@fault("trainer-killed", "SIGKILL of the Ray worker that trains")
def trainer_killed(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(lambda home: any(TRAINER in command for command in living(home).values()), after=2.0)
    trial.signal([TRAINER], SIGKILL)


@fault("ray-killed", "SIGKILL of the local Ray head (raylet or its control service)")
def ray_killed(trial: Trial) -> None:
    trial.copy_base()
    trial.start()
    trial.until(sampled(RUN, "collect-1-*"), after=5.0)
    trial.signal(["raylet/raylet" if trial.number % 2 == 0 else "gcs_server"], SIGKILL)


@fault("flow-killed", "SIGKILL of the flow's process before, during and after a commit of every stage")
def flow_killed(trial: Trial) -> None:
    """Start once per kind of commit and kill the process there; three tries cover all three points of a kind."""
    trial.home.mkdir()
    for number, words in enumerate(COMMITS):
        point = POINTS[(number + trial.number) % len(POINTS)]
        nth = trial.random.randint(1, 3) if "verify" in words else 1
        delay = trial.random.uniform(0.0, 0.15)
        trial.tell(f"{point} commit {nth} of {words!r} ({delay:.3f} s after the begin)")
        tripwire = (sys.executable, "-m", "tests.faults.tripwire", words, point, str(nth), str(delay))
        trial.start(program=tripwire)
        if trial.wait():
            trial.failures.append(f"no kill {point} {words}")
            return
        trial.faults += 1
        trial.resumes += 1
    trial.start()
