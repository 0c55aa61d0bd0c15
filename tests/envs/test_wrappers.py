"""Gymnasium's own wrappers work on the environments: spaces hold, episodes end, a spec makes the same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.wrappers import vector as vectors

import tabletop.envs  # noqa: F401  (registers the environments)

ONE, ZERO = np.float32(1), np.float32(0)
PIXELS = {"observation": "pixels", "size": (40, 36)}
GOAL = {"observation": "goal"}
FILM = {"render_mode": "rgb_array", "render_size": (64, 48)}
WRAPPERS: dict[str, tuple[dict[str, Any], Callable[[Any], gymnasium.Env]]] = {
    "Autoreset": ({}, wrappers.Autoreset),
    "RecordEpisodeStatistics": ({}, wrappers.RecordEpisodeStatistics),
    "TimeAwareObservation": ({}, wrappers.TimeAwareObservation),
    "TimeAwareObservation of goals": (GOAL, wrappers.TimeAwareObservation),
    "FlattenObservation": (GOAL, wrappers.FlattenObservation),
    "FilterObservation": (GOAL, lambda e: wrappers.FilterObservation(e, ["observation", "desired_goal"])),
    "FrameStackObservation": (PIXELS, lambda e: wrappers.FrameStackObservation(e, 3)),
    "FrameStackObservation of goals": (GOAL, lambda e: wrappers.FrameStackObservation(e, 3)),
    "DelayObservation": ({}, lambda e: wrappers.DelayObservation(e, 2)),
    "GrayscaleObservation": (PIXELS, wrappers.GrayscaleObservation),
    "ResizeObservation": (PIXELS, lambda e: wrappers.ResizeObservation(e, (20, 20))),
    "RescaleObservation": ({}, lambda e: wrappers.RescaleObservation(e, ZERO, ONE)),
    "NormalizeObservation": ({}, wrappers.NormalizeObservation),
    "NormalizeReward": ({}, wrappers.NormalizeReward),
    "ClipReward": ({}, lambda e: wrappers.ClipReward(e, -1, 0)),
    "ClipAction": ({}, wrappers.ClipAction),
    "RescaleAction": ({}, lambda e: wrappers.RescaleAction(e, ZERO, ONE)),
    "StickyAction": ({}, lambda e: wrappers.StickyAction(e, 0.5)),
    "DiscretizeAction": ({}, lambda e: wrappers.DiscretizeAction(e, 3)),
    "AddRenderObservation": (FILM, wrappers.AddRenderObservation),
    "RenderCollection": (FILM, wrappers.RenderCollection),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapped_environment_keeps_to_its_spaces_and_ends_when_it_is_told_to(name: str) -> None:
    arguments, wrap = WRAPPERS[name]
    env = wrap(gymnasium.make("Tabletop/Push-v0", max_episode_steps=4, **arguments))
    env.action_space.seed(0)
    assert env.observation_space.contains(env.reset(seed=1)[0])
    ends = []
    for _ in range(4):
        observation, _, terminated, truncated, info = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)
        ends.append((terminated, truncated))
    assert ends == [(False, False)] * 3 + [(False, True)]
    if name == "RecordEpisodeStatistics":
        assert info["episode"]["l"] == 4
    if name == "RenderCollection":
        assert [picture.shape for picture in env.render()] == [(48, 64, 3)] * 5  # type: ignore[union-attr]
    assert env.spec is not None
    assert env.spec.max_episode_steps == 4
    env.close()


def test_a_picture_of_each_step_can_be_asked_for_where_the_environment_is_made() -> None:
    env = gymnasium.make("Tabletop/Push-v0", render_mode="rgb_array_list", render_size=(64, 48), max_episode_steps=3)
    env.reset(seed=0)
    for _ in range(2):
        env.step(np.zeros(5, np.float32))
    assert len(env.render()) == 3  # type: ignore[arg-type]
    assert env.metadata["render_fps"] == 10
    env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("wrap", [vectors.RecordEpisodeStatistics, vectors.DictInfoToList, vectors.NormalizeReward])
def test_vectors_can_be_wrapped(wrap: Callable[[Any], gymnasium.vector.VectorEnv], mode: str) -> None:
    vector = wrap(gymnasium.make_vec("Tabletop/Push-v0", 2, vectorization_mode=mode, max_episode_steps=2))
    vector.reset(seed=1)
    actions = np.zeros((2, 5), np.float32)
    ends = [vector.step(actions)[3].tolist() for _ in range(3)]
    assert ends == [[False] * 2, [True] * 2, [False] * 2]
    vector.close()
