"""Fill the reference tables of docs/configuration.md and docs/lake.md from the code.

    make docs                                   # write the tables
    .venv/bin/python docs/generate.py --check   # exit status 1, and the difference, where a page is out of date

A block of a page between `<!-- make docs: NAME -->` and `<!-- end -->` holds the text of _BLOCKS[NAME]().
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rise_core.config.changes import may_change
from rise_core.config.field_types import AT_EVALUATION, LATER
from rise_core.config.keys import Config
from rise_core.config.load import load_config
from rise_core.config.profiles import BASELINES_DIR, CONF_DIR, baselines, profiles
from storage.schema import TABLES, Table
from storage.views import VIEWS, View

_FOLDER = Path(__file__).resolve().parent
_BLOCK = re.compile(r"(<!-- make docs: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TYPES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "map",
    "null": "null",
}
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
_Schema = dict[str, Any]  # a JSON schema, as pydantic writes it


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` print the differences. Returns the exit status."""
    differ = 0
    for name in ("configuration.md", "lake.md"):
        page = _FOLDER / name
        old = page.read_text(encoding="utf-8")
        new = _BLOCK.sub(lambda block: f"{block[1]}{_BLOCKS[block['name']]()}{block[3]}", old)
        if "--check" not in arguments:
            page.write_text(new, encoding="utf-8")
        elif old != new:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, "make docs"))
            differ = 1
    return differ


def keys() -> str:
    """Print every key of the config: a heading and a table for each section."""
    schema = TypeAdapter(Config).json_schema(ref_template="{model}")
    return "\n".join(_section(schema, schema["$defs"], ""))


def _section(schema: _Schema, definitions: dict[str, _Schema], prefix: str) -> Iterator[str]:
    """Yield the heading and the table of a section, then its sections."""
    sections = {name: definitions.get(key.get("$ref", ""), {}) for name, key in schema["properties"].items()}
    sections = {name: section for name, section in sections.items() if "properties" in section}
    yield f"### {prefix.rstrip('.') or 'The run'}\n\n{' '.join(schema['description'].split())}\n"
    if sections.keys() != schema["properties"].keys():
        yield _table("key", "type", "default", "meaning", "later", "eval")
        for name, key in schema["properties"].items():
            if name not in sections:
                yield from _key_rows(f"{prefix}{name}", key, definitions)
        yield ""
    for name, section in sections.items():
        yield from _section(section, definitions, f"{prefix}{name}.")


def _key_rows(name: str, key: _Schema, definitions: dict[str, _Schema]) -> Iterator[str]:
    """Yield the row of a key; for a list of entries, also a row for each key of an entry."""
    default = key["default"] if "default" in key else TypeAdapter(Any).dump_python(attrgetter(name)(Config()))
    moments = ["yes" if may_change(name, moment) else "" for moment in (LATER, AT_EVALUATION)]
    text = json.dumps(default, ensure_ascii=False)
    kind = _words(key, definitions)
    yield _row(f"`{name}`", kind, f"`{default if kind.startswith('`') else text}`", key["description"], *moments)
    entry = definitions.get(key.get("items", {}).get("$ref", ""), {})
    for inner, value in entry.get("properties", {}).items():
        yield from _key_rows(f"{name}[].{inner}", value, definitions)


def _words(key: _Schema, definitions: dict[str, _Schema]) -> str:
    """A type and its range in words."""
    if "anyOf" in key:
        return " or ".join(_words(kind, definitions) for kind in key["anyOf"])
    choices = key.get("enum") or definitions.get(key.get("$ref", ""), {}).get("enum")
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if key["type"] == "array":
        return "list of entries" if "$ref" in key["items"] else f"list of {_words(key['items'], definitions)}s"
    limits = [f"{sign} {key[name]:g}" for name, sign in _LIMITS.items() if name in key]
    return ", ".join([f"{_TYPES[key['type']]} {limits[0]}", *limits[1:]] if limits else [_TYPES[key["type"]]])


def shipped() -> str:
    """Print the table of shipped profiles with their distinguishing keys."""
    lines = [_table("profile", "what it is", "model", "graded by", "turns", "training")]
    for name in profiles():
        config = load_config(name)
        turns = ", ".join(str(turn.n) for turn in config.collect.turns)
        about = _first_comment(CONF_DIR / f"{name}.yaml").partition(". ")[0]
        training = {"none": "all weights"}.get(config.train.adapter.value, "LoRA")
        cells = (f"`{name}`", about, f"`{config.model.name}`", f"`{config.verify.verifier}`", turns, training)
        lines.append(_row(*cells))
    return "\n".join(lines) + "\n"


def overlays() -> str:
    """Print the table of shipped baselines."""
    lines = [_table("baseline", "what it is")]
    lines += [_row(f"`{name}`", _first_comment(BASELINES_DIR / f"{name}.yaml")) for name in baselines()]
    return "\n".join(lines) + "\n"


def _first_comment(path: Path) -> str:
    """The comment at the top of a profile, up to the first command."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or line.startswith("#  "):
            break
        words.append(line.removeprefix("# "))
    return " ".join(words).removesuffix(":").removesuffix(".")


def tables() -> str:
    """Print the lake's tables with their columns."""
    return _relations(TABLES.values())


def views() -> str:
    """Print the lake's views with their columns."""
    return _relations(VIEWS.values())


def _relations(described: Iterable[Table | View]) -> str:
    """Return a heading and a table of columns for each table or view of the lake."""
    lines = []
    for relation in described:
        lines += [f"### {relation.name}", "", relation.row, "", _table("column", "type", "meaning")]
        lines += [_row(f"`{c.name}`", f"`{c.type.sql}`", c.meaning) for c in relation.columns]
        lines.append("")
    return "\n".join(lines)


def _table(*names: str) -> str:
    return f"{_row(*names)}\n|{'---|' * len(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


_BLOCKS = {"keys": keys, "profiles": shipped, "baselines": overlays, "tables": tables, "views": views}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
