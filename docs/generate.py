"""Fill the reference tables of docs/configuration.md and docs/lake.md from the code that they describe.

    make docs                                   # write them
    .venv/bin/python docs/generate.py --check   # exit status 1, and the difference, where a page is out of date

A block of a page between `<!-- make docs: NAME -->` and `<!-- end -->` is what BLOCKS[NAME] returns.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from rise.core.config.changes import FREE_KEYS
from rise.core.config.keys import Config
from rise.core.config.load import load_config
from rise.core.config.profiles import BASELINES_DIR, CONF_DIR, baselines, profiles
from rise.storage.lake import Lake, LakeLocation
from rise.storage.meanings import TABLES, VIEWS, Relation, meaning

FOLDER = Path(__file__).resolve().parent
BLOCK = re.compile(r"(<!-- make docs: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TYPES = {int: "integer", float: "number", str: "text", bool: "true or false"}


def main(arguments: list[str]) -> int:
    differ = 0
    for name in ("configuration.md", "lake.md"):
        page = FOLDER / name
        old = page.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block['name']]()}{block[3]}", old)
        if "--check" not in arguments:
            page.write_text(new, encoding="utf-8")
        elif old != new:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, "make docs"))
            differ = 1
    return differ


def keys() -> str:
    """Every key of the config, a table for each section."""
    return "\n".join(section(Config, ""))


def section(cls: type, prefix: str) -> Iterator[str]:
    """The heading and table of a section, then its sections."""
    hints = get_type_hints(cls)
    inner = {one.name: hints[one.name] for one in fields(cls) if is_dataclass(hints[one.name])}
    plain = [one for one in fields(cls) if one.name not in inner]
    yield f"### {prefix.rstrip('.') or 'The run'}\n\n{' '.join((cls.__doc__ or '').split())}\n"
    if plain:
        yield table("key", "type", "default", "meaning", "later")
        for one in plain:
            yield from rows(f"{prefix}{one.name}", hints[one.name], default_of(cls, one.name), one.metadata["help"])
        yield ""
    for name, other in inner.items():
        yield from section(other, f"{prefix}{name}.")


def rows(name: str, kind: Any, default: Any, meaning: str) -> Iterator[str]:
    """The row of a key; for a list of entries with keys of their own, a row for each of these too."""
    later = "yes" if FREE_KEYS.match(name) else ""
    yield row(f"`{name}`", words(kind), shown(default), meaning, later)
    (item,) = get_args(kind) if get_origin(kind) is list else (None,)
    if isinstance(item, type) and is_dataclass(item):
        hints = get_type_hints(item)
        for one in fields(item):
            entry = f"{name}[].{one.name}"
            yield from rows(entry, hints[one.name], default_of(item, one.name), one.metadata["help"])


def words(kind: Any) -> str:
    """A type in words."""
    if isinstance(kind, UnionType):
        return " or ".join("null" if part is type(None) else words(part) for part in get_args(kind))
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return "list of entries" if is_dataclass(item) else f"list of {words(item)}s"
    if get_origin(kind) is dict:
        return "map"
    if issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    return TYPES[kind]


def default_of(cls: Any, name: str) -> Any:
    return getattr(cls(), name)


def shown(value: Any) -> str:
    """A default as it would stand in YAML."""
    return f"`{json.dumps(plain(value), ensure_ascii=False) if not isinstance(value, Enum) else value.value}`"


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    return value


def shipped() -> str:
    """The shipped profiles: what they are, and the keys that tell them apart."""
    lines = [table("profile", "what it is", "model", "graded by", "turns", "training")]
    for name in profiles():
        config = load_config(name)
        turns = ", ".join(str(turn.n) for turn in config.collect.turns)
        about = first_comment(CONF_DIR / f"{name}.yaml").partition(". ")[0]
        training = {"none": "all weights"}.get(config.train.adapter.value, "LoRA")
        cells = (f"`{name}`", about, f"`{config.model.name}`", f"`{config.verify.verifier}`", turns, training)
        lines.append(row(*cells))
    return "\n".join(lines) + "\n"


def overlays() -> str:
    """The shipped baselines."""
    lines = [table("baseline", "what it is")]
    lines += [row(f"`{name}`", first_comment(BASELINES_DIR / f"{name}.yaml")) for name in baselines()]
    return "\n".join(lines) + "\n"


def first_comment(path: Path) -> str:
    """The comment at the top of a profile, up to its first command."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or line.startswith("#  "):
            break
        words.append(line.removeprefix("# "))
    return " ".join(words).removesuffix(":").removesuffix(".")


def tables() -> str:
    return relations(TABLES)


def views() -> str:
    return relations(VIEWS)


def relations(wanted: dict[str, Relation]) -> str:
    """A heading and a table of columns for each relation, as a new lake has them."""
    lines = []
    for name, relation in wanted.items():
        lines += [f"### {name}", "", relation.row, "", table("column", "type", "meaning")]
        lines += [row(f"`{column}`", f"`{kind}`", meaning(name, column)) for column, kind in columns()[name].items()]
        lines.append("")
    return "\n".join(lines)


@cache
def columns() -> dict[str, dict[str, str]]:
    """The columns, with their types, of every table and view of a new lake."""
    found: dict[str, dict[str, str]] = {}
    with TemporaryDirectory() as folder, Lake(LakeLocation.from_home(Path(folder))) as lake:
        asked = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake'"
        for one in lake.query(f"{asked} ORDER BY table_name, column_index").to_pylist():
            found.setdefault(one["table_name"], {})[one["column_name"]] = one["data_type"]
    if found.keys() != TABLES.keys() | VIEWS.keys():
        sys.exit(f"storage/meanings.py and the lake differ in {sorted(found.keys() ^ (TABLES.keys() | VIEWS.keys()))}")
    return found


def table(*names: str) -> str:
    return f"{row(*names)}\n|{'---|' * len(names)}"


def row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


BLOCKS = {"keys": keys, "profiles": shipped, "baselines": overlays, "tables": tables, "views": views}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
