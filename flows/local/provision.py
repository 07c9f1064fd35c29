"""What RISE needs on a Prefect server beside its deployments. prefect.yaml's build step runs `provision` at each
`prefect deploy`; doing it again changes nothing.

The limit `gpu` keeps two runs off one machine's accelerators (tasks/run/limits.py takes it). The automation notices
flow runs whose process is gone together with its worker, or with the whole machine: their heartbeats stay away.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectAlreadyExists

from rise.tasks.run.limits import make_limit

HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = ("Completed", "Failed", "Cancelled", "Crashed")
CRASHED = "The process of this flow run is gone (no heartbeat). What was done is kept: start the run again to go on."
AUTOMATION = "rise: crashed flow runs"
POOL = "rise"


def make_pool() -> None:
    """The work pool that prefect.yaml names, unless it is there."""
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        except ObjectAlreadyExists:
            return


def provision(silent_seconds: float) -> None:
    """Make the limit `gpu` and the automation; a limit that is there keeps its number.

    `silent_seconds`: how long a flow run's heartbeats may stay away before it is marked as crashed.
    """
    with get_client(sync_client=True) as client:
        make_limit(client)
        watch_heartbeats(client, silent_seconds)


def watch_heartbeats(client: SyncPrefectClient, silent_seconds: float) -> None:
    wanted = AutomationCore(
        name=AUTOMATION,
        description="Marks a flow run as crashed when its heartbeats stay away. Made by `prefect deploy`.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={HEARTBEAT},
            expect={HEARTBEAT, *(f"prefect.flow-run.{name}" for name in ENDS)},
            for_each={"prefect.resource.id"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": "rise"},
            threshold=1,
            within=timedelta(seconds=silent_seconds),
        ),
        actions=[ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=CRASHED, force=False)],
    )
    found = client.read_automations_by_name(AUTOMATION)
    if not found:
        client.create_automation(wanted)
    elif getattr(found[0].trigger, "within", None) != timedelta(seconds=silent_seconds):
        # Not at each deploy: it would forget the heartbeats that it has seen, and with them the runs in progress.
        client.update_automation(found[0].id, wanted)
