"""A run is cancelled, killed with its worker, and resumed; missed nights are made up for by one flow run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.deployments.served import Served
from tests.flows.command import TINY, query
from tests.flows.moments import training

RUN = "operated"
ROLLOUTS = f"SELECT * FROM rollouts WHERE run = '{RUN}' ORDER BY ALL"
SILENT = 45  # seconds without a heartbeat (one every 30) until a flow run counts as crashed


@pytest.fixture
def soon(served: Served) -> Iterator[None]:
    """Notice crashes sooner than in production."""
    for seconds in (SILENT, 150):
        served.checked("python", "-c", f"from flows.local.provision import provision; provision({seconds})")
        if seconds == SILENT:
            yield


def test_a_run_is_cancelled_then_killed_with_its_worker_and_nothing_is_lost(served: Served, soon: None) -> None:
    # Long training, to be cancelled and killed in the middle.
    parameters = {"run": RUN, "profile": TINY, "overrides": ["train.optim.epochs=4000"]}

    cancelled = served.begin("iterate", **parameters)
    served.until(lambda: training(RUN)(served.home), "training")
    other = served.ended(served.begin("nightly", **parameters))
    assert other["type"] == "FAILED"
    assert f"run '{RUN}' is being advanced by another process: wait for it or end it" in other["message"]
    served.cancel(cancelled)
    assert served.ended(cancelled)["type"] == "CANCELLED"
    served.until(lambda: served.processes() == {}, "end of its processes", timeout=30)
    assert f"Execution of flow run '{cancelled}' was cancelled" in served.log("worker"), "it was ended by force"
    assert query(served.home, f"SELECT max(iteration) k FROM checkpoints WHERE run = '{RUN}'") == [{"k": 0}]
    before = query(served.home, ROLLOUTS)

    crashed = served.begin("iterate", **parameters)
    log = served.home / f"runs/{RUN}/training/iteration-1/log.jsonl"
    stale = log.stat().st_mtime
    served.until(lambda: log.exists() and log.stat().st_mtime > stale and log.stat().st_size > 0, "training again")
    served.kill_worker_and_flow()
    late = [late_night(served, hours) for hours in (49, 25, 1)]
    served.until(lambda: served.processes() == {}, "end of its processes", timeout=60)
    assert query(served.home, ROLLOUTS) == before

    state = served.ended(crashed, timeout=SILENT + 180)
    assert state["type"] == "CRASHED"
    assert "start the run again to go on" in state["message"]

    served.server("start")  # the worker alone
    nights = [served.ended(night)["type"] for night in late]
    assert sorted(nights) == ["CANCELLED", "CANCELLED", "FAILED"], "one night makes up for all"


def late_night(served: Served, hours: int) -> str:
    """Schedule a night in the past, with parameters that fail at once."""
    due = datetime.now(UTC) - timedelta(hours=hours)
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}
    return served.begin("nightly", state, run="late", profile="demo", overrides=["no.such.key=1"])
