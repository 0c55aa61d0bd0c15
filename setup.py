"""How tabletop is built: one package of Python, with the data folders of the checkout copied inside it.

A checkout keeps `assets/`, `tasks/` and `policies/` at the top, where they are easy to find and edit.
A wheel has them in `tabletop/_data/`; `tabletop/paths.py` knows both places.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DATA_FOLDERS = ("assets", "tasks", "policies")
DEMOS = ["minari[hdf5]>=0.5.3", "pyarrow>=17"]  # what `tabletop demos` writes with
RAY = ["ray>=2.40"]  # `--workers ray`
PLOT = ["matplotlib>=3.8", "pandas>=2.2"]  # what results are shown with
ASSETS = [
    "trimesh>=4.5",
    "coacd>=1.0.5",
    "scipy>=1.11",
    "networkx>=3",
    "fast-simplification>=0.1.9",
    "pycollada>=0.8",
]  # `tabletop import`
SB3 = ["stable-baselines3>=2.5"]  # benchmarks/her.py
VIEW = ["viser>=1.1,<2", "av>=14"]  # `tabletop view`; the videos of datasets
ALL = [*DEMOS, *RAY, *PLOT, *ASSETS, *SB3, *VIEW]
# PyBullet has wheels for these only. Elsewhere its fork stands in, by the same import name (docs/platforms.md).
PYBULLET_WHEELS = "python_version < '3.12' and sys_platform == 'linux' and platform_machine == 'x86_64'"
NO_PYBULLET_WHEELS = "python_version >= '3.12' or sys_platform != 'linux' or platform_machine != 'x86_64'"
SOURCE_ONLY = ("tests", ".ci", "Makefile", "constraints.txt", "CHANGELOG.md", "CONTRIBUTING.md")


def version() -> str:
    """Return `__version__` of the package, read as text: importing it here would need its dependencies."""
    text = (ROOT / "tabletop" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit('tabletop/__init__.py must have a line `__version__ = "..."`')
    return found[1]


def files_in(*names: str) -> list[Path]:
    """Return the files at or below these names, relative to the root, but no caches or half-written files."""
    found = []
    for name in names:
        start = ROOT / name
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            inside = path.relative_to(start)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
            if path.is_file() and not hidden and path.suffix not in {".pyc", ".tmp"}:
                found.append(path.relative_to(ROOT))
    return found


class BuildWithData(build_py):
    """Builds the package, then puts the data folders into its `_data`."""

    def run(self) -> None:
        """Build from nothing: what an earlier build left in `build/lib` would end up in the wheel."""
        if self.editable_mode:
            super().run()
            return
        package = Path(self.build_lib) / "tabletop"
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        for path in files_in(*DATA_FOLDERS):
            target = package / "_data" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target)

    def get_source_files(self) -> list[str]:
        """List the data and the tests too, which makes a source distribution whole without a MANIFEST.in."""
        return [*super().get_source_files(), *(str(p) for p in files_in(*DATA_FOLDERS, *SOURCE_ONLY))]


def readme() -> str:
    """Return the text that an index shows for the package."""
    path = ROOT / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


setup(
    name="tabletop",
    version=version(),
    description="Skills a robot arm discovers without reward on a random tabletop: named, chained, perturbed",
    long_description=readme(),
    long_description_content_type="text/markdown",
    author="tabletop developers",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    package_dir={"": "."},
    packages=find_packages(include=["tabletop", "tabletop.*"]),
    package_data={"tabletop": ["py.typed", "**/*.html", "**/*.css", "**/*.js"]},
    cmdclass={"build_py": BuildWithData},
    install_requires=[
        f"pybullet>=3.2.7; {PYBULLET_WHEELS}",
        f"pybullet-arm64>=3.2.8; {NO_PYBULLET_WHEELS}",
        "torch>=2.6",
        "gymnasium>=1.1",
        "numpy>=1.26",
        "msgspec>=0.19",
        "opencv-python-headless>=4.12",
        "pyyaml>=6",
        "safetensors>=0.5",
        "threadpoolctl>=3",
        "tqdm>=4.66",
        "tomli>=2; python_version < '3.11'",
        "tensorboard>=2.16",
    ],
    extras_require={
        "dev": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "ruff>=0.9",
            "mypy>=1.14",
            "import-linter>=2.1",
            "types-PyYAML",
            "types-tqdm",
            "setuptools>=77",
            "playwright>=1.50",
            "axe-playwright-python>=0.1.5",
            *ALL,
        ],
        "demos": DEMOS,
        "ray": RAY,
        "plot": PLOT,
        "assets": ASSETS,
        "sb3": SB3,
        "view": VIEW,
        "all": ALL,
        "bench": [f"panda-gym>=3.0.7; {PYBULLET_WHEELS}"],  # it asks for pybullet itself
        "docs": ["mkdocs-material>=9.6", "mkdocstrings[python]>=0.30", "latex2mathml>=3.77", "ruff>=0.9"],
    },
    entry_points={"console_scripts": ["tabletop = tabletop.__main__:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
