"""The README.md of an exported model: origin, results, and how to prompt over turns."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rise_core.config.choices import Adapter, SourceKind
from rise_core.config.keys import Config
from rise_core.config.load import to_yaml
from rise_core.models import SCRATCH, SMOLLM2, hub_model
from rise_core.models.card_example import EXAMPLE
from rise_core.records import Metric

_SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
_TAGS = ["rise", "recursive-introspection", "self-improvement", "multi-turn"]
_PAPER = "[RISE: Recursive Introspection](https://arxiv.org/abs/2407.18219)"


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported checkpoint, the subject of a card."""

    run: str
    iteration: int
    checkpoint_id: str
    config: Config
    versions: dict[str, str]  # package: version
    metrics: Sequence[tuple[int, Metric]]  # (iteration, metric) on the held-out problems
    files: dict[str, str]  # name: sha256


def model_card(exported: Exported) -> str:
    """Return the card: Markdown after the hub's YAML front matter. No path of this machine appears."""
    from huggingface_hub import ModelCardData  # only an export needs the import

    base, licence = _origin(exported.config.model.name)
    data = ModelCardData(
        base_model=base, license=licence, library_name="transformers", pipeline_tag="text-generation", tags=_TAGS
    )
    config = _without_paths(exported.config)
    versions = ", ".join(f"{name} {version}" for name, version in sorted(exported.versions.items()))
    files = [f"| `{name}` | `{digest}` |" for name, digest in sorted(exported.files.items())]
    sections = [
        f"---\n{data.to_yaml().strip()}\n---",
        f"# {exported.run}, iteration {exported.iteration}",
        _history(exported, config),
        _results(exported),
        _prompting(config),
        f"## Config of the run\n\n```yaml\n{to_yaml(config)}```",
        f"Trained with {versions}.",
        "\n".join(["## Files", "", "| file | sha256 |", "|---|---|", *files]),
    ]
    return "\n\n".join(sections) + "\n"


def _origin(name: str) -> tuple[str | None, str | None]:
    """Return the base model's hub id and licence, each only where known for sure."""
    if name == SMOLLM2:
        return _SMOLLM2_HUB, "apache-2.0"
    return (None, None) if name == SCRATCH or hub_model.local_folder(name) else (name, None)


def _without_paths(config: Config) -> Config:
    """Return the config with file and folder names instead of paths, and without an endpoint's address."""
    clean = copy.deepcopy(config)
    for section, key in (("model", "name"), ("problems", "name"), ("teacher", "model")):
        value = getattr(getattr(clean, section), key)
        if value and hub_model.local_folder(value):
            setattr(getattr(clean, section), key, Path(value).name)
    if clean.problems.source is SourceKind.file:
        clean.problems.train = clean.problems.train and Path(clean.problems.train).name
        clean.problems.eval = clean.problems.eval and Path(clean.problems.eval).name
    clean.teacher.base_url = clean.teacher.base_url and "(an endpoint)"
    return clean


def _history(exported: Exported, config: Config) -> str:
    """Describe the making of the model in words."""
    base = {SCRATCH: "a small Llama made from scratch"}.get(config.model.name, f"`{config.model.name}`")
    train, teaching = config.train, ""
    if config.boost.problems:
        teaching = f", taught by {config.boost.problems} single-turn worked solutions"
    if exported.iteration == 0:
        return f"The base model of a run of {_PAPER}, before any iteration: {base}{teaching}."
    adapter = (
        f"LoRA of rank {train.lora.r}, merged into the weights" if train.adapter is Adapter.lora else "all weights"
    )
    turns = ", then ".join(f"{turn.n} of the {turn.policy}" for turn in config.collect.turns)
    return (
        f"A language model fine-tuned by {_PAPER} to improve its own answer over several turns.\n\n"
        f"Base: {base}{teaching}. {exported.iteration} iteration(s) of sampling turns ({turns}), picking the "
        f"improved responses (criterion `{config.select.criterion}`), and reward-weighted fine-tuning "
        f"({adapter}; weights exp(reward / {train.tau:g})). Verifier: `{config.verify.verifier}`. "
        f"Checkpoint `{exported.checkpoint_id}`, {config.model.dtype}."
    )


def _results(exported: Exported) -> str:
    """Return the metrics as a table with a column for each iteration up to the exported one."""
    rows = [(k, metric) for k, metric in exported.metrics if k <= exported.iteration]
    if not rows:
        return "## Results\n\nThis checkpoint was not evaluated."
    iterations = sorted({k for k, _ in rows})
    cells = {(metric.metric, k): metric for k, metric in rows}
    lines = [f"| metric | {' | '.join(f'iteration {k}' for k in iterations)} |", f"|---|{'---|' * len(iterations)}"]
    lines += [
        f"| {name} | {' | '.join(_cell(cells.get((name, k))) for k in iterations)} |"
        for name in dict.fromkeys(metric.metric for _, metric in rows)
    ]
    problems = max(metric.n for _, metric in rows)
    return (
        f"## Results\n\nPercent of {problems} held-out problems, with 95% bootstrap intervals over problems. `m1@tK` "
        "is the majority over turns 1..K of one episode, `mB@t1` the majority of B parallel responses, `p` any of "
        "them; `gain_parallel` is turns against parallel responses.\n\n" + "\n".join(lines)
    )


def _cell(metric: Metric | None) -> str:
    return f"{100 * metric.value:.1f} [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]" if metric else ""


def _prompting(config: Config) -> str:
    """Describe the dialogue in words and as a program."""
    dialogue, ev = config.dialogue, config.eval
    sampling: dict[str, object] = {"max_new_tokens": config.collect.max_new_tokens, "do_sample": ev.temperature > 0}
    if ev.temperature > 0:
        sampling |= {"temperature": ev.temperature, "top_p": ev.top_p, "top_k": 0}
    values = {"SYSTEM": dialogue.system, "PROBLEM": dialogue.problem, "FEEDBACK": dialogue.feedback}
    numbers = {"TURNS": ev.turns, "WINDOW": dialogue.window, "SAMPLING": sampling}
    program = EXAMPLE.substitute({name: repr(value) for name, value in (values | numbers).items()})
    return (
        f"## How to prompt it\n\nAsk, then answer every attempt with the same feedback, right or wrong, with the last "
        f"{dialogue.window - 1} attempt(s) in view. The majority of the turns' answers counts. The feedback:\n\n"
        f"````text\n{dialogue.feedback}\n````\n\n`{{problem}}` is the first message again. With transformers, in this "
        f"folder:\n\n```python\n{program}```\n\n`vllm serve` takes the folder as it is."
    )
