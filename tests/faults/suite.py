"""The faults by name, and the runner of the tries."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.contents import contents, differences
from tests.faults.profile import COMMAND, ONLY_BASE
from tests.faults.trial import Trial
from tests.flows.command import finished

Inject = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """A fault: `inject` starts and disturbs a run; the runner finishes the run."""

    name: str
    description: str
    inject: Inject


@dataclass
class Result:
    """Sums over all tries of a fault."""

    description: str
    tries: int = 0
    faults: int = 0
    by_itself: int = 0
    resumed: int = 0
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


FAULTS: dict[str, Fault] = {}


def fault(name: str, description: str) -> Callable[[Inject], Inject]:
    """Register a function as a fault of the suite."""

    def enter(inject: Inject) -> Inject:
        FAULTS[name] = Fault(name, description, inject)
        return inject

    return enter


class Suite:
    """Tries faults in `folder`, beside the base home and the undisturbed home."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.base, undisturbed = folder / "base", folder / "undisturbed"
        if not undisturbed.exists():
            finished(self.base, *ONLY_BASE)
            unfinished = folder / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(self.base, unfinished)
            finished(unfinished, *COMMAND)
            unfinished.rename(undisturbed)
        self.undisturbed = contents(undisturbed)

    def run(self, fault: Fault, tries: int) -> Result:
        """Try a fault `tries` times. A try that came too late to disturb the run is repeated and not counted."""
        result, seed = Result(fault.description), self.seed
        while result.tries < tries:
            print(f"{fault.name}: try {result.tries + 1} of {tries}, seed {seed}", flush=True)
            self.attempt(fault, result.tries, seed, result)
            seed += 1
            if seed - self.seed == 2 * tries + 1:
                result.lost.append("too few tries disturbed anything")
                break
        return result

    def attempt(self, fault: Fault, number: int, seed: int, result: Result) -> None:
        folder = self.folder / fault.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        trial, begun = Trial(folder, self.base, number, seed), time.monotonic()
        with trial.undo:
            trial.undo.callback(trial.sweep)
            fault.inject(trial)
            trial.finish()
            missing, extra = differences(self.undisturbed, trial.home)
        result.tries += trial.faults > 0
        result.faults += trial.faults
        result.by_itself += trial.faults > 0 and trial.resumes == 0
        result.resumed += trial.faults > 0 and trial.resumes > 0
        result.lost += [*(f"missing {m}" for m in missing), *(f"too much: {e}" for e in extra), *trial.failures]
        result.notes += trial.notes
        result.ends += [end.replace(str(folder), "…") for end in trial.ends]
        print(
            f"    {time.monotonic() - begun:.0f} s, {trial.faults} faults, {trial.resumes} resumes; missing {missing}, "
            f"too much {extra}; {trial.notes or ''}",
            flush=True,
        )
        if not missing and not extra and not trial.failures:
            shutil.rmtree(folder)
