"""A run folder as the real stages leave it, small."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tabletop.api import folder as folders
from tabletop.api.planning import chains_stage
from tabletop.api.stages import film_named, perturb_stage, plan_stage
from tabletop.cli.folder import note
from tabletop.cli.parser import build_parser
from tabletop.rollout.engine import Engine
from tabletop.runs.records import Naming
from tabletop.runs.store import read_record, write_record

Frames = Sequence[npt.NDArray[np.uint8]]

CHROMIUM = Path("/usr/bin/chromium")
WHY_NOT = f"tests/report/test_browser.py is left out: it opens the page in a browser and {CHROMIUM} is not there"
collect_ignore = [] if CHROMIUM.exists() else ["test_browser.py"]

FAMILIES = ("push-arm", "action-delay", "observation-noise", "friction")
FILMS = 6
"""Skills that are filmed."""
GOALS = 3
COMMAND = "discover --steps 9000 --seed 7 --out runs/first"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which test was left out, and why."""
    if collect_ignore:
        terminalreporter.write_line(WHY_NOT)


def moving_square(seed: int, length: int = 12) -> Frames:
    """Return pictures of a square that crosses a table."""
    rng = np.random.default_rng(seed)
    color = rng.integers(60, 220, 3).astype(np.uint8)
    frames = []
    for t in range(length):
        picture = np.full((90, 120, 3), 235, np.uint8)
        picture[40 + t : 60 + t, 8 * t : 8 * t + 20] = color
        frames.append(picture)
    return frames


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run of the library that ships, with the later stages run on it in a small way."""
    folder = folders.run_folder(
        "default", str(tmp_path_factory.mktemp("real") / "first-run"), ["discover.json", "name.json"]
    )
    library, found = folders.library_of(folder), read_record(folder / Naming.FILE, Naming)
    with Engine(0) as engine:
        write_record(folder / Naming.FILE, film_named(folder, library, found, found.settings["seed"], engine, FILMS))
    plan_stage(folder, policy="library", goals=GOALS, lengths=[1, 2], seed=0, workers=0, clips=2)
    perturb_stage(folder, families=FAMILIES, scenes=2, most=2, seed=0, workers=0)
    chains_stage(folder, policy="scripted", chains=2, seed=0, workers=0, clips=1)
    note(folder, build_parser().parse_args(COMMAND.split()))
    return folder


@pytest.fixture
def run_folder(whole_run: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may spoil."""
    return Path(shutil.copytree(whole_run, tmp_path / whole_run.name))
