"""The limit `gpu` on a real server: a second GPU run waits for the first, a CPU run does not."""

from __future__ import annotations

from tests.deployments.served import Served

PROGRAM = """
import threading
from prefect import flow
from rise_core.config.load import load_config
from storage.home import Home
from tasks.run.limits import accelerators

holds, go_on, order = threading.Event(), threading.Event(), []

@flow
def run(name, gpus):
    with accelerators(load_config("demo", [f"engine.gpus={gpus}"]), Home.from_env()):
        order.append(f"{name} in")
        if name == "first":
            holds.set()
            assert go_on.wait(120)
        order.append(f"{name} out")

first, second = (threading.Thread(target=run, args=(name, 1)) for name in ("first", "second"))
first.start()
assert holds.wait(120)
second.start()
run("third", 0)
second.join(5)
go_on.set()
first.join(120)
second.join(120)
print(", ".join(order))
"""


def test_a_second_run_waits_for_the_accelerators(served: Served) -> None:
    printed = served.checked("python", "-c", PROGRAM)

    assert printed == "first in, third in, third out, first out, second in, second out\n"
