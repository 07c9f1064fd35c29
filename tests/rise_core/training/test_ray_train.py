"""Whole fine-tunings through Ray Train, on a Ray of their own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from rise_core.cluster import connect
from rise_core.config.training_keys import Optim
from rise_core.errors import UserError
from rise_core.training.ray_train import fit
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import train

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def cluster(no_ray: None) -> Iterator[None]:
    with connect(logical_cpus=3):
        yield


def processes(*names: str) -> list[psutil.Process]:
    """Processes of this Ray with one of the names in their title; one that has just ended has none."""
    running = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is one
            if any(name in " ".join(process.cmdline()) for name in names):
                running.append(process)
    return running


def assert_nothing_left() -> None:
    """Ray ends processes a moment after it says so. The idle process of a finished task is no leftover."""
    left = processes("fine_tune", "run_trainer", "TrainController", "RayTrainWorker")
    _, alive = psutil.wait_procs(left, timeout=30)
    assert alive == []


def nature_of(process: psutil.Process) -> tuple[int, str | None]:
    """A process's niceness, and its setting for OpenMP threads that wait."""
    return process.nice(), process.environ().get("OMP_WAIT_POLICY")


@pytest.mark.parametrize("workers", [1, 2])
def test_training_waits_passively_at_the_callers_niceness(cluster: None, spec: TrainSpec, workers: int) -> None:
    """In every process that loads torch. Ray's own settings are niceness 15 and threads that spin while they wait."""
    seen: set[tuple[int, str | None]] = set()
    long = dataclasses.replace(spec, optim=Optim(epochs=100, batch_size=5))

    def look(_: dict[str, Any]) -> None:
        seen.update(nature_of(process) for process in processes("fine_tune" if workers == 1 else "RayTrainWorker"))

    fit(long, workers=workers, gpus=0, timeout=300, progress=look)
    assert seen == {(psutil.Process().nice(), "PASSIVE")}


def with_torch() -> set[int]:
    """The ids of this Ray's processes that have loaded torch, idle ones included."""
    pids = set()
    for process in processes("ray::"):
        with suppress(psutil.Error):
            if any("libtorch_cpu" in mapped.path for mapped in process.memory_maps()):
                pids.add(process.pid)
    return pids


def test_a_later_training_finds_the_process_of_the_earlier_one(cluster: None, spec: TrainSpec) -> None:
    assert_nothing_left()
    fit(spec, workers=1, gpus=0, timeout=300)
    first = with_torch()
    fit(spec, workers=1, gpus=0, timeout=300)
    assert with_torch() == first
    assert len(first) == 1


def test_one_worker_trains_as_the_plain_loop_does(
    cluster: None, spec: TrainSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(spec, rank=0, world_size=1, report=lambda entry: None)
    monkeypatch.chdir(tmp_path)
    relative = {name: os.path.relpath(getattr(spec, name)) for name in ("rows_path", "weights_dir")}
    out, log = str(tmp_path / "fit"), str(tmp_path / "fit.jsonl")
    seen: list[dict[str, Any]] = []
    changed = dataclasses.replace(spec, **relative, out_dir=out, log_path=log)
    result = fit(changed, workers=1, gpus=0, timeout=300, progress=seen.append)
    assert result.log == plain.log
    assert seen[-1] == result.log[-1]
    assert (Path(out) / "model.safetensors").read_bytes() == (Path(spec.out_dir) / "model.safetensors").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        "model", "rows.parquet", "out", "log.jsonl", "fit", "fit.jsonl"
    }  # fmt: skip
    assert_nothing_left()


def test_two_workers_share_the_batch(cluster: None, spec: TrainSpec, tmp_path: Path) -> None:
    """With 13 examples in steps of 6 each epoch ends on a batch of one example: a worker then has none."""
    spec = dataclasses.replace(spec, optim=dataclasses.replace(spec.optim, batch_size=6))
    plain = train(spec, rank=0, world_size=1, report=lambda entry: None)
    out = str(tmp_path / "fit")
    result = fit(dataclasses.replace(spec, out_dir=out), workers=2, gpus=0, timeout=300)
    assert [entry["loss"] for entry in result.log] == pytest.approx([entry["loss"] for entry in plain.log], rel=1e-4)
    weights = [load_file(Path(folder) / "model.safetensors") for folder in (spec.out_dir, out)]
    for name, tensor in weights[0].items():
        assert_close(weights[1][name], tensor, rtol=1e-2, atol=1e-3)
    assert_nothing_left()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_users_mistake_comes_back_in_one_line(cluster: None, spec: TrainSpec, workers: int) -> None:
    broken = dataclasses.replace(spec, optim=Optim(learning_rate=1e30, epochs=5, batch_size=5, max_grad_norm=0))
    with pytest.raises(UserError, match=r"^training stopped at optimiser step \d+: [^\n]*$"):
        fit(broken, workers=workers, gpus=0, timeout=300)


def test_the_timeout_ends_the_training(cluster: None, spec: TrainSpec) -> None:
    endless = dataclasses.replace(spec, optim=Optim(epochs=10**6, batch_size=5))
    with pytest.raises(UserError, match=r"after train\.timeout = 15 s"):
        fit(endless, workers=1, gpus=0, timeout=15)
    assert_nothing_left()


def test_a_killed_worker_is_an_error_and_no_hang(cluster: None, spec: TrainSpec) -> None:
    endless = dataclasses.replace(spec, optim=Optim(epochs=10**6, batch_size=5))

    def kill(_: dict[str, Any]) -> None:
        for process in processes("fine_tune"):
            process.kill()

    with pytest.raises(RuntimeError, match=r"^fine-tuning's process died: [^\n]*$"):
        fit(endless, workers=1, gpus=0, timeout=300, progress=kill)


def test_a_cluster_without_gpus_is_named(cluster: None, spec: TrainSpec) -> None:
    with pytest.raises(UserError, match="needs 1 GPUs, the Ray cluster has 0"):
        fit(spec, workers=1, gpus=1, timeout=300)
