"""The Python of the README and of docs/environments.md runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/environments.md")
SNIPPETS = {
    f"{page}-{i}": snippet
    for page in PAGES
    for i, snippet in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
}


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_have_python(page: str) -> None:
    assert sum(name.startswith(page) for name in SNIPPETS) >= 3


def test_the_readme_is_read_in_a_quarter_of_an_hour() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    assert max(map(len, lines)) < 260


TINY = {
    'minutes=1, effects="joint"': 'steps=600, effects="toppled", workers=0',
    "measure(skills, minutes=0.2)": "measure(skills, episodes=2, workers=0)",
    "episodes=20": "episodes=2",
    "scenes=5": "scenes=1",
}
"""What takes long, and how the test runs it: the same calls with less work."""


def shortened(snippet: str) -> str:
    for long, short in TINY.items():
        snippet = snippet.replace(long, short)
    return snippet


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs(name: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    (tmp_path / "pasted.py").write_text(shortened(SNIPPETS[name]), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "pasted.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_snippets_pass_a_strict_type_checker_from_outside(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    for name, snippet in SNIPPETS.items():
        path = tmp_path / f"{re.sub(r'[^a-z0-9]', '_', name.lower())}.py"
        path.write_text(snippet, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports", "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
