"""What a flow run is called and tagged in the UI, once it is known how far it goes."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from rise.core.config.profiles import profile_parts


def name_flow_run(name: str, profile: str) -> None:
    """Rename the flow run that this is called in, and tag it with the profile.

    Its task runs get no tags: for one with tags Prefect asks the server for a slot at its start, which can take two
    seconds.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("only a flow run can be named")
    tag = profile_tag(profile)
    with get_client(sync_client=True) as client:
        client.update_flow_run(context.flow_run.id, name=name, tags={*context.flow_run.tags, tag})


def profile_tag(profile: str) -> str:
    """A profile without the folders and endings of its files: demo+rft stays as it is."""
    return "+".join(Path(part).stem for part in profile_parts(profile))
