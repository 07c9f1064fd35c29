"""The error model: vocabulary, classification, surfacing.

Vocabulary. Three kinds of failure end a command:

| kind | class | exit status | shown as |
|---|---|---|---|
| a mistake of the user: config, file, model, name | UserError | 2 | a line `rise: …` with the remedy |
| a failure of the machine: disk, process, network, GPU | RunStopped | 1 | a line `rise: …`; start the run again |
| a bug | any other exception | 1 | the traceback |

Classification. Bad input raises UserError as early as possible: before a lake, an engine or a server starts. Engines
and training raise EngineError and TrainerLost. `tasks.run.failures` turns both, and errors of the operating
system, Ray, DuckDB and the network, into RunStopped. EngineLost and KeyExists do not end a run by themselves: another
engine serves the request, and the rows of the commit are in the lake already.

Surfacing. `flows.cli` prints the line and sets the exit status. A flow run fails with the same line as the
message of the state. A pool or client on the way down raises Closed or EngineClosed and prints nothing: the cause is
logged elsewhere.

Messages may quote hostile input. UserError and RunStopped therefore hold a single line without control sequences.
"""

from __future__ import annotations

from rise_core.text import one_line


class UserError(Exception):
    """Bad input. The message is a line: mistake, place and remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class RunStopped(Exception):
    """A run stopped by the machine. The message is a line: cause and next step."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Closed(RuntimeError):
    """Raised by a pool or client that is shutting down. The cause is logged elsewhere; no traceback is shown."""


class EngineError(Exception):
    """An engine failed or missed a deadline. The message names the engine, the request and the time."""


class EngineLost(EngineError):
    """The engine is gone or unusable. The request is not at fault; another engine may serve the same request."""


class EngineClosed(EngineError, Closed):
    """Raised by engines or a teacher that are shutting down."""


class TrainerLost(RuntimeError):
    """The training process is gone. The input is not at fault: training again may succeed."""


class KeyExists(Exception):
    """Raised by a commit whose rows are in the lake already. A second write would double them."""
