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
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import tabletop
from tabletop.cli import main

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


def test_unpacked_wheel_runs_from_a_folder_with_a_space_and_an_umlaut(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "mein Gerät" / "site", tmp_path / "mein Ordner"
    work.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PYTHONPATH": str(site), "PATH": ""}
        return subprocess.run(
            [sys.executable, *arguments], cwd=work, env=env, capture_output=True, text=True, check=True
        )

    where = python("-c", "from tabletop import paths; print(paths.DATA)").stdout.strip()
    assert Path(where) == (site / "tabletop" / "_data").resolve()
    listed = python("-m", "tabletop", "tasks", "list")
    cards = sum(Path(name).parts[:1] == ("tasks",) and name != "tasks/suites.yaml" for name in data_files(ROOT))
    assert len(listed.stdout.splitlines()) == 1 + cards
    made = python("-m", "tabletop", "scene", "--out", "eine Szene für heute")
    assert made.stderr == ""
    assert {p.name for p in (work / "eine Szene für heute").iterdir()} == {"scene.yaml", "scene.png"}
    assert main(["scene", "--out", str(tmp_path / "here")]) == 0
    for name in ("scene.yaml", "scene.png"):
        assert (work / "eine Szene für heute" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


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


PLATFORMS = [
    {"python_version": python, "sys_platform": system, "platform_machine": machine}
    for python in ("3.10", "3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"))
]


def required(given: dict[str, object], platform: dict[str, str] | None = None, *extras: str) -> dict[str, Requirement]:
    """Return what setup.py requires, by name: on one platform or on any, of these extras or of all."""
    by_extra: dict[str, list[str]] = given["extras_require"]  # type: ignore[assignment]
    texts: list[str] = [*given["install_requires"]]  # type: ignore[misc]
    texts += [text for extra in extras or by_extra for text in by_extra[extra]]
    found = map(Requirement, texts)
    return {canonicalize_name(r.name): r for r in found if not (r.marker and platform) or r.marker.evaluate(platform)}


def test_constraints_pin_every_dependency_within_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    pin = r'[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*( ; python_version >= "3\.11")?'
    for line in pinned:
        assert re.fullmatch(pin, line), f"{line}: not name==public version, or another marker than that of 3.10"
    pins = {canonicalize_name(p.name): p.specifier for p in map(Requirement, pinned)}
    assert len(pins) == len(pinned)
    for name, requirement in required(setup_arguments(monkeypatch)).items():
        version = str(pins[name]).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement}: constraints.txt has {version}"


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: "-".join(p.values()))
def test_each_platform_gets_one_build_of_pybullet(platform: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would write over each other: both are imported as pybullet. panda-gym asks for the one of that name."""
    needs = required(setup_arguments(monkeypatch), platform)
    has_wheels = platform["sys_platform"] == "linux" and platform["platform_machine"] == "x86_64"
    original = has_wheels and platform["python_version"] in {"3.10", "3.11"}
    assert ("pybullet" in needs, "pybullet-arm64" in needs, "panda-gym" in needs) == (original, not original, original)


def test_all_is_what_a_user_may_add_and_no_tool_of_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    given = setup_arguments(monkeypatch)
    assert required(given, None, "all") == required(given, None, "demos", "ray", "plot", "assets", "sb3", "view")
    assert {"minari", "pyarrow", "ray", "matplotlib", "trimesh", "stable-baselines3"} < set(
        required(given, None, "all")
    )
    assert not {"pytest", "ruff", "panda-gym"} & set(required(given, None, "all"))


def test_versions_of_python_are_those_that_the_classifiers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given = setup_arguments(monkeypatch)
    told = [c.rpartition(" ")[2] for c in given["classifiers"] if c.startswith("Programming Language")]  # type: ignore[attr-defined]
    allowed = SpecifierSet(str(given["python_requires"]))
    assert told == [f"3.{minor}" for minor in range(30) if f"3.{minor}.0" in allowed]


def test_command_and_module_start_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = setup_arguments(monkeypatch)["entry_points"]
    assert scripts == {"console_scripts": ["tabletop = tabletop.__main__:main"]}


def test_an_environment_of_another_python_is_made_anew_and_one_of_the_same_is_kept(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    other = tmp_path / "other"
    other.write_text('#!/bin/sh\n[ "$1" = -m ] && echo "$@" >>made || echo "(2, 7)"\n')
    other.chmod(0o755)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / ".venv/.python").touch()

    def make_with(python: str) -> str:
        words = ["make", "--no-print-directory", ".venv/.python", *([f"PYTHON={python}"] if python else [])]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout

    for same in ("", sys.executable):
        assert "setting up" not in make_with(same)
    assert "setting up .venv" in make_with(str(other))
    assert (tmp_path / "made").read_text() == "-m venv --clear .venv\n"
