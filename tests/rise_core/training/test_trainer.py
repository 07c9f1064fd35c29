"""Whole fine-tunings of tiny models on the CPU."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from rise_core.config.choices import Adapter
from rise_core.config.training_keys import Optim
from rise_core.errors import UserError
from rise_core.records import TrainRow
from rise_core.training.log import TrainLog
from rise_core.training.row_file import write_rows
from rise_core.training.spec import TrainResult, TrainSpec
from rise_core.training.trainer import train


def run(spec: TrainSpec, **changes: Any) -> TrainResult:
    return train(dataclasses.replace(spec, **changes), rank=0, world_size=1, report=lambda entry: None)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_loss_falls_and_the_log_says_so(spec: TrainSpec, rows: list[TrainRow]) -> None:
    reports: list[dict[str, Any]] = []
    long = dataclasses.replace(spec, optim=Optim(learning_rate=1e-2, epochs=20, batch_size=13))
    result = train(long, rank=0, world_size=1, report=reports.append)
    losses = [entry["loss"] for entry in result.log]
    assert losses[-1] < losses[0] / 2
    assert (result.kind, result.steps, result.tokens) == ("full", 20, 20 * sum(len(row.ids) for row in rows))
    assert [entry["step"] for entry in result.log] == list(range(1, 21))
    assert result.log[-1]["epoch"] == 20
    assert result.log[-1]["tokens"] == result.tokens
    assert [json.loads(line) for line in Path(spec.log_path).read_text().splitlines()] == result.log
    assert reports[-1] == result.log[-1]
    assert len(reports) < len(result.log)


def test_a_long_log_is_thinned_but_the_file_is_whole(tmp_path: Path) -> None:
    reports: list[dict[str, Any]] = []
    with TrainLog(str(tmp_path / "log.jsonl"), 1234, reports.append) as log:
        for step in range(1, 1235):
            log.add({"step": step})
    assert len(log.entries) <= 501
    assert (log.entries[0], log.entries[-1]) == ({"step": 1}, {"step": 1234})
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1234
    assert (reports[0], reports[-1]) == ({"step": 1}, {"step": 1234})
    assert len(reports) < 100  # one a second and the last


@pytest.mark.parametrize("adapter", list(Adapter))
def test_the_same_spec_gives_the_same_bytes(spec: TrainSpec, tmp_path: Path, adapter: Adapter) -> None:
    lora = dataclasses.replace(spec.lora, dropout=0.1)
    for out in ("one", "two"):
        run(spec, adapter=adapter, lora=lora, out_dir=str(tmp_path / out))
    run(spec, adapter=adapter, lora=lora, out_dir=str(tmp_path / "other"), seed=spec.seed + 1)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert hashes(tmp_path / "one") != hashes(tmp_path / "other")


def test_a_full_checkpoint_loads_and_differs_from_its_start(spec: TrainSpec) -> None:
    run(spec)
    assert {path.suffix for path in Path(spec.out_dir).iterdir()} == {".safetensors", ".json"}
    before = AutoModelForCausalLM.from_pretrained(spec.weights_dir)
    after = AutoModelForCausalLM.from_pretrained(spec.out_dir)
    assert after.get_input_embeddings().weight is after.get_output_embeddings().weight  # tied, as it was
    assert not torch.equal(before.get_output_embeddings().weight, after.get_output_embeddings().weight)
    assert_no_machine_path(Path(spec.out_dir))


def test_a_checkpoint_is_saved_in_the_dtype_of_the_spec(spec: TrainSpec) -> None:
    run(spec, dtype="bfloat16")
    assert {tensor.dtype for tensor in load_file(Path(spec.out_dir) / "model.safetensors").values()} == {torch.bfloat16}


def test_generation_settings_that_cannot_be_saved_do_not_lose_the_training(spec: TrainSpec) -> None:
    """As published with Llama 2: a temperature, but no sampling."""
    path = Path(spec.weights_dir) / "generation_config.json"
    settings = json.loads(path.read_text()) | {"do_sample": False, "temperature": 0.9, "top_p": 0.6}
    path.write_text(json.dumps(settings))
    run(spec)
    assert "temperature" not in json.loads((Path(spec.out_dir) / "generation_config.json").read_text())


def test_an_adapter_covers_all_linear_layers_and_names_no_path(spec: TrainSpec) -> None:
    result = run(spec, adapter=Adapter.lora)
    assert result.kind == "adapter"
    out = Path(spec.out_dir)
    assert {path.name for path in out.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((out / "adapter_config.json").read_text())
    linear = {"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"}
    assert {name.rpartition(".")[2] for name in config["target_modules"]} == linear
    assert config["target_modules"] == sorted(config["target_modules"])  # the file must not depend on a set's order
    assert config["base_model_name_or_path"] == "model"
    assert_no_machine_path(out)


def test_chosen_lora_targets_are_kept(spec: TrainSpec) -> None:
    run(spec, adapter=Adapter.lora, lora=dataclasses.replace(spec.lora, targets=["q_proj", "v_proj"]))
    tensors = load_file(Path(spec.out_dir) / "adapter_model.safetensors")
    assert {name.split(".")[-3] for name in tensors} == {"q_proj", "v_proj"}


def test_training_goes_on_from_an_earlier_adapter(spec: TrainSpec, tmp_path: Path) -> None:
    first = run(spec, adapter=Adapter.lora)
    out = str(tmp_path / "second")
    second = run(spec, adapter=Adapter.lora, adapter_dir=spec.out_dir, out_dir=out)
    assert second.log[0]["loss"] < first.log[0]["loss"]
    base = AutoModelForCausalLM.from_pretrained(spec.weights_dir)
    assert PeftModel.from_pretrained(base, out).peft_config["default"].r == 4


def test_gradient_checkpointing_changes_nothing(spec: TrainSpec, tmp_path: Path) -> None:
    plain = run(spec, adapter=Adapter.lora)
    saving = run(spec, adapter=Adapter.lora, gradient_checkpointing=True, out_dir=str(tmp_path / "saving"))
    assert [e["loss"] for e in saving.log] == pytest.approx([e["loss"] for e in plain.log], rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_the_step(spec: TrainSpec) -> None:
    with pytest.raises(UserError, match=r"optimiser step [1-9]\d*: the (loss|gradient norm) is (nan|inf)"):
        run(spec, optim=Optim(learning_rate=1e30, epochs=5, batch_size=5, max_grad_norm=0))
    assert not Path(spec.out_dir).exists()


def test_missing_weights_are_named(spec: TrainSpec) -> None:
    with pytest.raises(UserError, match=r"nowhere cannot be loaded for training: it has no config\.json"):
        run(spec, weights_dir="nowhere")


def test_a_token_outside_the_vocabulary_is_refused(spec: TrainSpec) -> None:
    write_rows(spec.rows_path, [TrainRow([1, 50], [False, True], 1.0)])
    with pytest.raises(UserError, match="token id 50"):
        run(spec)


def test_the_loop_imports_without_the_services_around_it() -> None:
    code = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ray", "vllm", "prefect", "duckdb"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
import rise_core.training.trainer, rise_core.method.weights, rise_core.training.row_file
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def assert_no_machine_path(folder: Path) -> None:
    for path in folder.glob("*.json"):
        assert str(folder.parent) not in path.read_text()
