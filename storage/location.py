"""Location of a lake: the URLs of the catalog and of the Parquet files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rise_core.errors import UserError

_SECRET = re.compile(r"password\s*=|://[^/@\s]*:[^/@\s]*@|[?&][^=\s]*(key|secret|token)[^=\s]*=", re.IGNORECASE)


@dataclass(frozen=True)
class LakeLocation:
    """The two URLs of a lake.

    `catalog`: `sqlite:<file>` or `postgres:<connection string>`. `data`: a folder or an object-store prefix (`s3://...`).
    """

    catalog: str
    data: str

    @classmethod
    def from_home(cls, home: Path) -> LakeLocation:
        """Locate the lake of a home folder; RISE_LAKE_CATALOG and RISE_LAKE_DATA override the two URLs.

        Raises:
            UserError: A variable holds a secret, or names a catalog of another kind.
        """
        folder = Path(home).resolve() / "lake"
        catalog = os.environ.get("RISE_LAKE_CATALOG") or f"sqlite:{folder / 'catalog.sqlite'}"
        data = os.environ.get("RISE_LAKE_DATA") or str(folder / "data")
        for variable, url in (("RISE_LAKE_CATALOG", catalog), ("RISE_LAKE_DATA", data)):
            if _SECRET.search(url):
                raise UserError(
                    f"{variable} holds a password or key, which `rise attach` and error messages would show: put it "
                    "into PGPASSWORD or ~/.pgpass (catalog), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (data)"
                )
        if not catalog.startswith(("sqlite:", "postgres:")):
            raise UserError(f"RISE_LAKE_CATALOG is {catalog!r}: it must start with sqlite: or postgres:")
        if catalog.startswith("sqlite:"):
            catalog = f"sqlite:{Path(catalog.removeprefix('sqlite:')).resolve()}"
        return cls(catalog, data if is_url(data) else str(Path(data).resolve()))

    @property
    def catalog_file(self) -> Path | None:
        """The SQLite catalog's file; None for a catalog server."""
        return Path(self.catalog.removeprefix("sqlite:")) if self.catalog.startswith("sqlite:") else None

    @property
    def data_prefix(self) -> str:
        """The data folder with a slash at the end, in DuckLake's spelling."""
        return self.data.rstrip("/") + "/"

    def extensions(self) -> list[str]:
        """Return the names of the DuckDB extensions for the lake, in loading order."""
        catalog = "sqlite_scanner" if self.catalog_file else "postgres_scanner"
        return [catalog, *(["httpfs"] if is_url(self.data) else []), "ducklake"]


def is_url(data: str) -> bool:
    """Tell whether a data location is an object-store prefix, not a folder."""
    return "://" in data


def check_catalog(location: LakeLocation) -> None:
    """Check for the catalog's file, if the catalog is a file.

    Raises:
        UserError: There is no such file.
    """
    file = location.catalog_file
    if file is not None and not file.is_file():
        raise UserError(f"no lake at {file}: start with `rise run PROFILE`, or name another home with --home")
