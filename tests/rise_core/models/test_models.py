"""Base models: what a folder must hold, what a checkpoint takes from it, the SmolLM2 conversion, the scratch model."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.method.dialogue import response_text, state_ids
from rise_core.models import build, check_model, folder, hub_model, scratch, smollm2


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "whole"
    scratch.build(Config(), ["numbers 1 2 3 target 5 : which ?"], path)
    return path


def test_the_same_seed_makes_the_same_scratch_model_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in {"a": 0, "b": 0, "c": 1}.items():
        scratch.build(Config(seed=seed), ["one two"], tmp_path / name)
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_a_linked_folder_holds_what_a_checkpoint_needs_and_nothing_else(whole: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    folder.link(whole, source)
    (source / "pytorch_model.bin").write_bytes(b"pickle")
    (source / "modeling.py").write_text("raise SystemExit")
    folder.link(source, tmp_path / "out")
    folder.check_folder(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {path.name for path in whole.iterdir()}


def test_stop_tokens_are_those_of_tokenizer_and_generation_config(whole: Path, tmp_path: Path) -> None:
    folder.link(whole, tmp_path / "m")
    tokenizer = folder.load_tokenizer(tmp_path / "m")
    (tmp_path / "m/generation_config.json").unlink()
    (tmp_path / "m/generation_config.json").write_text(json.dumps({"eos_token_id": [9, 7]}))
    assert folder.stop_token_ids(tmp_path / "m", tokenizer) == tuple(sorted({7, 9, tokenizer.eos_token_id}))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_damaged_settings_file_is_named(whole: Path, tmp_path: Path, name: str) -> None:
    for text, complaint in (('{"a": ', "is not valid JSON"), ("[1]", "holds no JSON object")):
        path = tmp_path / complaint
        folder.link(whole, path)
        (path / "chat_template.jinja").unlink(missing_ok=True)
        (path / name).unlink()
        (path / name).write_text(text)
        with pytest.raises(UserError, match=f"{name} {complaint}"):
            folder.check_folder(path)


def test_names_are_folders_or_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_model.local_folder(str(tmp_path)) == tmp_path
    assert hub_model.local_folder("./missing/folder") == Path("missing/folder")
    assert hub_model.local_folder("mistralai/Mistral-7B-Instruct-v0.2") is None
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own").mkdir()
    assert hub_model.local_folder("~/own") == tmp_path / "own"


def test_a_hub_model_that_cannot_be_had_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = Config()
    config.model.name = "nobody/nothing"
    with pytest.raises(UserError, match=r"nobody/nothing.*hub"):
        build(config, [], tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"boost": 0}, "boost.problems"),
        ({"boost": 1, "hidden_size": 48}, "hidden_size"),
        ({"boost": 1, "context": 16}, "max_model_len"),
    ],
)
def test_a_scratch_model_that_cannot_work_is_refused(change: dict[str, int], named: str) -> None:
    config = Config()
    config.boost.problems = change.pop("boost")
    config.engine.max_model_len = 32
    for name, value in change.items():
        setattr(config.model.scratch, name, value)
    with pytest.raises(UserError, match=named):
        check_model(config)


def test_smollm2_keeps_its_logits_and_answers_in_chat(tmp_path: Path) -> None:
    smollm2.build(tmp_path)
    folder.check_folder(tmp_path)
    file = smollm2.gguf_file()
    plain = AutoModelForCausalLM.from_pretrained(tmp_path)
    quantised = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.float32)
    tokenizer = folder.load_tokenizer(tmp_path)
    ids = torch.tensor([state_ids(tokenizer, "What is the capital of France?", [], Config().dialogue)])
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, quantised(ids).logits)
        answer = plain.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert "Paris" in response_text(tokenizer, answer.tolist())
