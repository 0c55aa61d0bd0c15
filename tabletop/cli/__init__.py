"""The command line: one command per stage, and `run` for all of them."""

from __future__ import annotations

from tabletop.cli.main import main

__all__ = ["main"]
