"""Provisioning of a Prefect server: a work pool, the limit `gpu` and an automation; a second call changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.client.orchestration import get_client

from flows.local.provision import make_pool, provision


def state() -> tuple[Any, ...]:
    """Return what the server holds: the pool's type, the limit's number, each automation with its silence."""
    with get_client(sync_client=True) as client:
        pool = client.read_work_pool("rise")
        limit = client.read_global_concurrency_limit_by_name("gpu")
        automations = client.read_automations_by_name("rise: crashed flow runs")
    silences = [(automation.id, getattr(automation.trigger, "within", None)) for automation in automations]
    return pool.id, pool.type, limit.id, limit.limit, silences


def test_provisioning_again_changes_nothing_but_the_silence(prefect_server: None) -> None:
    make_pool()
    provision(45)
    first = state()
    make_pool()
    provision(45)
    assert state() == first
    _, kind, _, number, [(automation, silence)] = first
    assert (kind, number, silence) == ("process", 1, timedelta(seconds=45))
    provision(150)
    assert state() == (*first[:-1], [(automation, timedelta(seconds=150))])
