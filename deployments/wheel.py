"""The wheel: all packages inside one package `rise`, so that an installation adds a single name.

    .venv/bin/python -c "from setuptools import build_meta; build_meta.build_wheel('dist')"

A checkout has `flows`, `tasks`, `storage` and `rise_core` at the top. Names as common as `tasks` would hide a user's
own modules, so the wheel holds `rise.flows`, `rise.tasks` and so on, with the imports rewritten, and the profiles in
`rise/conf`. `import rise` and the command `rise` are the same in both.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

_PACKAGES = ("flows", "tasks", "storage", "rise_core")
_IMPORT = re.compile(rf"^(\s*)(from|import) ({'|'.join(_PACKAGES)})(?=[. ])", re.MULTILINE)
_BARE = re.compile(rf"^\s*import ({'|'.join(_PACKAGES)})\b", re.MULTILINE)


class BuildInsideRise(build_py):
    """setuptools' build of packages, followed by the move into `rise`. An editable installation stays as it is."""

    def run(self) -> None:
        """Build, move the packages, rewrite their imports, and add the profiles."""
        super().run()
        if self.editable_mode:
            return
        built = Path(self.build_lib)
        for name in _PACKAGES:
            shutil.rmtree(built / "rise" / name, ignore_errors=True)
            shutil.move(built / name, built / "rise" / name)
        for file in (built / "rise").rglob("*.py"):
            file.write_text(inside_rise(file.read_text(encoding="utf-8"), file.name), encoding="utf-8")
        shutil.copytree("conf", built / "rise" / "conf", dirs_exist_ok=True)


def inside_rise(source: str, name: str) -> str:
    """Rewrite the imports of the four packages: `from storage.lake import Lake` becomes `from rise.storage.lake …`.

    Raises:
        ValueError: `import storage.lake` binds the name `storage`, which would change with the move.
    """
    bare = _BARE.search(source)
    if bare:
        raise ValueError(f"{name}: write `from … import …` instead of `{bare[0].strip()}`")
    return _IMPORT.sub(r"\1\2 rise.\3", source)
