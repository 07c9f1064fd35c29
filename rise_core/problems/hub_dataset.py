"""Problems from a Hugging Face dataset: one on the hub, or a local folder of data files (with or without a card).

    rise run PROFILE problems.source=hub problems.name=openai/gsm8k problems.subset=main problems.train=train \\
        problems.eval=test

The `datasets` library reads JSON, Parquet, CSV and Arrow, never code, pickles or archives; it keeps what it downloads
under HF_HOME.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rise.core.config.keys import Config
from rise.core.errors import UserError
from rise.core.problems.file_rows import Row
from rise.core.problems.problem_set import ProblemSet
from rise.core.problems.table import Table, read_tables

FORMATS = {  # what of the library is used, and the names of its files
    "json": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "parquet": (".parquet", ".geoparquet", ".gpq"),
    "arrow": (".arrow",),
}


def read_hub_dataset(config: Config) -> ProblemSet:
    """Read splits `problems.train` and `problems.eval` of dataset `problems.name`. Raises UserError naming the key, or
    the split and row, that is wrong."""
    if not config.problems.name:
        raise UserError("config: problems.name is not set; name a dataset of the hub or a folder, such as openai/gsm8k")
    return read_tables(config, {split: split_table(config, split) for split in ("train", "eval")})


def split_table(config: Config, split: str) -> Table:
    wanted = getattr(config.problems, split)
    if not wanted:
        raise UserError(f"config: problems.{split} is not set; name a split of the dataset, such as train[:90%]")
    name = f"dataset {config.problems.name} split {wanted}"
    # A slice numbers its rows from 1, so two slices of one split count as tables of one stem: their ids differ.
    return Table(name, wanted.partition("[")[0], rows_of(load_split(config, wanted, name), config, name))


def load_split(config: Config, wanted: str, where: str) -> Any:
    """The split as a dataset of the library, downloaded or read from the folder."""
    import datasets  # takes seconds

    problems = config.problems
    folder = Path(os.path.expanduser(str(problems.name)))
    source = str(folder.resolve()) if os.path.isdir(folder) else problems.name
    try:
        builder = datasets.load_dataset_builder(source, problems.subset, revision=problems.revision)
        check_formats(builder, where)
        return datasets.load_dataset(source, problems.subset, split=wanted, revision=problems.revision)
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds; each says what it could not find, reach or read
        raise UserError(f"{where} cannot be loaded: {reason(error)}{advice(error, folder)}") from error


def check_formats(builder: Any, where: str) -> None:
    """The library would also unpack archives and read many other formats, each by its own parser."""
    kind = type(builder).__module__.rpartition(".")[2]
    files = [str(file) for named in (builder.config.data_files or {}).values() for file in named]
    archives = [file for file in files if Path(file).suffix.lower() not in FORMATS.get(kind, ())]
    if kind not in FORMATS or archives:
        what = f"{archives[0]!r}" if archives else f"files for {kind!r}"
        raise UserError(f"{where} holds {what}: only JSON, CSV, Parquet and Arrow files are read, not packed")


def rows_of(dataset: Any, config: Config, where: str) -> Iterator[Row]:
    """The rows with their numbers from 1; only the columns that are used, since others may need decoding (images)."""
    fields = config.problems.fields
    used = [name for name in (fields.problem, fields.answer, fields.id, fields.solution) if name]
    if len(dataset) == 0:
        raise UserError(f"{where} holds no problem")
    if set(used) <= set(dataset.column_names):
        dataset = dataset.select_columns(list(dict.fromkeys(used)))
    yield from enumerate(dataset, start=1)


def reason(error: BaseException) -> str:
    """What went wrong, in one line: the library wraps a reader's error, which says more than its own."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 8:
        causes.append(cause)
    generating = type(error).__name__.startswith("DatasetGeneration")
    said = " ".join(str(causes[-1] if generating else error).split())
    return (said or type(error).__name__)[:400]


def advice(error: Exception, folder: Path) -> str:
    if not isinstance(error, ConnectionError):
        return ""
    return f"; there is no folder {folder} here, and the hub cannot be reached: check problems.name and the network"
