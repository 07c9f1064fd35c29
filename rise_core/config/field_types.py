"""Ranges of config keys, and markers for keys free to change.

    threads: Annotated[NotNegative, Field(description="CPU threads of each worker"), LATER] = 0

pydantic checks type and range. `make docs` prints both, with the description, in docs/configuration.md.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
NotNegativeNumber = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Moment(Enum):
    """A moment at which a value may differ from the stored config of the run.

    A marker on a section counts for every key below the section. A key without a marker decides the run's result
    and stays fixed.
    """

    LATER = "later"  # the next `rise run` of the same run: amount of work, and machine
    AT_EVALUATION = "evaluation"  # `rise eval` of a checkpoint: how to ask, grade and sample


LATER = Moment.LATER
AT_EVALUATION = Moment.AT_EVALUATION
