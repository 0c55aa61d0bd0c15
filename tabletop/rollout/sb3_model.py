"""Models of Stable-Baselines3 and its contrib package as policies."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any, Final

from gymnasium import spaces

from tabletop.envs.observe import STATE_WIDTH, nodes_of_width
from tabletop.errors import TabletopError
from tabletop.files import parse_json
from tabletop.rollout.observation_policy import ObservationPolicy
from tabletop.sim.action import ACTION_SIZE

__all__ = ["is_model", "load_model", "model_policy"]

_ALGORITHMS: Final = (
    ("sb3_contrib", "TRPO", {"cg_max_steps"}),
    ("sb3_contrib", "TQC", {"top_quantiles_to_drop_per_net"}),
    ("sb3_contrib", "ARS", {"delta_std_schedule"}),
    ("sb3_contrib", "CrossQ", {"target_entropy", "policy_delay"}),
    ("stable_baselines3", "SAC", {"target_entropy"}),
    ("stable_baselines3", "TD3", {"target_policy_noise"}),  # DDPG too: it is a TD3 with other settings
    ("stable_baselines3", "PPO", {"clip_range"}),
    ("stable_baselines3", "A2C", {"gae_lambda"}),
)
"""Package and class by what it alone saves, the more special ones first: a file does not say which class wrote it."""
_RECURRENT: Final = "sb3_contrib.common.recurrent"
"""Package of the policies of RecurrentPPO, which saves what PPO does."""
_GOAL: Final = {"observation", "achieved_goal", "desired_goal"}


def is_model(value: object) -> bool:
    """Return whether a value is a model by its attributes: predict and both spaces."""
    return not isinstance(value, type) and all(
        hasattr(value, name) for name in ("predict", "observation_space", "action_space")
    )


def model_policy(model: Any, *, deterministic: bool = True) -> ObservationPolicy:
    """Return a model as a policy; its own observation space says what it sees.

    Args:
        model: of Stable-Baselines3, or what has the same `predict`, `observation_space` and `action_space`.
        deterministic: what `predict` is given.

    Raises:
        TabletopError: it was made for other observations or actions than the environment's.
    """
    actions = model.action_space
    if not isinstance(actions, spaces.Box) or actions.shape != (ACTION_SIZE,):
        raise TabletopError(f"a policy acts with {ACTION_SIZE} numbers, got a model for actions of {actions}")
    space = model.observation_space
    observation, nodes = _observation(space)
    return ObservationPolicy(model.predict, observation, deterministic=deterministic, space=space, nodes=nodes)


def _observation(space: spaces.Space[Any]) -> tuple[str, int]:
    """Return which observation a model's space is of, and with how many nodes a slot."""
    if isinstance(space, spaces.Dict) and set(space.spaces) == _GOAL:
        # Another width is refused where the goal's shapes are compared.
        return "goal", _nodes(space["observation"]) or 0
    nodes = _nodes(space)
    if nodes is not None:
        return "state", nodes
    if isinstance(space, spaces.Box) and len(space.shape) == 3:
        return "pixels", 0
    raise TabletopError(
        f'a policy sees observation "state", {STATE_WIDTH} numbers, or "goal", got a model for observations of {space}'
    )


def _nodes(space: spaces.Space[Any]) -> int | None:
    """Return how many nodes a slot a space of observations "state" has; None where it is no such space."""
    return nodes_of_width(space.shape[0]) if isinstance(space, spaces.Box) and len(space.shape) == 1 else None


def load_model(path: Path) -> Any:
    """Return the model that Stable-Baselines3 saved as a .zip, on the CPU and without its replay buffer.

    Its own loader unpickles parts of the file: load only what you trust.

    Raises:
        TabletopError: it is no such file, no algorithm here saves such ones, or the package is not installed.
    """
    package, name = _algorithm(path)
    try:
        algorithm = getattr(importlib.import_module(package), name)
    except ImportError:
        raise TabletopError(
            f"model {path.name!r} needs {package}; install it with: pip install {package.replace('_', '-')}"
        ) from None
    return algorithm.load(path, device="cpu", custom_objects=_for_acting())


def _for_acting() -> dict[str, Any]:
    """Return what stands in for saved settings that only training needs.

    Another version of Python may be unable to read schedules. A replay buffer takes memory, and one of hindsight an
    environment.
    """
    training = {"learning_rate": 0.0, "lr_schedule": 0.0, "clip_range": 0.0, "clip_range_vf": None, "buffer_size": 1}
    return {**training, "replay_buffer_class": None, "replay_buffer_kwargs": {}, "optimize_memory_usage": False}


def _algorithm(path: Path) -> tuple[str, str]:
    """Return the package and the class of the algorithm that saved a model; nothing is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = parse_json(archive.read("data"), "data")
        policy = data["policy_class"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise TabletopError(
            f"model {path.name!r} must be a .zip that Stable-Baselines3 saved: {' '.join(str(error).split())}"
        ) from None
    if isinstance(policy, dict) and str(policy.get("__module__")).startswith(_RECURRENT):
        return "sb3_contrib", "RecurrentPPO"
    for package, name, keys in _ALGORITHMS:
        if keys <= data.keys():
            return package, name
    known = ", ".join(sorted([*(name for _, name, _ in _ALGORITHMS), "DDPG", "RecurrentPPO"]))
    raise TabletopError(f"model {path.name!r} is of none of the algorithms that act with numbers: {known}")
