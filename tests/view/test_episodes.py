from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tabletop.demos import Recording, read_recorded, write_demos
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import BUILTIN_POLICIES
from tabletop.view.episodes import again
from tabletop.view.session import Session

TASKS = load_registry()


def test_a_recorded_episode_runs_again_in_a_view(tmp_path: Path, until: Callable[..., None]) -> None:
    pytest.importorskip("minari")
    recording = Recording("scripted", (TASKS["lift"],), range(41, 42))
    with Engine(0) as engine:
        write_demos(tmp_path / "set", "minari", recording, {"lift": BUILTIN_POLICIES["scripted"]}, engine)
    (episode,) = read_recorded(tmp_path / "set")
    scene, course = again(episode)
    with Session(scene) as session:
        session.speed(4.0)
        session.drop_in(scene, course)
        until(lambda: session.shown.number == 2 and session.shown.said and not session.shown.title)
        assert session.shown.said[-1].endswith("(it holds)")
        session.look_back(len(episode.actions))
        until(lambda: session.shown.now.step == len(episode.actions))
        assert float(session.shown.now.state.entity(course.entity or "", "position")[2]) > 0.1
