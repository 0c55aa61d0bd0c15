"""Recording and writing: episodes are kept one by one while they run, and become a dataset when all are there."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tabletop import __version__
from tabletop.demos.record import Demonstration, demonstrate, load_demonstration, save_demonstration
from tabletop.envs.views import Views
from tabletop.errors import TabletopError, unknown
from tabletop.files import read_json, write_json, writing_folder
from tabletop.logic.task import Task
from tabletop.progress import track
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import PolicyFactory
from tabletop.runs.lock import NOTE, alone_in
from tabletop.sim.robot_card import PANDA, robot_in_use
from tabletop.sim.scene_cameras import camera_names

__all__ = ["FORMATS", "Recording", "write_demos"]

FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "minari": ("tabletop.demos.minari_format", "minari"),
    "lerobot": ("tabletop.demos.lerobot_format", "pyarrow"),
}
"""Module that writes each format with its function `write`, and the package that it needs."""


@dataclass(frozen=True)
class Recording:
    """What is recorded."""

    policy: str
    """Its name."""
    tasks: tuple[Task, ...]
    numbers: range
    """That scenes are drawn by, the same for each task."""
    keep_failures: bool = False
    skills: str = ""
    """What distinguishes a library's skills, or a policy file, from others of the same name."""
    cameras: tuple[str, ...] = ()
    """That take a picture of each state, as for `demonstrate`."""
    size: tuple[int, int] = (96, 96)
    """Width and height of the pictures."""
    modalities: tuple[str, ...] = ("rgb",)
    """What is kept of each camera, as for `demonstrate`."""

    def card(self) -> dict[str, Any]:
        """Return what must be the same for a recording to go on."""
        return {
            "version": __version__,
            "policy": self.policy,
            "skills": self.skills,
            "tasks": {t.name: t.version for t in self.tasks},
            "numbers": [self.numbers.start, self.numbers.stop],
            "cameras": list(self.cameras),
            "size": list(self.size),
            "modalities": list(self.modalities),
            # Left out for the Panda: recordings that were begun before there were other robots go on.
            **({} if robot_in_use() == PANDA else {"robot": robot_in_use()}),
        }


def write_demos(
    out: Path, form: str, recording: Recording, makers: Mapping[str, PolicyFactory], engine: Engine
) -> dict[str, Any]:
    """Run and write demonstrations. Where an earlier call was interrupted, it goes on from there.

    Args:
        out: the dataset's folder; it appears when everything is written.
        form: one of FORMATS.
        recording: what to record.
        makers: the policy of each task, by its name.
        engine: where the episodes run.

    Returns:
        "out", "format", "episodes" kept and "steps" in all, and by task "tasks": {"kept", "run"}.

    Raises:
        OSError: it cannot be written (a full disk).
        TabletopError: unknown format, a package is missing, the folder is there already, the interrupted recording
            was another or is still under way, or no episode was a success.
    """
    if form not in FORMATS:
        raise unknown("format of demonstrations", form, FORMATS)
    module, needs = FORMATS[form]
    try:
        importlib.import_module(needs)
        write = importlib.import_module(module).write
    except ImportError as error:
        raise TabletopError(
            f"format {form!r} needs packages that are not here ({error}); pip install -e '.[demos]' beside setup.py"
        ) from None
    for task in recording.tasks:  # Refused before anything is run.
        Views(recording.cameras or ("scene",), recording.modalities, recording.size, camera_names(task.scene))
    parts = out.with_name(out.name + ".parts")
    counts: dict[str, dict[str, int]] = {}
    kept: list[Path] = []
    with alone_in(parts):
        if out.exists():
            raise TabletopError(f"{str(out)!r} is there already; give another --out")
        _begin(parts, recording)
        for task in track(recording.tasks, "demos", unit="tasks"):
            files = _record(parts, recording, task, makers[task.name], engine)
            good = [path for path, wanted in files if wanted]
            counts[task.name] = {"kept": len(good), "run": len(files)}
            kept += good
        if not kept:
            raise TabletopError(f"no episode of {recording.policy!r} was a success; keep failures with --all")
        with writing_folder(out) as temporary:
            steps = write(temporary, _Kept(kept), recording.tasks, recording.policy)
    shutil.rmtree(parts, ignore_errors=True)
    return {"out": str(out), "format": form, "episodes": len(kept), "steps": steps, "tasks": counts}


class _Kept(Sequence[Demonstration]):
    """Demonstrations that are read from disk one at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: Any) -> Any:
        return load_demonstration(self._paths[index])

    def __iter__(self) -> Iterator[Demonstration]:
        return (load_demonstration(path) for path in self._paths)


def _begin(parts: Path, recording: Recording) -> None:
    """Note in the folder of parts what is recorded, or check that it is the same."""
    card = parts / "recording.json"
    wanted = recording.card()
    # A kill may fall between the folder and its first file.
    if any(path.name != NOTE for path in parts.iterdir()):
        try:
            found = read_json(card, "recording.json")
        except TabletopError:
            found = None
        if found != wanted:
            raise TabletopError(f"{str(parts)!r} is of another recording; remove it, or give another --out")
        return
    write_json(card, wanted)


def _read(path: Path) -> Demonstration | None:
    """Return an episode that was run before. One that is damaged is run again: the same comes of it."""
    try:
        return load_demonstration(path)
    except TabletopError:
        return None


def _record(
    parts: Path, recording: Recording, task: Task, make_policy: PolicyFactory, engine: Engine
) -> list[tuple[Path, bool]]:
    """Run what has not been run yet; return the file of each episode, and whether it is kept."""
    paths = {n: parts / f"{task.name}-{n}.npz" for n in recording.numbers}
    kept: dict[int, bool] = {}

    def note(demo: Demonstration) -> None:
        kept[demo.number] = len(demo) > 0 and (demo.success or recording.keep_failures)

    missing = []
    for number, path in paths.items():
        demo = _read(path)
        if demo is None:
            missing.append(number)
        else:
            note(demo)
    record = partial(
        demonstrate,
        task,
        make_policy,
        cameras=recording.cameras,
        modalities=recording.modalities,
        size=recording.size,
    )
    for demo in engine.map(record, missing, label=f"demos: {task.name}"):
        save_demonstration(demo, paths[demo.number])
        note(demo)
    return [(path, kept[number]) for number, path in paths.items()]
