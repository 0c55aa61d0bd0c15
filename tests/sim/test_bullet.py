"""PyBullet's import: the line that it writes about itself is held back, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tabletop.sim import bullet

LOUD = r"""
import contextlib, os
with contextlib.suppress(OSError):
    os.write(2, b"before\npybullet build time: Jan  1 2030 00:00:00\nafter\n")
"""


def load(folder: Path, *, first: str = "pass", then: str = "") -> subprocess.CompletedProcess[str]:
    """Run bullet.py in a process where PyBullet is a module that writes as its C code does, after and before more."""
    (folder / "pybullet.py").write_text(LOUD + then, encoding="utf-8")
    code = f"import os, runpy, sys; {first}; print(runpy.run_path(sys.argv[1])['p'].__name__)"
    return subprocess.run(
        [sys.executable, "-c", code, bullet.__file__], cwd=folder, capture_output=True, text=True, check=False
    )


def test_only_the_line_that_pybullet_writes_is_held_back(tmp_path: Path) -> None:
    done = load(tmp_path)
    assert (done.stdout, done.stderr) == ("pybullet\n", "before\nafter\n")


def test_what_was_written_before_an_import_failed_is_shown(tmp_path: Path) -> None:
    done = load(tmp_path, then="raise ImportError('no numpy')")
    assert done.returncode == 1
    assert done.stderr.startswith("before\nafter\nTraceback")
    assert done.stderr.endswith("ImportError: no numpy\n")


def test_a_process_without_standard_error_still_gets_pybullet(tmp_path: Path) -> None:
    done = load(tmp_path, first="os.close(2)")
    assert (done.returncode, done.stdout) == (0, "pybullet\n")


def test_where_nothing_can_be_held_nothing_is_lost(tmp_path: Path) -> None:
    done = load(tmp_path, first="import tempfile; tempfile.tempdir = '/nowhere'")
    assert (done.returncode, done.stdout) == (0, "pybullet\n")
    assert done.stderr.startswith("before\n")
