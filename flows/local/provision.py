"""Provisioning of a Prefect server beside the deployments. The build step of prefect.yaml runs `provision` at each
`prefect deploy`; a second time changes nothing.

The limit `gpu` keeps two runs off a machine's accelerators; runs hold the limit by tasks/run/limits.py. The automation
detects flow runs without heartbeats: the process is gone together with the worker, or with the machine.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectAlreadyExists

from tasks.run.limits import make_limit

_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = ("Completed", "Failed", "Cancelled", "Crashed")
_CRASHED = "The process of this flow run is gone (no heartbeat). What was done is kept: start the run again to go on."
_AUTOMATION = "rise: crashed flow runs"
_POOL = "rise"


def make_pool() -> None:
    """Create the work pool of prefect.yaml, unless the server has the pool."""
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def provision(silent_seconds: float) -> None:
    """Create the limit `gpu` and the automation; an existing limit keeps its number of slots.

    Args:
        silent_seconds: Seconds without a heartbeat until a flow run is marked as crashed.
    """
    with get_client(sync_client=True) as client:
        make_limit(client)
        _watch_heartbeats(client, silent_seconds)


def _watch_heartbeats(client: SyncPrefectClient, silent_seconds: float) -> None:
    """Create the automation, or update its time."""
    automation = AutomationCore(
        name=_AUTOMATION,
        description="Marks a flow run as crashed when its heartbeats stay away. Made by `prefect deploy`.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *(f"prefect.flow-run.{name}" for name in _ENDS)},
            for_each={"prefect.resource.id"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": "rise"},
            threshold=1,
            within=timedelta(seconds=silent_seconds),
        ),
        actions=[ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=_CRASHED, force=False)],
    )
    existing = client.read_automations_by_name(_AUTOMATION)
    if not existing:
        client.create_automation(automation)
    elif getattr(existing[0].trigger, "within", None) != timedelta(seconds=silent_seconds):
        # Only on a change: an update forgets the heartbeats seen so far, and with them the runs in progress.
        client.update_automation(existing[0].id, automation)
