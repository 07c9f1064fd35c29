"""Run every benchmark, one after another, and put what they print into docs/performance.md, between its markers.

    make bench                   # hours: on a machine that does nothing else
    make bench ARGS=--smoke      # small sizes, to see that all of them work; the page stays as it is
    make bench ARGS="--only start switching"

A benchmark that fails keeps its old tables on the page and does not stop the others; the exit status says that one did.
Without a GPU, that of training on one is left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from measuring import parser, progress

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
NAMES = re.findall(r"<!-- begin (\w+) -->", PAGE.read_text(encoding="utf-8"))
SMOKE = {  # where it is not --smoke
    "training": "--models demo --batches 2 --batch 16 --repeats 1",
    "gpu_training": "--device cpu --shapes tiny --steps 2",
    "grading": "--answers 400 --repeats 1",
    "lake": "--rows 50000 --problems 512 --held-out 128",
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="small sizes; the tables go to stdout only")
    options.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    arguments = options.parse_args()
    failed = []
    for name in arguments.only:
        if name == "gpu_training" and not arguments.smoke and shutil.which("nvidia-smi") is None:
            progress(f"{name}: left out, there is no GPU")
            continue
        progress(f"{name}: begins")
        begun = time.monotonic()
        small = SMOKE.get(name, "--smoke").split() if arguments.smoke else []
        command = [sys.executable, str(HERE / f"{name}.py"), *small]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        progress(f"{name}: status {result.returncode} after {time.monotonic() - begun:.0f} s")
        print(f"## {name}\n\n{result.stdout}", flush=True)
        if result.returncode:
            failed.append(name)
        elif not arguments.smoke:
            PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), name, result.stdout), encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def filled(page: str, name: str, printed: str) -> str:
    """The page with a benchmark's part between its markers replaced."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{printed.strip()}\n\n{end}{after}"


if __name__ == "__main__":
    main()
