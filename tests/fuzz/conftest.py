"""What fuzzing needs: files that the real stages wrote, a limit on time, and a table of what became of all inputs."""

from __future__ import annotations

import faulthandler
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from tabletop import projects
from tabletop.api.importing import import_file
from tabletop.cli import main
from tabletop.demos.record import demonstrate, save_demonstration
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.files import write_json
from tabletop.importing.objects import Options
from tabletop.learn.sac import SACSettings
from tabletop.logic import load_registry
from tabletop.rollout.policy import Nothing

LONGEST: Final = 20.0
"""Seconds that one input may take."""
FATES: Final = ("inputs", "refused", "taken")
_EVERY: Final = {
    "report_multiple_bugs": False,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
}
settings.register_profile("fuzz", max_examples=400, **_EVERY)  # By `make fuzz`; else a kind has a few inputs.
settings.register_profile("few", max_examples=12, **_EVERY)


class Tally:
    """Gives inputs to the package one after another, and counts what becomes of them."""

    def __init__(self, kind: str, last: Path) -> None:
        self.kind = kind
        self.last = last
        self.fates: Counter[str] = Counter()

    def give(self, given: object, read: Callable[[], object], bad: bool) -> None:
        """Call `read`; it may refuse what is given in one line, or take it unless it is known to be bad.

        A process that hangs ends, and one that crashes too, which pytest-xdist tells. `last` has the input and where.
        """
        self.fates["inputs"] += 1
        with self.last.open("w", encoding="utf-8") as file:
            print(ascii(given), file=file, flush=True)
            faulthandler.enable(file)
            faulthandler.dump_traceback_later(LONGEST, exit=True, file=file)
            self._give(read, bad)

    def _give(self, read: Callable[[], object], bad: bool) -> None:
        try:
            read()
        except TabletopError as error:
            said = str(error)
            assert 0 < len(said) <= 3_100, said
            assert "\n" not in said.partition("\n  ")[0], said  # A formula stands below, with a caret.
            self.fates["refused"] += 1
        else:
            self.fates["taken"] += 1
            assert not bad, "a bad input was taken"
        finally:
            faulthandler.cancel_dump_traceback_later()
            faulthandler.enable(sys.__stderr__)


@pytest.fixture
def tally(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tally]:
    """Count a test's inputs; the table at the end has a row of them."""
    found = Tally(request.node.callspec.id, tmp_path_factory.mktemp("last") / "input.txt")
    yield found
    request.node.user_properties.append(("fuzz", [found.kind, *(found.fates[fate] for fate in FATES)]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the file of the table."""
    parser.addoption("--fuzz-table", metavar="FILE", help="write how many inputs were given, refused and taken")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, and write it where it is asked for."""
    reports = [r for rs in terminalreporter.stats.values() for r in rs if hasattr(r, "user_properties")]
    rows = {str(row[0]): row[1:] for r in reports for name, row in r.user_properties if name == "fuzz"}
    failed = sum(len(terminalreporter.stats.get(kind, [])) for kind in ("failed", "error"))
    if not rows:
        return
    table = {kind: dict(zip(FATES, map(int, rows[kind]), strict=True)) for kind in sorted(rows)}
    terminalreporter.section("inputs that were damaged")
    for kind, row in table.items():
        terminalreporter.write_line(f"{kind:<32}" + "".join(f"{row[fate]:>10} {fate}" for fate in FATES))
    whole = {fate: sum(row[fate] for row in table.values()) for fate in FATES}
    terminalreporter.write_line(f"{'all':<32}" + "".join(f"{whole[fate]:>10} {fate}" for fate in FATES))
    if path := config.getoption("--fuzz-table", default=None):
        write_json(Path(path), {"kinds": table, "all": whole, "failed": failed, "longest_s": LONGEST})


_STAGES: Final = (
    "discover --steps 600 --no-measure --effects toppled --scene discovery --out run",
    "measure run --episodes 5",
    "name run --episodes 5",
    "plan run --policy scripted --goals 1 --literals 1 --seconds 1",
    "plan run --policy scripted --chains 1 --seconds 1",
    "perturb scripted --tasks button-press --families push-arm --scenes 1 --out run/perturb.json",
    "evaluate scripted --tasks button-press --episodes 1 --out run/evaluate.json",
    "goals --count 1 --literals 1 --out goals.yaml",
    "scene --out scene",
    "new lab",
)
FORMS: Final = ("obj", "stl", "ply", "glb", "dae")
_TINY: Final = DiscoverSettings(
    counts={"held_at": 2, "joint": 2},
    effect_weights={"held_at": 0.7, "joint": 0.3},
    horizon=6,
    episodes=2,
    warmup=4,
    updates=0.2,
    learner=LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600),
)


def import_meshes(folder: Path) -> None:
    """Write a ring in every format of meshes, and a project that a box was imported into."""
    import trimesh

    box = trimesh.creation.box((0.04, 0.06, 0.10))
    (folder / "meshes").mkdir()
    (folder / "meshes/tabletop.toml").write_text('name = "meshes"\n')
    for form in FORMS:
        box.export(folder / f"box.{form}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projects, "_used", ())
        import_file(folder / "box.obj", Options("box_of_mesh"), project=folder / "meshes")
    projects.has_changed()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that every stage has written into, once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "popen-gw" in base.name else base
    folder = shared / "made"
    with FileLock(shared / "made.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                for stage in _STAGES:
                    workers = [] if stage.startswith(("scene", "new")) else ["--workers", "0"]
                    assert main([*stage.split(), *workers]) == 0, stage
            discover(folder / "trained", _TINY, steps=150, workers=0)
            import_meshes(folder)
            demo = demonstrate(load_registry()["button-press"], lambda task, scene: Nothing(), 0)
            save_demonstration(demo, folder / "demonstration.npz")
            (folder / "done").touch()
    return folder
