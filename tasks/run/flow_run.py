"""Name and tag of a flow run in the UI."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from rise_core.config.profiles import profile_parts


def name_flow_run(name: str, profile: str) -> None:
    """Rename the current flow run, and tag it with the profile.

    Task runs get no tags: for a task run with tags Prefect asks the server for a slot at its start, up to two seconds.
    """
    current = FlowRunContext.get()
    if current is None or current.flow_run is None:
        raise RuntimeError("only a flow run can be named")
    tags = {*current.flow_run.tags, _profile_tag(profile)}
    with get_client(sync_client=True) as client:
        client.update_flow_run(current.flow_run.id, name=name, tags=tags)


def _profile_tag(profile: str) -> str:
    """A profile without folders and file endings; demo+rft stays as written."""
    return "+".join(Path(part).stem for part in profile_parts(profile))
