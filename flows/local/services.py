"""What a run from the command line needs around it, started side by side: each alone takes several seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rise.core.config.keys import Config
from rise.flows.local import prefect_server


@contextmanager
def started(config: Config, run: str) -> Iterator[None]:
    """Run the embedded Prefect server, Ray and the processes of the run's engines for the length of the block.

    Those processes import vLLM while the server starts and this process imports what the stages need. Enter it in the
    main thread, to which the kernel ties the lives of server and Ray.
    """
    with ExitStack() as stack:
        wait_until_up = stack.enter_context(prefect_server.serving())
        from rise.core import cluster
        from rise.core.engine import early
        from rise.tasks.run import limits
        from rise.tasks.run.failures import explained

        limits.own_server = prefect_server.reserved()
        with explained():
            stack.enter_context(cluster.connect_early(config.train.workers + 1))
            stack.enter_context(early.started(config.engine, run))
        from transformers import AutoTokenizer  # noqa: F401 (torch comes with it: seconds)

        import rise.flows.evaluation
        import rise.flows.iterate  # noqa: F401

        wait_until_up()
        yield
