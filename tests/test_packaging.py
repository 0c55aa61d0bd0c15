"""What is shipped: the wheel and the source distribution, built here from a copy of the checkout."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement

import tabletop

ROOT = Path(__file__).resolve().parents[1]
DATA_FOLDERS = ("assets", "tasks", "policies")
COPIED = ("setup.py", "pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "README.md", *DATA_FOLDERS)


def copy_checkout(target: Path) -> Path:
    """Copy what a build reads, so that building leaves nothing in the checkout."""
    leave = shutil.ignore_patterns("__pycache__", "_data", "*.tmp", ".*")
    target.mkdir(parents=True)
    for name in (*COPIED, "tabletop", "tests"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=leave)
        elif source.is_file():
            shutil.copyfile(source, target / name)
    return target


def build(tree: Path, what: str) -> Path:
    """Build a "wheel", "sdist" or "editable" of a tree with the setuptools installed here."""
    out = tree / "dist"
    out.mkdir(exist_ok=True)
    code = f"from setuptools import build_meta; print('BUILT', build_meta.build_{what}({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / done.stdout.rsplit("BUILT", 1)[1].strip()


def members(wheel: Path) -> set[str]:
    """Return the names in a wheel, without those that describe the wheel itself."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def data_files(tree: Path) -> set[str]:
    """Return the data files of a tree, relative to it."""
    found = (path for folder in DATA_FOLDERS for path in (tree / folder).rglob("*"))
    return {path.relative_to(tree).as_posix() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("packaging") / "tree")


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    return build(tree, "wheel")


def test_wheel_holds_all_code_and_all_data_and_nothing_else(tree: Path, wheel: Path) -> None:
    code = {p.relative_to(tree).as_posix() for p in (tree / "tabletop").rglob("*") if p.is_file()}
    data = data_files(tree)
    assert "tabletop/py.typed" in code
    assert {Path(name).parts[0] for name in data} >= {"assets"}
    assert members(wheel) == code | {f"tabletop/_data/{name}" for name in data}


def test_unpacked_wheel_finds_its_own_data_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "from tabletop import paths; print(paths.DATA); print(*(p.name for p in paths.ASSETS.iterdir()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    where, folders = done.stdout.splitlines()
    assert Path(where) == (tmp_path / "site" / "tabletop" / "_data").resolve()
    assert "objects" in folders.split()


def test_wheel_built_from_the_source_distribution_is_the_same(tree: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = build(tree, "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert members(build(unpacked, "wheel")) == members(wheel)
    for name in ("LICENSE", "constraints.txt", "Makefile", "tests/smoke.sh", f"tests/{Path(__file__).name}"):
        assert (unpacked / name).is_file(), f"{name} is missing in the source distribution"


def test_second_build_keeps_nothing_that_was_deleted(tmp_path: Path) -> None:
    tree = copy_checkout(tmp_path / "tree")
    (tree / "assets" / "gone.yaml").write_text("a: 1\n", encoding="utf-8")
    (tree / "tabletop" / "gone.py").write_text("", encoding="utf-8")
    gone = {"tabletop/_data/assets/gone.yaml", "tabletop/gone.py"}
    assert gone <= members(build(tree, "wheel"))
    (tree / "assets" / "gone.yaml").unlink()
    (tree / "tabletop" / "gone.py").unlink()
    shutil.rmtree(tree / "tabletop.egg-info", ignore_errors=True)
    assert not gone & members(build(tree, "wheel"))


def test_version_comes_from_the_package_and_editable_builds_copy_no_data(tmp_path: Path) -> None:
    tree = copy_checkout(tmp_path / "tree")
    front = tree / "tabletop" / "__init__.py"
    text = front.read_text(encoding="utf-8")
    assert f'__version__ = "{tabletop.__version__}"' in text
    front.write_text(text.replace(f'"{tabletop.__version__}"', '"9.8.7"'), encoding="utf-8")
    assert build(tree, "editable").name.startswith("tabletop-9.8.7-")
    assert not list(tree.rglob("_data"))


def setup_arguments(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return what setup.py gives to setuptools."""
    given: dict[str, object] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: given.update(kwargs))
    runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_constraints_pin_every_dependency_within_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    for line in pinned:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), f"{line}: not name==public version"
    pins = {re.sub("[-_.]+", "-", line.split("==")[0]).lower(): line.split("==")[1] for line in pinned}
    given = setup_arguments(monkeypatch)
    extras: dict[str, list[str]] = given["extras_require"]  # type: ignore[assignment]
    required: list[str] = given["install_requires"]  # type: ignore[assignment]
    for text in [*required, *(text for extra in extras.values() for text in extra)]:
        requirement = Requirement(text)
        name = re.sub("[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(pins[name]), f"{text}: constraints.txt has {pins[name]}"


def test_command_and_module_start_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = setup_arguments(monkeypatch)["entry_points"]
    assert scripts == {"console_scripts": ["tabletop = tabletop.cli:main"]}
    assert "from tabletop.cli import main" in (ROOT / "tabletop" / "__main__.py").read_text(encoding="utf-8")
