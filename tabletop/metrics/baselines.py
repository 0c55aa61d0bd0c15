"""A library's figures and those of what has learned nothing, in the first of its scenes: the place that makes both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tabletop.learn.actor import NetworkSpec
from tabletop.learn.sac import SAC, SACSettings
from tabletop.metrics.effective_skills import Samples, measure, sample_effects
from tabletop.metrics.joint_figures import counted, figures, plan_scenes
from tabletop.metrics.trials import categories_of, run_trials
from tabletop.rollout.engine import Engine
from tabletop.seeds import Purpose, seed_of
from tabletop.skills.library import Library

__all__ = ["BASELINES", "Measured", "baseline_episodes", "counting_episodes", "joint_count", "measure_library"]

BASELINES: Final = ("exploration", "untrained", "shuffled")
"""Random actions as discovery explores with, the network before any learning, and the library's own with a code of the
effect drawn at random."""
_SHOWN: Final = ("effective_skills_2cm", "effective_skills_5cm", "bits_2cm")
_LEAST_COUNTED: Final = 4
"""Episodes a code that the joint count gets at least."""


@dataclass(frozen=True)
class Measured:
    """Held-out episodes of a library and what they come to."""

    samples: Samples
    figures: dict[str, Any]
    """Of `measure`, with "baselines" by name and the "joint" count."""


def measure_library(
    library: Library, engine: Engine, episodes: int, seed: int, baselines: int | None = None
) -> Measured:
    """Measure a library on held-out episodes from nominal starts, and its baselines on a tenth as many.

    The joint count has scenes of its own, in which all codes run: half as many episodes again.

    Args:
        library: the skills.
        engine: runs the episodes.
        episodes: a skill.
        seed: of scenes, episodes and discriminators.
        baselines: episodes a skill of these, 2 or more; by default see `baseline_episodes`.
    """
    few = baseline_episodes(episodes) if baselines is None else baselines
    samples = sample_effects(library, engine, episodes, seed, label="measure")
    runs = (("exploration", library, "exploration"), ("untrained", untrained(library, seed), "skill"))
    floor_samples = [
        sample_effects(lib, engine, few, seed, mode, f"measure: {name} baseline")
        for name, lib, mode in (*runs, ("shuffled", library, "shuffled"))
    ]
    found, *others = engine.map(
        partial(measure, seed=seed), [samples, *floor_samples], chunk=1, label="measure: discriminators"
    )
    shown = {name: {k: baseline[k] for k in _SHOWN} for name, baseline in zip(BASELINES, others, strict=True)}
    joint = joint_count(library, engine, counting_episodes(episodes) * len(library.skills), seed)
    rest = {"baselines": shown, "episodes": episodes, "baseline_episodes": few, "joint": joint}
    return Measured(samples, {**found, **rest})


def joint_count(library: Library, engine: Engine, episodes: int, seed: int) -> dict[str, Any]:
    """Count a library's skills by what becomes of each category of entity, see joint_count.py.

    Args:
        library: the skills.
        engine: runs the episodes.
        episodes: that there are; they decide how many categories and scenes are counted.
        seed: of scenes, episodes and noise.

    Returns:
        The fields of JointCount (runs/counts.py).
    """
    known = categories_of(library, seed)
    scenes = plan_scenes(known, episodes)
    trials = run_trials(library, engine, scenes, seed, label="measure: joint count")
    found = list(engine.map(partial(counted, seed=seed), trials, chunk=1, label="measure: decoders"))
    return figures(found, seed, [name for name in known if name not in scenes])


def counting_episodes(episodes: int) -> int:
    """Return how many episodes a code the joint count gets beside so many held-out ones: half, at least 4.

    >>> counting_episodes(50), counting_episodes(5)
    (25, 4)
    """
    return max(_LEAST_COUNTED, episodes // 2)


def baseline_episodes(episodes: int) -> int:
    """Return how many episodes a code of a baseline go with so many of the library: a tenth, at least 2.

    >>> baseline_episodes(50), baseline_episodes(5)
    (5, 2)
    """
    return max(2, episodes // 10)


def untrained(library: Library, seed: int) -> Library:
    """Return a library with the same codes and a network as large, before any learning."""
    spec = NetworkSpec(*(int(v) for v in library.weights["spec"]))
    layers = sum(k.startswith("layer") and k.endswith(".weight") for k in library.weights)
    hidden = tuple(int(library.weights[f"layer{i}.weight"].shape[1]) for i in range(layers - 1))
    network = SAC(spec, 5, SACSettings(hidden=hidden), seed_of(seed, Purpose.UNTRAINED_NETWORK))
    return replace(library, weights=network.actor_arrays())
