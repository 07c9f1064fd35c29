"""Problems from a Hugging Face dataset, on the hub or in a local folder.

    rise run PROFILE problems.source=hub problems.name=openai/gsm8k problems.subset=main problems.train=train \\
        problems.eval=test

The `datasets` library reads JSON, Parquet, CSV and Arrow here, never code, pickles or archives. Downloads stay under
HF_HOME.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.problems.row_reader import Row
from rise_core.problems.table import Table
from rise_core.text import error_line

_FORMATS = {  # by builder of the library: the suffixes of its files
    "json": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "parquet": (".parquet", ".geoparquet", ".gpq"),
    "arrow": (".arrow",),
}


def open_hub_split(config: Config, split: str) -> Table:
    """Open a split ("train" or "eval") of dataset `problems.name`; `problems.SPLIT` names the dataset's own split.

    Raises:
        UserError: A key is not set, or the dataset cannot be loaded; the message names the key, or dataset and split.
    """
    if not config.problems.name:
        raise UserError("config: problems.name is not set; name a dataset of the hub or a folder, such as openai/gsm8k")
    hub_split = getattr(config.problems, split)
    if not hub_split:
        raise UserError(f"config: problems.{split} is not set; name a split of the dataset, such as train[:90%]")
    name = f"dataset {config.problems.name} split {hub_split}"
    # Every slice numbers its rows from 1. Slices of one split share a stem, so `splits` gives their ids a prefix.
    return Table(name, hub_split.partition("[")[0], _rows(_load_split(config, hub_split, name), config, name))


def _load_split(config: Config, hub_split: str, name: str) -> Any:
    """Load the split as a dataset of the library, from hub or folder."""
    import datasets  # imported here: takes seconds, and other sources do without

    problems = config.problems
    folder = Path(os.path.expanduser(str(problems.name)))
    source = str(folder.resolve()) if os.path.isdir(folder) else problems.name
    try:
        builder = datasets.load_dataset_builder(source, problems.subset, revision=problems.revision)
        _check_formats(builder, name)
        return datasets.load_dataset(source, problems.subset, split=hub_split, revision=problems.revision)
    except UserError:
        raise
    except Exception as error:  # no common type: the library raises many kinds for missing or unreadable data
        raise UserError(f"{name} cannot be loaded: {_reason(error)}{_advice(error, folder)}") from error


def _check_formats(builder: Any, name: str) -> None:
    """Refuse archives and other formats. The library has a separate parser for each of these."""
    kind = type(builder).__module__.rpartition(".")[2]
    files = [str(file) for pattern in (builder.config.data_files or {}).values() for file in pattern]
    archives = [file for file in files if Path(file).suffix.lower() not in _FORMATS.get(kind, ())]
    if kind not in _FORMATS or archives:
        content = f"{archives[0]!r}" if archives else f"files for {kind!r}"
        raise UserError(f"{name} holds {content}: only JSON, CSV, Parquet and Arrow files are read, not packed")


def _rows(dataset: Any, config: Config, name: str) -> Iterator[Row]:
    """Yield the rows with numbers from 1. Only columns in use are read: others may need decoding (images)."""
    fields = config.problems.fields
    used = [column for column in (fields.problem, fields.answer, fields.id, fields.solution) if column]
    if len(dataset) == 0:
        raise UserError(f"{name} holds no problem")
    if set(used) <= set(dataset.column_names):
        dataset = dataset.select_columns(list(dict.fromkeys(used)))
    yield from enumerate(dataset, start=1)


def _reason(error: BaseException) -> str:
    """Describe an error in one line. A generation error of the library wraps the reader's error, the useful one."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 8:
        causes.append(cause)
    generating = type(error).__name__.startswith("DatasetGeneration")
    return error_line(causes[-1] if generating else error, limit=400)


def _advice(error: Exception, folder: Path) -> str:
    if not isinstance(error, ConnectionError):
        return ""
    return f"; there is no folder {folder} here, and the hub cannot be reached: check problems.name and the network"
