"""DuckDB extensions, loaded from files in installed PyPI packages: nothing is downloaded at run time."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import duckdb

from rise_core.errors import UserError


def extension_file(name: str) -> Path:
    """Return the signed extension file for this DuckDB version, from package `duckdb-extension-<name>`.

    Raises:
        UserError: The package is missing or made for another DuckDB; the message names the package to install.
    """
    package = f"duckdb-extension-{name.replace('_', '-')}"
    try:
        root = resources.files(package.replace("-", "_"))
    except ModuleNotFoundError:
        root = None
    if root is not None:
        file = Path(str(root / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"))
        if file.is_file():
            return file
    raise UserError(f"the lake needs the package {package}: pip install {package}=={duckdb.__version__}")
