"""What a run from the command line needs around it, started side by side: each alone takes several seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flows import embedded
from rise_core.config import Config


@contextmanager
def started(config: Config, run: str) -> Iterator[None]:
    """Run the embedded Prefect server, Ray and the processes of the run's engines for the length of the block.

    Those processes import vLLM while the server starts and this process imports what the stages need. Enter it in the
    main thread, to which the kernel ties the lives of server and Ray.
    """
    with ExitStack() as stack:
        wait_until_up = stack.enter_context(embedded.serving())
        from rise_core import cluster
        from rise_core.engine import early
        from tasks import accelerators
        from tasks.stopped import explained

        accelerators.own_server = embedded.reserved()
        with explained():
            stack.enter_context(cluster.connect_early(config.train.workers + 1))
            stack.enter_context(early.started(config.engine, run))
        from transformers import AutoTokenizer  # noqa: F401 (torch comes with it: seconds)

        import flows.evaluate
        import flows.rise  # noqa: F401

        wait_until_up()
        yield
