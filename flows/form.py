"""The parameters of flow `rise` as Prefect's run form shows them and its server checks them.

These rules are JSON schema alone. What they let through, the flow checks as the command line does, in the same words.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from rise.core.config.profiles import baselines, profiles
from rise.storage.home import RUN_NAME

MOST_ITERATIONS = 1000  # a slip of the finger would otherwise hold a machine for months


def shown(description: str, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"description": description, **schema})


RunName = Annotated[
    str,
    shown(
        "Name of the run that is begun or advanced: up to 64 letters, digits, '-' and '_', starting with a letter or "
        "digit.",
        type="string",
        pattern=f"^{RUN_NAME.pattern}$",
    ),
]
ProfileName = Annotated[
    str,
    shown(
        f"What the run does: a shipped profile, one joined with a baseline ({', '.join(baselines())}), for example "
        "demo+rft, or the path of a .yaml file on the worker's machine.",
        anyOf=[
            {"title": "Shipped", "type": "string", "enum": profiles()},
            {"title": "Joined, or a path", "type": "string"},
        ],
    ),
]
Overrides = Annotated[
    list[str] | None,
    shown(
        "Config keys to set, for example collect.problems=100, eval.turns=10 or model.name=./my-model. A run keeps "
        "what it was begun with. `rise config PROFILE` prints every key.",
        type="array",
        items={"type": "string"},
    ),
]
Iterations = Annotated[
    int | None,
    shown(
        "How many iterations to advance by; one that was interrupted is finished first, and counts. Empty: up to the "
        "profile's own number.",
        type="integer",
        minimum=0,
        maximum=MOST_ITERATIONS,
    ),
]
