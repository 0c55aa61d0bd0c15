"""Tabletops made by hand, and a small untrained library."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from tabletop.cli import main
from tabletop.runs.lock import alone_in
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import load_scene_card
from tabletop.sim.state import Layout, State

if TYPE_CHECKING:
    from tabletop.skills.library import Library

Build = Callable[..., State]


def build(**entities: Mapping[str, Any]) -> State:
    """Return a state; each entity has a `kind` (block by default) and any column by name."""
    cards = load_cards()
    kinds = tuple(str(e.get("kind", "block")) for e in entities.values())
    grids = tuple(b.grid if (b := cards[k].beads) else (0, 0) for k in kinds)
    layout = Layout(tuple(entities), kinds, tuple(cards[k].body_type for k in kinds), grids)
    values = np.zeros(layout.width)
    robot = {"gripper_position": (0.45, 0.0, 0.3), "gripper_quaternion": (1.0, 0, 0, 0), "table_size": (0.65, 0.7)}
    for field, value in robot.items():
        values[layout.robot_slice(field)] = value
    for name, entity in entities.items():
        columns = {"position": (0.5, 0.0, 0.025), "quaternion": (0, 0, 0, 1.0), "size": (0.05, 0.05, 0.05)}
        for field, value in {**columns, **entity}.items():
            if field not in {"kind", "nodes"}:
                values[layout.entity_slice(name, field)] = value
        if any(layout.grid(name)):
            values[layout.nodes_slice(name)] = np.ravel(entity.get("nodes", flat(State(layout, values), name)))
    return State(layout, values)


def flat(state: State, name: str) -> npt.NDArray[np.float64]:
    """Return the nodes (n, m, 3) of a rope of 32 cm or a cloth of 20 x 20 cm that lies flat where the entity is."""
    n, m = state.layout.grid(name)
    length = 0.32 if m == 1 else 0.20
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, n) * length, np.linspace(-0.5, 0.5, m) * length * (m > 1), indexing="ij")
    turn = 2 * np.arctan2(*state.entity(name, "quaternion")[2:])
    spread = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), 0 * x], axis=-1)
    out: npt.NDArray[np.float64] = spread + state.entity(name, "position")
    return out


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def refused(self, message: str) -> list[str]:
        """Check that it was refused with one line; return the lines after it (a formula with a caret)."""
        assert (self.code, self.out) == (2, "")
        first, *rest = self.err.splitlines()
        assert first.startswith("tabletop: ")
        assert message in first
        assert not any(line.startswith("tabletop:") for line in rest)
        return rest

    def failed(self, *parts: str) -> None:
        """Check that it ended with one line that has these parts, and not as if all were well."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("tabletop: ")]
        assert self.code == 2
        assert all(part in line for part in parts), line
        assert "Traceback" not in self.err


Command = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def command(here: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the function that runs a command in `here`."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(list(arguments))
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def run_of(here: Path, library: Library) -> Path:
    """Return a run folder that holds just a library, which the folder of the tests has. Needs torch."""
    from tabletop.skills.library import save_library

    save_library(library, here / "run" / "library")
    return here / "run"


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Return what makes a module of a name and a text; workers can import it as well: they get this process's path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make_module(name: str, text: str) -> ModuleType:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        made.append(name)
        return import_module(name)

    yield make_module
    for name in made:
        sys.modules.pop(name)


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """Let signals act as in a terminal: nohup and shells without job control leave some ignored, also to children."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def make() -> Build:
    """Return the function that builds states."""
    return build


@pytest.fixture(scope="session")
def held_elsewhere() -> Callable[[Path], AbstractContextManager[None]]:
    """Return a context that holds a folder as another process does: in a thread of its own."""

    @contextmanager
    def hold(folder: Path) -> Iterator[None]:
        taken, done = threading.Event(), threading.Event()

        def work() -> None:
            with alone_in(folder):
                taken.set()
                done.wait(60)

        thread = threading.Thread(target=work)
        thread.start()
        assert taken.wait(60)
        try:
            yield
        finally:
            done.set()
            thread.join()

    return hold


@pytest.fixture(scope="session")
def library() -> Library:
    """Return a library with a small network that has learned nothing. Needs torch."""
    from tabletop.learn.actor import NetworkSpec
    from tabletop.learn.sac import SAC, SACSettings
    from tabletop.skills.codebook import Codebook
    from tabletop.skills.effects import DESCRIPTOR_WIDTH, EFFECT_WIDTH
    from tabletop.skills.library import Library
    from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS
    from tabletop.skills.skill_policy import CODE_WIDTH

    codes = Codebook({"held_at": 2, "joint": 3})
    spec = NetworkSpec(EGO + CODE_WIDTH + DESCRIPTOR_WIDTH, OTHERS, OTHER_WIDTH)
    weights = SAC(spec, 5, SACSettings(hidden=(8, 8)), 0).actor_arrays()
    means = np.random.default_rng(0).normal(0, 0.1, (codes.total, EFFECT_WIDTH))
    return Library(codes, 6, weights, means, load_scene_card("discovery"), {"seed": 3, "env_steps": 100})
