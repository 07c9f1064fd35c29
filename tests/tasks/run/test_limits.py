"""Which runs wait for the GPUs, and for what, and which teacher would wait for ever; tests/deployments/test_limits.py
has the limit of a served run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest
import ray
from prefect.logging import disable_run_logger

from rise_core import cluster
from rise_core.config.engine_keys import Engine
from rise_core.config.load import load_config
from rise_core.engine.request_checks import check_gpus
from rise_core.errors import UserError
from storage.home import Home
from storage.lake import Lake
from tasks.run import limits
from tasks.run.answering import open_teacher
from tasks.run.context import RunContext
from tasks.run.inputs import check_inputs
from tasks.run.limits import uses_gpus
from tests.tasks.rehearsed import TINY


@pytest.mark.parametrize(
    ("overrides", "waits"),
    [
        ([], False),
        (["engine.gpus=0.5"], True),
        (["train.gpus=1"], True),
        (["teacher.engine.gpus=1"], False),  # no turn of a teacher
        (["teacher.engine.gpus=1", "teacher.model=m", "collect.turns=[{policy: learner}, {policy: teacher}]"], True),
    ],
)
def test_only_what_uses_gpus_waits(overrides: list[str], waits: bool) -> None:
    assert uses_gpus(load_config("demo", overrides)) is waits


HOLD = """
import os
import time
from prefect.logging import disable_run_logger
from rise_core.config.load import load_config
from storage.home import Home
from tasks.run import limits

os.environ["RISE_LOCAL_SERVER"] = "1"
with disable_run_logger(), limits.accelerators(load_config("demo", ["engine.gpus=1"]), Home.from_env()):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_gpus_of_a_killed_run_are_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path))
    monkeypatch.setenv(limits.LOCAL_SERVER, "1")
    entered = Event()

    def second() -> None:
        with limits.accelerators(load_config("demo", ["engine.gpus=1"]), Home.from_env()):
            entered.set()

    with (
        subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as first,
        disable_run_logger(),
    ):
        assert first.stdout is not None
        try:
            assert first.stdout.readline() == "held\n"
            thread = Thread(target=second)
            thread.start()
            assert not entered.wait(3)
        finally:
            first.send_signal(signal.SIGKILL)
        assert entered.wait(60)
        thread.join()


@pytest.fixture(scope="module")
def _one_gpu(no_ray: None) -> Iterator[None]:
    """A Ray with one GPU on its books, whatever this machine has: nothing is started on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)  # Ray believes it more than its argument
        patch.setattr(ray, "init", partial(ray.init, num_gpus=1))
        with cluster.connect(logical_cpus=1):
            yield


@pytest.mark.service
@pytest.mark.usefixtures("_one_gpu")
@pytest.mark.parametrize(
    ("engine", "beside"),
    [
        (Engine(gpus=1), None),
        (Engine(gpus=0.5), Engine(gpus=0.5)),
        (Engine(gpus=1), Engine()),
        (Engine(replicas=2), Engine(gpus=1)),  # a teacher on the CPU takes nothing away
        (Engine(gpus=0.25, replicas=2), Engine(gpus=0.25, replicas=2)),
    ],
)
def test_pools_that_find_their_gpus_pass(engine: Engine, beside: Engine | None) -> None:
    check_gpus(engine, beside)


@pytest.mark.service
@pytest.mark.usefixtures("_one_gpu")
@pytest.mark.parametrize(
    ("engine", "beside", "message"),
    [
        (Engine(gpus=1, replicas=2), None, r"config: engine\.gpus = 1 for 2 engines needs 2 GPUs, but Ray has 1"),
        (Engine(gpus=2), Engine(), r"config: teacher\.engine\.gpus = 2 for 1 engines needs 2 GPUs, but Ray has 1"),
        (Engine(gpus=1), Engine(gpus=1), r"teacher\.engine\.gpus needs 1 GPUs beside the learner's 1, but Ray has 1"),
        (Engine(gpus=0.5), Engine(gpus=0.25, replicas=3), "needs 0.5 GPUs beside the learner's 0.75, but Ray has 1"),
        (Engine(gpus=0.25, replicas=3), Engine(gpus=0.5), "needs 0.75 GPUs beside the learner's 0.5, but Ray has 1"),
    ],
)
def test_pools_that_would_wait_for_gpus_for_ever_are_refused(
    engine: Engine, beside: Engine | None, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_gpus(engine, beside)
    assert "\n" not in str(caught.value)


@pytest.mark.service
@pytest.mark.usefixtures("_one_gpu")
def test_a_teacher_is_refused_before_its_model_is_fetched(tmp_path: Path) -> None:
    turns = "collect.turns=[{policy: learner}, {policy: teacher}]"
    shares = ["engine.gpus=0.6", "teacher.engine.gpus=0.6", "teacher.model=nobody/nothing"]
    inputs = check_inputs("taught", str(TINY), [turns, *shares])
    message = r"teacher\.engine\.gpus needs 0\.6 GPUs beside the learner's 0\.6"
    with disable_run_logger(), Lake(Home(tmp_path).lake) as lake:
        context = RunContext(inputs, Home(tmp_path), lake, goal=1)
        with closing(context), pytest.raises(UserError, match=message):
            open_teacher(context.config, context.name, context.folder)
    assert not list(context.folder.glob("teacher*"))
