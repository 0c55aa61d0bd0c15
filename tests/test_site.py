"""The site of docs/: plots are what the package draws, every page is reached, links lead somewhere, all is local."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def plots() -> Any:
    spec = importlib.util.spec_from_file_location("plots", DOCS / "plots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots")
    plots().draw(folder)
    return folder


@pytest.mark.parametrize("name", plots().PLOTS)
def test_a_committed_plot_is_what_the_script_draws(name: str, drawn: Path) -> None:
    """To a tenth of a pixel and the last digit shown: processors round differently."""
    committed, now = ((folder / name).read_text(encoding="utf-8") for folder in (DOCS, drawn))
    assert NUMBER.sub("#", committed) == NUMBER.sub("#", now), "run: python docs/plots.py"
    pairs = zip(map(float, NUMBER.findall(committed)), map(float, NUMBER.findall(now)), strict=True)
    assert max(abs(a - b) for a, b in pairs) < 0.15, "run: python docs/plots.py"


def test_every_plot_is_on_a_page() -> None:
    text = {page: (DOCS / page).read_text(encoding="utf-8") for page in PAGES}
    for name in plots().PLOTS:
        folder, _, file = name.rpartition("/")
        assert any(f"({file})" in t for page, t in text.items() if page.rpartition("/")[0] == folder), name


def navigation(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [page for part in (node.values() if isinstance(node, dict) else list(node)) for page in navigation(part)]  # type: ignore[call-overload]


def test_the_navigation_has_every_page_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(navigation(settings["nav"])) == PAGES


def anchors(path: Path) -> set[str]:
    """Return what headings of a page can be linked by."""
    found = re.findall(
        r"^#+ (.*)$", CODE.sub(lambda m: m[0].strip("`"), path.read_text(encoding="utf-8")), re.MULTILINE
    )
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip()) for title in found}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{page}" for page in PAGES)])
def test_links_lead_somewhere(page: str) -> None:
    source = ROOT / page
    for pair in LINK.findall(CODE.sub("", source.read_text(encoding="utf-8"))):
        target = pair[0] or pair[1]
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (source.parent / name).resolve() if name else source
        assert path.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(path), f"{page} links to {target}"


def test_no_page_names_a_page_that_is_not_there() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(DOCS / page for page in PAGES)):
        for name in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_architecture_stays_short() -> None:
    assert len((DOCS / "architecture.md").read_text(encoding="utf-8").splitlines()) < 120


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for module in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"", text)
        assert found == [], f"{page.name} loads {found}"
        assert 'class="arithmatex"' not in text, f"{page.name} has an equation that is not drawn"
