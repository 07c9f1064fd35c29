"""What a flow run is called and tagged in the UI, once it is known how far it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import tags
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from rise_core.profiles import parts


@contextmanager
def named(name: str, profile: str) -> Iterator[None]:
    """Rename the flow run that this is called in, and tag it and the task runs of the block with the profile."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("only a flow run can be named")
    tag = profile_tag(profile)
    with get_client(sync_client=True) as client:
        client.update_flow_run(context.flow_run.id, name=name, tags={*context.flow_run.tags, tag})
    with tags(tag):
        yield


def profile_tag(profile: str) -> str:
    """A profile without the folders and endings of its files: demo+rft stays as it is."""
    return "+".join(Path(part).stem for part in parts(profile))
