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
    assert sum(name.startswith(page) for name in SNIPPETS) >= 4


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs(name: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", SNIPPETS[name]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
