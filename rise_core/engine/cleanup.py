"""End engines by name, from a process that did not start them (after a cancelled flow run on a shared Ray)."""

from __future__ import annotations

import ray


def end_engines(name: str) -> list[str]:
    """End the engines of the pools of this name (EnginePool's `name`); the actors' names that were ended."""
    found = [actor for actor in ray.util.list_named_actors() if actor.startswith(f"{name}-engine-")]
    for actor in found:
        ray.kill(ray.get_actor(actor))
    return found
