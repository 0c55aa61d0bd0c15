"""All code of the pages runs: Python and commands, in order, in one folder a page.

A comment above a block, `<!-- in tests: A -> B; C -> D -->`, gives it a tiny budget. YAML whose title is a file of the
checkout says what that file says; any other titled block is written to the page's folder.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OWN = {"environments.md", "policies.md"}  # by test_readme.py and test_policies_page.py
NEEDS = {"tutorials/evaluate.md": "stable_baselines3"}
BLOCK = re.compile(
    r"^(?:<!-- in tests: (?P<change>.*?) -->\n)?"
    r"```(?P<language>python|sh|yaml)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
WORKERS = ("discover", "measure", "name", "evaluate", "perturb", "plan", "demos", "tasks")
RUN = """\
import runpy, shlex, sys
from tabletop.cli import main
for path in sys.argv[1:]:
    if path.endswith(".py"):
        runpy.run_path(path)
        continue
    for line in open(path, encoding="utf-8"):
        words = shlex.split(line, comments=True)
        if main(words) != 0:
            raise SystemExit(f"{line.strip()!r} failed")
"""


@dataclass(frozen=True)
class Block:
    """A block of a page, with its budget for tests."""

    language: str
    title: str | None
    text: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page that are run or compared."""
    found = []
    for match in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        text = match["text"]
        for change in filter(None, (match["change"] or "").split("; ")):
            old, new = change.split(" -> ")
            assert old in text, f"{page}: {old!r} is not in the block below its comment"
            text = text.replace(old.strip(), new.strip())
        found.append(Block(match["language"], match["title"], text))
    return found


PAGES = sorted(
    page
    for page in (p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
    if page not in OWN and any(b.language != "yaml" for b in blocks(page))
)


def command(line: str) -> str:
    """Return a command's words after `tabletop`, run in the test's own process."""
    program, name, *rest = shlex.split(line)
    assert program == "tabletop", f"pages show commands of tabletop only, got {line!r}"
    return shlex.join([name, *rest, *(["--workers", "0"] if name in WORKERS else [])])


def test_tutorials_concepts_and_recipes_have_code() -> None:
    assert {"index.md", "tutorials/discover.md", "concepts/empowerment.md", "how-to/predicate.md"} <= set(PAGES)
    assert len(PAGES) >= 18


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=pytest.mark.slow if p.startswith("tutorials/") else ()) for p in PAGES]
)
def test_the_code_of_a_page_runs(page: str, tmp_path: Path) -> None:
    if page in NEEDS:
        pytest.importorskip(NEEDS[page])
    files = []
    for i, block in enumerate(blocks(page)):
        if block.language == "yaml":
            if block.title and not (ROOT / block.title).exists():
                path = tmp_path / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            continue
        first = block.text.splitlines()[0]
        named = first.removeprefix("# ") if re.fullmatch(r"# \w+\.py", first) else None
        path = tmp_path / (named or f"block{i}.{'py' if block.language == 'python' else 'sh'}")
        text = block.text if block.language == "python" else "\n".join(map(command, block.text.splitlines()))
        path.write_text(text, encoding="utf-8")
        files.append(path.name)
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", RUN, *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]


CARDS = [
    (page, block)
    for page in (p.relative_to(DOCS).as_posix() for p in sorted(DOCS.rglob("*.md")))
    for block in blocks(page)
    if block.language == "yaml" and block.title and (ROOT / block.title).exists()
]


@pytest.mark.parametrize(("page", "block"), CARDS, ids=[f"{page}:{block.title}" for page, block in CARDS])
def test_a_card_on_a_page_is_the_card_of_the_checkout(page: str, block: Block) -> None:
    shown, real = block.text, (ROOT / str(block.title)).read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(real), f"{page} shows another {block.title}"


def test_the_pages_show_cards() -> None:
    assert len(CARDS) >= 5
