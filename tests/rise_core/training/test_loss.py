"""The loss is that of the plain formula, and packing, passes and reduction change neither it nor its gradient."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from rise_core.config.choices import Adapter, LossReduction
from rise_core.records import TrainRow
from rise_core.training.model import load_model, target_logits, trainable
from rise_core.training.packing import batches, collate
from rise_core.training.row_file import load_rows, write_rows
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import gradient, share
from tests.rise_core.training.conftest import make_model, make_rows

CPU = torch.device("cpu")


def plain_loss(model: Any, rows: list[TrainRow], reduction: LossReduction) -> torch.Tensor:
    """The formula of loss.py, one row at a time, on full logits."""
    total = torch.zeros(())
    for row in rows:
        logits = model(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0]
        losses = [-logits[i - 1].log_softmax(-1)[row.ids[i]] for i, on in enumerate(row.mask) if on]
        nll = torch.stack(losses).sum()
        total = total + row.weight * (nll / len(losses) if reduction is LossReduction.token_mean else nll)
    return total / len(rows)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    actual = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return actual


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2"])
@pytest.mark.parametrize("reduction", list(LossReduction))
@pytest.mark.parametrize(
    ("row_tokens", "micro_rows", "flat"),
    [(1, 4, False), (64, 1, False), (64, 100, False), (20, 3, False), (64, 3, True)],
)
def test_any_packing_gives_the_plain_loss_and_gradient(
    tmp_path: Path, family: str, reduction: LossReduction, row_tokens: int, micro_rows: int, flat: bool
) -> None:
    model, rows = make_model(family).train(), make_rows(11)
    write_rows(tmp_path / "rows.parquet", rows)
    expected = plain_loss(model, rows, reduction)
    expected.backward()
    expected_gradients = gradients(model)

    passes = batches(load_rows(tmp_path / "rows.parquet"), range(11), reduction, row_tokens, micro_rows, flat)
    loss = gradient(model, passes, 11, half=False, world_size=1)

    assert loss == pytest.approx(expected.item(), rel=1e-5)
    actual = gradients(model)
    assert actual.keys() == expected_gradients.keys()
    for name, value in expected_gradients.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-4, atol=1e-5 * expected.item(), msg=name)


def test_the_shares_of_the_workers_sum_to_the_whole_gradient(tmp_path: Path) -> None:
    """Also where workers outnumber examples; the sum itself is tested with real workers in test_ray_train.py."""
    model = make_model("llama").train()
    write_rows(tmp_path / "rows.parquet", make_rows(5))
    rows = load_rows(tmp_path / "rows.parquet")

    def run(examples: list[int]) -> float:
        passes = batches(rows, examples, LossReduction.token_mean, 64, 2)
        return gradient(model, passes, 5, half=False, world_size=1)

    whole, whole_gradients = run([0, 1, 2, 3, 4]), gradients(model)
    for workers in (2, 7):
        shares = [share(rows, [0, 1, 2, 3, 4], rank, workers) for rank in range(workers)]
        assert sorted(index for part in shares for index in part) == [0, 1, 2, 3, 4]
        assert sum(run(part) for part in shares) == pytest.approx(whole, rel=1e-5)
        for name, value in gradients(model).items():
            torch.testing.assert_close(value, whole_gradients[name], rtol=1e-4, atol=1e-5 * whole, msg=name)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2"])
def test_logits_at_the_targets_equal_full_logits(tmp_path: Path, family: str) -> None:
    model = make_model(family).eval()
    write_rows(tmp_path / "rows.parquet", make_rows(4))
    batch = collate(load_rows(tmp_path / "rows.parquet"), [[0, 1], [2, 3]], LossReduction.token_mean)
    with torch.no_grad():
        full = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
        few = target_logits(model, batch)
    torch.testing.assert_close(few, full.flatten(0, 1)[batch.sources])


def test_a_soft_cap_on_logits_is_kept(tmp_path: Path) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=0.5,
        initializer_range=0.5,
    )
    model = Gemma2ForCausalLM(config).eval()
    write_rows(tmp_path / "rows.parquet", make_rows(2))
    batch = collate(load_rows(tmp_path / "rows.parquet"), [[0], [1]], LossReduction.token_mean)
    with torch.no_grad():
        full = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
        few = target_logits(model, batch)
    assert few.abs().max() <= 0.5
    torch.testing.assert_close(few, full.flatten(0, 1)[batch.sources])


def test_logits_through_lora_equal_full_logits(spec: TrainSpec) -> None:
    model = load_model(dataclasses.replace(spec, adapter=Adapter.lora), CPU).eval()
    for parameter in trainable(model):
        torch.nn.init.normal_(parameter, std=0.1)  # a fresh adapter changes nothing and would prove nothing
    batch = collate(load_rows(spec.rows_path), [[0, 1], [2]], LossReduction.token_mean)
    with torch.no_grad():
        full = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
        base = model.get_base_model()
        with model.disable_adapter():
            without = base(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
        few = target_logits(model, batch)
    torch.testing.assert_close(few, full.flatten(0, 1)[batch.sources])
    assert not torch.allclose(full, without, atol=1e-2)


def test_sequences_in_one_row_do_not_see_each_other() -> None:
    """What the equality above rests on, for a sliding window too: changing one sequence leaves its neighbour alone."""
    for family in ("llama", "mistral"):
        model = make_model(family).eval()
        position_ids = torch.tensor([[0, 1, 2, 3, 0, 1, 2]])
        one, other = torch.tensor([[1, 2, 3, 4, 5, 6, 7]]), torch.tensor([[9, 8, 7, 6, 5, 6, 7]])
        with torch.no_grad():
            logits = [model(input_ids=i, position_ids=position_ids, use_cache=False).logits for i in (one, other)]
        torch.testing.assert_close(logits[0][0, 4:], logits[1][0, 4:])
        assert not torch.allclose(logits[0][0, :4], logits[1][0, :4], atol=1e-2)
