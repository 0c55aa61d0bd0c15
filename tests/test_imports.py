"""Every module can be imported by itself, whatever was imported before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "tabletop").rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)
CHECK = """
import importlib, sys
for name in sys.argv[1:]:
    before = set(sys.modules)
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
    for loaded in set(sys.modules) - before:
        if loaded.startswith("tabletop"):
            del sys.modules[loaded]
"""


@pytest.mark.parametrize("part", range(4))
def test_a_module_can_be_imported_first(part: int) -> None:
    done = subprocess.run([sys.executable, "-c", CHECK, *MODULES[part::4]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stdout, done.stdout
