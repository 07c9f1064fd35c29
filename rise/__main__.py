"""Command `rise`, also as `python -m rise`."""

from flows.cli.app import app

__all__ = ["app"]

if __name__ == "__main__":
    app()
