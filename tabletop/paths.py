"""Where the package's data lies: beside the code in a wheel, at the top level in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ASSETS", "DATA", "POLICIES", "SUITES", "TASKS"]

_PACKAGE = Path(__file__).resolve().parent
DATA = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent
ASSETS = DATA / "assets"
TASKS = DATA / "tasks"
SUITES = TASKS / "suites.yaml"
POLICIES = DATA / "policies"
