"""Damage to files of a stopped run: a file is cut short, or one bit is flipped."""

from __future__ import annotations

from pathlib import Path

from storage.lake import Lake
from storage.location import LakeLocation
from tests.faults.profile import RUN
from tests.faults.suite import fault
from tests.faults.trial import Trial
from tests.flows.command import kill_group
from tests.flows.moments import Moment, sampled, training

FILES = "SELECT data_file FROM ducklake_list_files('lake', ?)"


@fault("damaged-staged", "a truncated or bit-flipped Parquet file of sampled responses, after a kill")
def staged(trial: Trial) -> None:
    killed_at(trial, sampled(RUN, "collect-1-*"))
    files = sorted((trial.home / f"runs/{RUN}/staging").glob("*.parquet"))
    for file in files:
        spoil(trial, file)
    if not files:
        trial.notes.append("nothing was staged at the kill")
    trial.resume()  # samples the responses again; the comparison with the undisturbed run shows a difference


@fault("damaged-parquet", "a truncated or bit-flipped Parquet file of the lake")
def lake(trial: Trial) -> None:
    killed_at(trial, training(RUN))
    with Lake(LakeLocation.from_home(trial.home), read_only=True) as now:  # without files merged away
        named = [*now.query(FILES, ["rollouts"])["data_file"], *now.query(FILES, ["examples"])["data_file"]]
    refused(trial, Path(trial.random.choice(sorted(file.as_py() for file in named))))


@fault("damaged-checkpoint", "a truncated or bit-flipped checkpoint")
def checkpoint(trial: Trial) -> None:
    killed_at(trial, training(RUN))
    refused(trial, trial.random.choice(sorted((trial.home / "checkpoints").rglob("*.safetensors"))))


def killed_at(trial: Trial, moment: Moment) -> None:
    trial.copy_base()
    trial.start()
    trial.until(moment)
    assert trial.process is not None
    kill_group(trial.process)
    trial.sweep()


def spoil(trial: Trial, path: Path) -> bytes:
    """Cut a file short or flip one bit, in turn. Returns: the file's earlier content."""
    content = path.read_bytes()
    if trial.number % 2 == 0:
        end = trial.random.randrange(len(content))
        path.write_bytes(content[:end])
        trial.tell(f"{path.name} cut at byte {end} of {len(content)}")
    else:
        bit = trial.random.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        trial.tell(f"{path.name}: bit {bit} of {8 * len(content)} flipped")
    trial.faults += 1
    return content


def refused(trial: Trial, path: Path) -> None:
    """Damage a file: the same command must name the file and end. With the file restored, the run goes on."""
    content = spoil(trial, path)
    trial.resumes += 1
    trial.start()
    if trial.wait():
        trial.failures.append(f"a damaged {path.name} was read as good")
    elif path.name not in trial.ends[-1]:
        trial.failures.append("the damaged file was not named")
    path.write_bytes(content)
    trial.resume()
