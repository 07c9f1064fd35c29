"""Try the faults and write the table: python -m tests.faults [--tries N] [--only NAME,…] [--seed N] [--folder DIR]."""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from tests.faults import clock, damage, disk, kills, services, stalls, twice
from tests.faults.suite import FAULTS, Suite
from tests.faults.table import PAGE, update

__all__ = ["clock", "damage", "disk", "kills", "services", "stalls", "twice"]  # each import registers faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="make faults", description="Put faults into real runs.")
    parser.add_argument("--tries", type=int, default=3, help="tries of each fault")
    parser.add_argument("--only", help=f"some of {', '.join(FAULTS)}", default=",".join(FAULTS))
    parser.add_argument("--seed", type=int, default=0, help="decides all random moments")
    parser.add_argument("--folder", type=Path, help="folder of the runs; a kept folder saves the undisturbed run")
    options = parser.parse_args()
    # A shell starts background jobs with SIGINT ignored, and children inherit this. A worker ends by SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(FAULTS):
        parser.error(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="rise-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    suite = Suite(folder.resolve(), options.seed)
    lost = False
    for name in chosen:
        result = suite.run(FAULTS[name], options.tries)
        update(PAGE, name, result, suite.undisturbed)
        lost |= bool(result.lost)
    print(PAGE.read_text())
    raise SystemExit(lost)


if __name__ == "__main__":
    main()
