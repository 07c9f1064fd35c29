"""Problems from a reasoning-gym generator: distinct, and split so that no run ever trains on a held-out problem."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.generators.registry import OWN, check_name, check_params, identity, make_dataset, worked
from rise.core.problems.apart import generate_apart
from rise.core.problems.problem_set import ProblemSet
from rise.core.records import Problem, Verdict
from rise.core.verifiers import reasoning_gym

# One problem in EVAL_SHARE is held out. Fixed, so that no other size or seed moves a problem across the line.
EVAL_SHARE = 5
BLOCK = 1000  # problems of one generator object


def generate_problems(config: Config) -> ProblemSet:
    """Draw the problems of `problems.name` with `problems.seed`, or else the run's seed: the same in every process.

    Raises UserError naming the key that is wrong.
    """
    check_name(config.problems.name)
    check_params(config.problems.name, config.problems.params)
    return generate_here(config) if config.problems.name in OWN else generate_apart(config)


def generate_here(config: Config) -> ProblemSet:
    """As `generate_problems`, in this process: some of the library's generators would draw others in another one."""
    sizes = {split: wanted_size(config, split) for split in ("train", "eval")}
    boost = max(config.boost.problems, 0)
    drawn = draw(config, {"train": sizes["train"] + boost, "eval": sizes["eval"]})
    for split, size in sizes.items():
        if len(drawn[split]) < size:
            raise UserError(
                f"config: problems.{split}_size is {size}, but generator {config.problems.name} has only "
                f"{len(drawn[split])} distinct {split} problems with these params; lower it or change problems.params"
            )
    train = drawn["train"][: sizes["train"]]
    check_gradable(train[:3] + drawn["eval"][:3])
    return ProblemSet(train, drawn["eval"], choose_boost(drawn["train"], sizes["train"], boost))


def check_gradable(problems: list[Problem]) -> None:
    """Refuse a generator whose scorer no longer knows its own answers once they were stored as JSON."""
    for problem in problems:
        if problem.solution is not None and not knows_its_answer(problem):
            raise UserError(
                f"config: generator {problem.metadata['generator']} (problems.name) cannot be used: its scorer refuses "
                f"its own answer to problem {problem.problem_id} once that is stored as JSON; choose another generator"
            )


def knows_its_answer(problem: Problem) -> bool:
    try:
        return reasoning_gym.grade(problem.answer, problem).verdict is Verdict.CORRECT
    except reasoning_gym.UNREADABLE:
        return False


def wanted_size(config: Config, split: str) -> int:
    size: int | None = getattr(config.problems, f"{split}_size")
    if size is None:
        raise UserError(f"config: problems.{split}_size is not set; a generator has no end, so say how many to draw")
    return size


def draw(config: Config, wanted: dict[str, int]) -> dict[str, list[Problem]]:
    """Distinct problems in order of their index, until every split has enough or the generator only repeats itself."""
    drawn: dict[str, list[Problem]] = {split: [] for split in wanted}
    seen: set[bytes] = set()
    in_vain = 0
    for dataset, index in stream(config):
        if all(len(drawn[split]) >= wanted[split] for split in wanted):
            break
        # Generous: the last missing problem of a small family is found only after many repetitions.
        if in_vain > 1000 + 20 * len(seen):
            break
        entry = entry_at(dataset, config, index % BLOCK)
        digest = hashlib.sha256(identity(dataset, entry).encode("utf-8", "surrogatepass")).digest()
        split = "eval" if int.from_bytes(digest[:8], "big") % EVAL_SHARE == 0 else "train"
        in_vain += 1
        if digest not in seen and len(drawn[split]) < wanted[split] and not is_blank(entry["answer"]):
            seen.add(digest)
            drawn[split].append(to_problem(entry, config, index, split, worked(dataset, entry)))
            in_vain = 0
    return drawn


def stream(config: Config) -> Iterator[tuple[Any, int]]:
    """Endless (generator, index): generators of BLOCK problems one after another, since some prepare all they hold."""
    first_seed = dataset_seed(config)
    for block in count():
        dataset = make_dataset(config.problems.name, config.problems.params, first_seed + block * BLOCK, BLOCK)
        for index in range(block * BLOCK, (block + 1) * BLOCK):
            yield dataset, index


def dataset_seed(config: Config) -> int:
    """The generator's seed: far from those of neighbouring seeds, since problem i is drawn with this seed + i."""
    seed = config.seed if config.problems.seed is None else config.problems.seed
    return int.from_bytes(hashlib.sha256(f"problems/{seed}".encode()).digest()[:4], "big") >> 1


def entry_at(dataset: Any, config: Config, index: int) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = dataset[index]
    except Exception as error:
        raise UserError(
            f"config: generator {config.problems.name} fails with these problems.params: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
    return entry


def is_blank(answer: Any) -> bool:
    """Whether the right answer is to write nothing, which cannot be told from giving no answer."""
    return answer is not None and not str(answer).strip()


def to_problem(entry: dict[str, Any], config: Config, index: int, split: str, solution: str | None) -> Problem:
    """A generator's entry as a problem. The metadata lets a grading process rebuild the generator and the entry."""
    rest = {key: value for key, value in entry.items() if key != "question"}
    try:
        stored = json.loads(json.dumps(rest))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"config: generator {config.problems.name} does not work here: its entries are not JSON ({error})"
        ) from error
    # Some families have no reference answer: their scorer checks any answer against the entry.
    answer = entry["answer"]
    return Problem(
        problem_id=f"{config.problems.name}-{index}",
        split=split,
        problem=entry["question"],
        answer="" if answer is None else str(answer),
        solution=solution,
        metadata={"generator": config.problems.name, "params": dict(config.problems.params), "entry": stored},
    )


def choose_boost(drawn: list[Problem], train_size: int, wanted: int) -> list[Problem]:
    """Problems that the iterations do not use, as far as the generator has them; then the training problems."""
    worked = [problem for problem in (*drawn[train_size:], *drawn[:train_size]) if problem.solution is not None]
    if len(worked) < wanted:
        raise UserError(
            f"config: boost.problems is {wanted}, but only {len(worked)} distinct problems with an answer can be "
            "drawn; lower it or change problems.params"
        )
    return worked[:wanted]
