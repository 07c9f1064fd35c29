"""Hugging Face datasets, loaded by the real library from local folders, without the hub."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.problems import load_problems
from tests.rise_core.problems.configs import refusal

ROOT = Path(__file__).resolve().parents[3]
CARD = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train.parquet}
  - {split: test, path: main/test.parquet}
- config_name: small
  data_files: [{split: train, path: small/train.parquet}, {split: test, path: small/test.parquet}]
---
Two configurations.
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def rows(prefix: str, count: int) -> list[dict[str, Any]]:
    return [{"question": f"{prefix} question {n}", "answer": f"#### {n}", "level": n} for n in range(1, count + 1)]


def write_jsonl(path: Path, content: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in content))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A folder without a card; the names of its JSON lines files are the splits."""
    write_jsonl(tmp_path / "plain/train.jsonl", rows("train", 10))
    write_jsonl(tmp_path / "plain/test.jsonl", rows("test", 4))
    return tmp_path / "plain"


@pytest.fixture
def carded(tmp_path: Path) -> Path:
    """A folder of Parquet files with a card for two configurations."""
    folder = tmp_path / "carded"
    for name, counts in (("main", {"train": 6, "test": 3}), ("small", {"train": 2, "test": 1})):
        (folder / name).mkdir(parents=True)
        for split, count in counts.items():
            table = pa.Table.from_pylist(rows(f"{name} {split}", count))
            pq.write_table(table, folder / name / f"{split}.parquet")
    (folder / "README.md").write_text(CARD)
    return folder


def config_for(name: Path | str | None, train: str | None = "train", held_out: str | None = "test") -> Config:
    config = Config()
    config.problems.source = SourceKind.hub
    config.problems.name = None if name is None else str(name)
    config.problems.train, config.problems.eval = train, held_out
    return config


def test_json_lines_without_a_card(plain: Path) -> None:
    config = config_for(plain)
    config.boost.problems = 2
    problems = load_problems(config)
    assert [p.problem for p in problems.train] == [row["question"] for row in rows("train", 10)]
    assert [p.problem_id for p in problems.eval] == ["test-1", "test-2", "test-3", "test-4"]
    assert [p.solution for p in problems.boost] == ["#### 1", "#### 2"]
    assert {p.split for p in problems.eval} == {"eval"}


def test_parquet_with_a_card_and_its_configurations(carded: Path) -> None:
    config = config_for(carded)
    config.problems.subset = "main"
    main = load_problems(config)
    assert (len(main.train), len(main.eval)) == (6, 3)
    config.problems.subset = "small"
    assert [p.problem for p in load_problems(config).train] == ["small train question 1", "small train question 2"]
    config.problems.subset = "large"
    assert "'large' not found. Available: ['main', 'small']" in refusal(config)
    config.problems.subset = None
    assert "main" in refusal(config)


def test_a_folder_that_save_to_disk_made(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    splits = {name: Dataset.from_list(rows(name, count)) for name, count in (("train", 5), ("test", 2))}
    DatasetDict(splits).save_to_disk(tmp_path / "saved")
    problems = load_problems(config_for(tmp_path / "saved"))
    assert [p.problem for p in problems.train] == [row["question"] for row in rows("train", 5)]
    assert len(problems.eval) == 2


def test_slices_of_one_split(plain: Path) -> None:
    problems = load_problems(config_for(plain, "train[:60%]", "train[60%:]"))
    assert [p.problem for p in problems.eval] == [row["question"] for row in rows("train", 10)[6:]]
    assert [p.problem_id for p in (problems.train[0], problems.eval[0])] == ["train-train-1", "eval-train-1"]
    overlap = refusal(config_for(plain, "train[:60%]", "train[50%:]"))
    assert overlap.startswith(f"dataset {plain} split train[50%:] row 1 is a held-out problem")
    assert f"dataset {plain} split train[:60%] row 6" in overlap


def test_sizes_and_columns(plain: Path) -> None:
    config = config_for(plain)
    config.problems.train_size, config.problems.eval_size = 3, 2
    config.problems.fields.id = "level"
    assert "repeats id '1'" in refusal(config)
    config.problems.fields.id, config.problems.fields.answer = None, "level"
    assert [p.answer for p in load_problems(config).train] == ["1", "2", "3"]
    config.problems.fields.answer = "gold"
    message = refusal(config)
    assert f"dataset {plain} split train row 1 has no column 'gold' (columns: question, answer, level)" in message
    config.problems.fields.answer, config.problems.train_size = "answer", 11
    assert f"problems.train_size is 11, but dataset {plain} split train has only 10 rows" in refusal(config)


def test_a_changed_file_is_read_anew(plain: Path) -> None:
    assert load_problems(config_for(plain)).eval[0].problem == "test question 1"
    write_jsonl(plain / "test.jsonl", rows("later", 4))
    assert load_problems(config_for(plain)).eval[0].problem == "later question 1"


def test_what_is_not_there_is_named(plain: Path) -> None:
    assert "problems.name is not set" in refusal(config_for(None))
    assert "problems.train is not set" in refusal(config_for(plain, train=None))
    assert "problems.eval is not set" in refusal(config_for(plain, held_out=None))
    unknown = refusal(config_for(plain, held_out="validation"))
    assert f"dataset {plain} split validation cannot be loaded" in unknown
    assert "['train', 'test']" in unknown
    assert "train[oops]" in refusal(config_for(plain, train="train[oops]"))


def test_bad_rows_and_files_are_named(plain: Path, tmp_path: Path) -> None:
    write_jsonl(plain / "train.jsonl", [*rows("train", 2), {"question": "", "answer": "1", "level": 3}])
    assert f"dataset {plain} split train row 3: column 'question' is empty" in refusal(config_for(plain))
    (plain / "train.jsonl").write_text('{"question": \n')
    assert f"dataset {plain} split train cannot be loaded: Expected object or value" in refusal(config_for(plain))
    (tmp_path / "empty").mkdir()
    assert f"dataset {tmp_path / 'empty'} split train cannot be loaded" in refusal(config_for(tmp_path / "empty"))


def test_code_in_a_dataset_is_not_run(plain: Path, tmp_path: Path) -> None:
    (plain / "plain.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    assert "scripts are no longer supported" in refusal(config_for(plain))
    assert not (tmp_path / "ran").exists()


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    script = (
        "from rise_core.config.load import load_config; from rise_core.problems import load_problems;"
        "load_problems(load_config('demo', ['problems.source=hub', 'problems.name=openai/gsm8k',"
        " 'problems.subset=main', 'problems.train=train', 'problems.eval=test', 'problems.params={}']))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rise_core.errors.UserError: dataset openai/gsm8k split train cannot be loaded")
    assert "the hub cannot be reached: check problems.name and the network" in last


@pytest.mark.parametrize("packed", ["train.zip", "train.jsonl.gz", "train.tar", "train.txt", "train.pkl", "train.py"])
def test_archives_pickles_and_code_are_refused(plain: Path, packed: str) -> None:
    for split in ("train", "test"):
        (plain / f"{split}.jsonl").unlink()
        file = plain / packed.replace("train", split)
        line = json.dumps({"question": f"{split} 1", "answer": "#### 1"}) + "\n"
        if packed.endswith(".zip"):
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(f"{split}.jsonl", line)
        elif packed.endswith(".gz"):
            file.write_bytes(gzip.compress(line.encode()))
        elif packed.endswith(".tar"):
            with tarfile.open(file, "w") as archive:
                member = tarfile.TarInfo(f"{split}.jsonl")
                member.size = len(line)
                archive.addfile(member, io.BytesIO(line.encode()))
        elif packed.endswith(".pkl"):
            file.write_bytes(pickle.dumps([{"question": "1", "answer": "1"}]))
        else:
            file.write_text(line)
    message = refusal(config_for(plain))
    assert "only JSON, CSV, Parquet and Arrow" in message or "cannot be loaded" in message
