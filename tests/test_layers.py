"""The direction of imports, as docs/architecture.md gives it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts in a checkout's pyproject.toml against the package beside it."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    shutil.copytree(ROOT / "tabletop", tmp_path / "tabletop", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def add(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def test_every_import_points_down() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sim/__init__.py", "import tabletop.logic"),
        ("control/__init__.py", "import tabletop.envs"),
        ("errors.py", "import tabletop.sim"),
        ("learn/__init__.py", "import tabletop.report"),
        ("planner/__init__.py", "import pybullet"),
        ("sim/world.py", "import pybullet"),
        ("unlisted.py", "import tabletop.sim"),
    ],
)
def test_a_wrong_import_is_found(copy: Path, module: str, line: str) -> None:
    add(copy / "tabletop" / module, line)
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout or "unlisted" in done.stdout
