"""Where all randomness comes from: the only module that turns a user's seed into others.

Two kinds of seeds exist.

*Documented seeds* are numbers that a user gives and finds again. `generate(card, seed)` draws the scene of that number.
`tabletop scene --seed N` and `tabletop plan --goal TEXT --seed N` mean it, with N below 2**31. An evaluation, an audit,
a recording or a perturbed task takes scenes N, N + 1 and so on. A suite's and an environment's scenes have such numbers
too. `episode(policy, scene, seed)` draws the noise of that number. Saved scenes, proven goals and demonstrations rest
on these numbers, so they are never derived: the functions at the end of this file keep what they mean.

*Derived seeds* are what the stages draw scenes by for themselves. `seed_of` makes one of a user's seed, a purpose and
numbers. It is numpy's SeedSequence with the seed as entropy, and with purpose and numbers as spawn key. Derived seeds
are at least 2**62, so none is a number that a user can give on the command line. Two of them are equal by chance only,
once in 2**62 pairs.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from enum import IntEnum, unique
from typing import Final

import numpy as np

from tabletop.errors import TabletopError

__all__ = ["Purpose", "cameras_rng", "episode_rngs", "inventory_rng", "rng_of", "scene_number", "scene_rng", "seed_of"]

_LEAST: Final = 2**62
"""Of derived seeds; all are below twice as much, which a signed integer of 64 bits holds."""
_MOST_NUMBER: Final = 2**32
"""Numbers are below this, so that each is one word of the spawn key and no two lists of them read alike."""


@unique
class Purpose(IntEnum):
    """What a derived seed is for. A value is never changed or used again: new ones go to the end.

    Below each stands which numbers go with it, and what is drawn.
    """

    # Discovery. `number` is that of a training episode.
    TRAINING_CHOICES = 1
    """number: effect, code and start of an episode."""
    TRAINING_SCENES = 2
    """number: poses."""
    TRAINING_INVENTORIES = 3
    """number of a set of objects, which some episodes in a row share."""
    TRAINING_EPISODES = 4
    """number: the policy's exploration."""
    LEARNING = 5
    """Which codes and transitions are learned from."""
    POLICY_NETWORK = 6
    """number of the restart: first weights of actor and critics, and their noise."""
    OBJECTIVE_NETWORK = 7
    """First weights of an objective's own network."""
    DENSITY_NETWORK = 8
    """First weights of the network that CSD judges steps by."""
    EMBEDDINGS = 9
    """What policies are conditioned on, where an objective draws it."""

    # Scenes of skills, drawn from a derived seed of one of the other purposes.
    ATTENDED_ENTITIES = 10
    """Which entity of a scene a skill acts on."""
    INVENTORY_ATTEMPTS = 11
    """attempt: sets of objects, until one has such an entity."""

    # Measuring. `number` is that of a held-out episode.
    MEASURING_SCENES = 12
    """number: poses."""
    MEASURING_INVENTORIES = 13
    """number: objects."""
    MEASURING_CODES = 14
    """number, code: which other code runs instead."""
    MEASURING_EPISODES = 15
    """number, code: the policy's noise."""
    CROSS_VALIDATION = 16
    """Parts of the held-out episodes, and the noise on their effects."""
    CHANNEL_SHUFFLES = 17
    """Codes dealt out at random, for the chance level of empowerment."""
    UNTRAINED_NETWORK = 18
    """First weights of the untrained baseline."""
    TIMING = 19
    """Episodes that are run only to see how long they take."""

    # Naming. `number` is that of a trial.
    NAMING_EFFECTS = 20
    """Held-out episodes of split A, in the library's own scenes."""
    NAMING_SPLIT_A = 21
    """number: trials in the tasks' scenes."""
    NAMING_SPLIT_B = 22
    """number: what a name stands or falls by."""
    NAMING_SPLIT_C = 23
    """number: what is reported of a task."""
    NAMING_CODES = 24
    """Which other code runs instead; of a trial's derived seed."""

    # Films of skills that are named for no task; the others are on the task's documented scenes.
    CLIP_SCENES = 25
    """Poses; of the film's documented seed."""
    CLIP_INVENTORIES = 26
    """Which objects; of the film's documented seed."""
    CLIP_EPISODES = 27
    """Not drawn any more: an episode that is filmed has the film's documented seed."""

    # Planning.
    PLANNING_SCENES = 28
    """scene: those that goals are sampled in."""
    PLANNING_GOALS = 29
    """scene: its sampled goal."""
    PLANNING_EPISODES = 30
    """number of the goal: the search's and the skills' noise."""
    GOALS = 31
    """Of a goal's own seed: the walk it is read off."""
    CHAINS = 32
    """Of a chain's own seed: lengths of its goals."""
    CHAIN_TURNS = 33
    """turn, spare; of a chain's own seed: each of its goals."""
    CHAIN_SCENES = 34
    """number of the chain, attempt"""
    CHAIN_GOALS = 35
    """number of the chain, attempt: the chain's own seed."""
    CHAIN_EPISODES = 36
    """number of the chain"""
    PROVEN_SCENES = 37
    """number of the goal, attempt"""
    PROVEN_GOALS = 38
    """number of the goal, attempt: the goal's own seed."""
    SINGLE_SCENES = 39
    """number of the goal, predicates passed over, attempt"""
    SINGLE_GOALS = 40
    """number of the goal: predicate, card, entities and numbers."""
    SINGLE_EPISODES = 41
    """number of the goal"""

    # Perturbing.
    PERTURBING_SCENES = 42
    """number"""
    PERTURBING_EPISODES = 43
    """number: the policy's noise and the perturbation's."""

    # Reinforcement learning on an environment (learn/train.py).
    REPLAY = 44
    """Random actions, and which transitions are learned from."""

    TASK_OPERATORS = 45
    """number: scenes that a policy of one's own is run in, to be planned with."""

    # Counting skills. `number` is that of a scene, which all codes share.
    COUNTING_SCENES = 46
    """number: poses."""
    COUNTING_INVENTORIES = 47
    """number, attempt: objects."""
    COUNTING_EPISODES = 48
    """number, code: the policy's noise."""
    COUNTING_NOISE = 49
    """Parts of the scenes, the noise on outcomes, and the scenes of an interval."""

    # Targets that know no library (benchmarks/targets.py). `number` is that of a target.
    TARGET_SCENES = 50
    """number, attempt"""
    TARGETS = 51
    """number, attempt: where a thing is to go, or what a joint is to be."""
    TARGET_EPISODES = 52
    """number: the policy's noise."""


def seed_of(seed: int, purpose: Purpose, *numbers: int) -> int:
    """Return the derived seed of a user's seed for a purpose: a whole number in [2**62, 2**63).

    It goes wherever a seed goes: `generate`, `episode`, torch's `manual_seed`, and here again.

    >>> seed_of(0, Purpose.PLANNING_SCENES, 3)
    8879771639737623824

    Args:
        seed: the user's, or one that was derived for another purpose; below 2**63.
        purpose: what it is for.
        numbers: which one of those, such as an episode's number; each below 2**32.

    Raises:
        TabletopError: a seed or a number is not a whole number from 0 and below its bound.
    """
    word = int(_sequence(seed, purpose, numbers).generate_state(1, np.uint64)[0])
    return _LEAST + word % _LEAST


def rng_of(seed: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """Return a generator that is drawn from for this purpose only.

    Args:
        seed: as in `seed_of`.
        purpose: what it is for.
        numbers: which one of those; each below 2**32.

    Raises:
        TabletopError: as in `seed_of`.
    """
    return np.random.default_rng(_sequence(seed, purpose, numbers))


def _sequence(seed: int, purpose: Purpose, numbers: Sequence[int]) -> np.random.SeedSequence:
    entropy = _whole(seed, 2 * _LEAST, "a seed")
    key = [_whole(n, _MOST_NUMBER, f"a number of {purpose.name}") for n in numbers]
    return np.random.SeedSequence(entropy, spawn_key=(int(purpose), *key))


def _whole(value: int, bound: int, what: str) -> int:
    try:
        found = operator.index(value)
    except TypeError:
        found = -1
    if not 0 <= found < bound:
        raise TabletopError(f"{what} must be a whole number from 0 to 2**{bound.bit_length() - 1} - 1, got {value!r}")
    return found


# --- what documented seeds mean ------------------------------------------------------------------
# Numbers in front of or behind a seed tell its streams apart. They are as old as the first saved scene, and stay.

_THINGS, _POSES, _CAMERAS = 1, 2, 3
_POLICY, _DISTURBANCE = 0, 1


def inventory_rng(seeds: Sequence[int]) -> np.random.Generator:
    """Return what a scene's kinds, sizes, masses, frictions and colours are drawn by.

    Args:
        seeds: one number, or several as in older files of goals.
    """
    return np.random.default_rng([_THINGS, *seeds])


def scene_rng(seeds: Sequence[int]) -> np.random.Generator:
    """Return what a scene's poses, gripper, light and camera are drawn by.

    Args:
        seeds: one number, or several as in older files of goals.
    """
    return np.random.default_rng([_POSES, *seeds])


def cameras_rng(seeds: Sequence[int]) -> np.random.Generator:
    """Return what a scene's further cameras are drawn by, so that they move nothing else.

    Args:
        seeds: one number, or several as in older files of goals.
    """
    return np.random.default_rng([_CAMERAS, *seeds])


def scene_number(seeds: Sequence[int]) -> int:
    """Return the number that a scene keeps as its seed: its own, or a digest of several."""
    return seeds[0] if len(seeds) == 1 else int(np.random.SeedSequence(list(seeds)).generate_state(1)[0])


def episode_rngs(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return what an episode's policy draws by, and what its disturbance does."""
    return np.random.default_rng([seed, _POLICY]), np.random.default_rng([seed, _DISTURBANCE])
