"""Types of the parameters of flow `rise`: JSON schema for Prefect's run form and server.

The flow itself checks the values once more, as the command line does and in the same words.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from rise_core.config.profiles import baselines, profiles
from storage.home import RUN_NAME

_MOST_ITERATIONS = 1000  # a slip of the finger would otherwise hold a machine for months


def _shown(description: str, **schema: Any) -> WithJsonSchema:
    """A JSON schema with the form's help text."""
    return WithJsonSchema({"description": description, **schema})


RunName = Annotated[
    str,
    _shown(
        "Name of the run to begin or to advance: up to 64 letters, digits, '-' and '_', starting with a letter or "
        "digit.",
        type="string",
        pattern=f"^{RUN_NAME.pattern}$",
    ),
]
ProfileName = Annotated[
    str,
    _shown(
        f"Profile of the run: a shipped profile, a profile joined with a baseline ({', '.join(baselines())}), for "
        "example demo+rft, or the path of a .yaml file on the worker's machine.",
        anyOf=[
            {"title": "Shipped", "type": "string", "enum": profiles()},
            {"title": "Joined, or a path", "type": "string"},
        ],
    ),
]
Overrides = Annotated[
    list[str] | None,
    _shown(
        "Config keys to set, for example collect.problems=100, eval.turns=10 or model.name=./my-model. A run keeps "
        "the config of its beginning. `rise config PROFILE` prints every key.",
        type="array",
        items={"type": "string"},
    ),
]
Iterations = Annotated[
    int | None,
    _shown(
        "Number of iterations to advance by. An interrupted iteration is finished first, and counts. Empty: up to the "
        "profile's own number.",
        type="integer",
        minimum=0,
        maximum=_MOST_ITERATIONS,
    ),
]
