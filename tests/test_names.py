"""Names in the product: no two modules of one stem, and no public name without a reader."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("rise_core", "storage", "tasks", "flows", "deployments")
READERS = (*PRODUCT, "rise", "tests", "benchmarks", "docs")
# Called by name: verifiers by `verify.verifier`, `main` by `python -m`, the build by pyproject.toml.
BY_NAME = re.compile(r"rise_core\.verifiers\.\w+\.grade|.*\.main|deployments\.wheel\.BuildInsideRise")
IMPORT = re.compile(r"from ([\w.]+) import \(?([\w, ]+)")  # in a script within a test, and in pages
ENTRY = re.compile(r"(rise[\w.]*|deployments[\w.]*):(\w+)")  # in pyproject.toml and deployments


def files(root: Path, folders: tuple[str, ...], pattern: str = "*.py") -> list[Path]:
    """Files of the folders."""
    return [file for name in folders for file in sorted((root / name).rglob(pattern))]


def module_name(file: Path, root: Path) -> str:
    """Dotted name for imports: rise_core/seeds.py is rise_core.seeds."""
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def public_names(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and constants of a module without a leading underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def signature_names(tree: ast.Module) -> Iterator[str]:
    """Names in the signatures and fields of public functions and classes: callers hold such values."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            for inner in ast.walk(node):
                annotation = getattr(inner, "annotation", None) or getattr(inner, "returns", None)
                if isinstance(annotation, ast.expr):
                    yield from (name.id for name in ast.walk(annotation) if isinstance(name, ast.Name))


def reads(file: Path, root: Path, modules: set[str]) -> Iterator[tuple[str, str]]:
    """(module, name) of every name that a file takes from another module."""
    text = file.read_text(encoding="utf-8")
    aliases = {module: module for module in modules}
    tree = ast.parse(text) if file.suffix == ".py" else ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (module := aliases.get(ast.unparse(node.value))) in modules:
            yield str(module), node.attr
        if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            yield aliases.get(ast.unparse(node.args[0]), ""), str(node.args[1].value)  # setattr(module, "NAME", value)
    for module, names in IMPORT.findall(text):
        yield from ((module, name) for name in re.findall(r"\w+", names))
    yield from ENTRY.findall(text)


def unread_names(root: Path) -> list[str]:
    """Public names of the product without a reader in another file."""
    modules = {module_name(file, root): file for file in files(root, PRODUCT)}
    pages = [*files(root, ("docs",), "*.md"), *root.glob("*.md"), *root.glob("pyproject.toml")]
    read = {
        f"{module}.{name}"
        for file in [*files(root, READERS), *pages]
        for module, name in reads(file, root, set(modules))
        if modules.get(module) != file
    }
    trees = {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in modules.items()}
    read |= {f"{module}.{name}" for module, tree in trees.items() for name in signature_names(tree)}
    offered = {f"{module}.{name}" for module, tree in trees.items() for name in public_names(tree)}
    return sorted(name for name in offered - read if not BY_NAME.fullmatch(name))


def test_no_two_modules_have_one_stem() -> None:
    command_modules = ROOT / "flows" / "cli"  # named after the commands: lake, export
    stems = Counter(file.stem for file in files(ROOT, PRODUCT) if file.parent != command_modules)
    assert {stem for stem, count in stems.items() if count > 1} - {"__init__"} == set()


def test_every_public_name_has_a_reader() -> None:
    assert unread_names(ROOT) == []


@pytest.mark.parametrize("line", ["def own() -> None: ...", "class own: ...", "own = 1", "own: int = 1"])
def test_a_public_name_without_a_reader_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "planted.py").write_text(f"read = 1\n{line}\nprint(own)\n_inner = 2\n")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "reader.py").write_text("from storage.planted import read\n")

    assert unread_names(tmp_path) == ["storage.planted.own"]
