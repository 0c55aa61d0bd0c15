"""Scenes for skills: which scene, which entity of it, and how the effects along an episode are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import parse_json
from tabletop.projects import kept
from tabletop.rollout.episode import Trajectory
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.cards import base_of, load_cards
from tabletop.sim.generate import generate
from tabletop.sim.generate import inventory as inventory_of
from tabletop.sim.robot_card import robot_in_use
from tabletop.sim.scene import Entity, Scene, layout_of
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.skills.effects import (
    EFFECT_WIDTH,
    LEFT,
    Effect,
    entities_for,
    get_effect,
    possible,
    requirements,
)

__all__ = ["STARTS", "attended_scene", "card_serves", "check_card", "effects_along", "effects_of_card", "joints_of"]

_ATTEMPTS: Final = 400
_SCENES: Final = 40
"""Scenes in which an effect that takes two things is looked for, before a card is said to have nothing for it."""

STARTS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "mixed": (
        ("nominal", 0.30),
        ("near", 0.20),
        ("above", 0.15),
        ("around", 0.15),
        ("holding", 0.14),
        ("bearing", 0.06),
    ),
    "nominal": (("nominal", 1.0),),
}
"""Where the gripper starts while learning, with shares: our resets, and always away from everything."""


def attended_scene(
    card: Mapping[str, Any],
    effect: Effect,
    seed: int,
    inventory: int,
    gripper: str,
    acceptance_probability: Mapping[str, float] | None = None,
    kind: str | None = None,
) -> tuple[Scene, str]:
    """Draw a scene that has an entity for an effect, and choose that entity.

    Args:
        card: scene card.
        effect: that the entity is for.
        seed: of poses and choices; a derived one, see seeds.py.
        inventory: seed of the set of objects; where it lacks such an entity, further ones are tried.
        gripper: where it starts, see GRIPPER_STARTS.
        acceptance_probability: kind of entity: the chance that one of it is taken when drawn; 1 where not named.
        kind: that the entity has to be of; None: any.

    Raises:
        TabletopError: none of many inventories has one.
    """
    rng = rng_of(seed, Purpose.ATTENDED_ENTITIES)
    chosen: list[str] = []
    acceptance_probability = acceptance_probability or {}

    def choose(entities: Sequence[Entity]) -> str | None:
        fractions = {e.name: e.fraction for e in entities}
        layout = layout_of(entities, load_cards(), robot_in_use())
        candidates = entities_for(effect, layout, fractions)
        if kind is not None:
            candidates = [name for name in candidates if layout.kind(name) == kind]
        if not candidates:
            return None
        name = candidates[int(rng.integers(len(candidates)))]
        if rng.random() >= acceptance_probability.get(layout.kind(name), 1.0):
            return None
        chosen.append(name)
        return name

    for things in _inventories(card, effect, inventory, kind):
        try:
            scene = generate(card, seed, inventory_seed=things, gripper=gripper, attend=choose)
        except TabletopError:
            # This set of objects does not fit on this table; the next one may.
            continue
        if chosen:
            return scene, chosen[-1]
    if acceptance_probability:
        # All that came up were passed over, for being done well: then any will do.
        return attended_scene(card, effect, seed, inventory, gripper, kind=kind)
    raise TabletopError(f"the scene card never has an entity for the effect {effect.name!r}")


def _inventories(card: Mapping[str, Any], effect: Effect, inventory: int, kind: str | None = None) -> Iterator[int]:
    """Yield the seeds of those inventories in which an effect may be had, on an entity of a kind if one is given."""
    for attempt in range(_ATTEMPTS):
        seed = seed_of(inventory, Purpose.INVENTORY_ATTEMPTS, attempt)
        kinds = list(inventory_of(card, seed).values())
        if possible(effect, kinds) and kind in {None, *kinds}:
            yield seed


def joints_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds with a joint that a scene card may draw, moving parts of fixtures among them, in its order."""
    raw = [*card["entities"].values(), card.get("extras", {}).get("kinds", ())]
    named = [spec["kind"] if isinstance(spec, Mapping) else spec for spec in raw]
    kinds = [k for one in named for k in ([one] if isinstance(one, str) else one)]
    known = load_cards()
    found = [k for kind in kinds for k in (kind, *(p for p in known if base_of(p) == kind)) if k in known]
    return tuple(dict.fromkeys(k for k in found if known[k].body_type == "joint"))


def effects_of_card(name: object, effects: Iterable[str]) -> tuple[str, ...]:
    """Return those effects that a scene card has entities for.

    Args:
        name: of the card, its path, or the card itself.
        effects: their names.

    Raises:
        TabletopError: there is no such card.
    """
    card = find_scene_card(name)
    return tuple(e for e in effects if _has(card, get_effect(e)))


def _has(card: Mapping[str, Any], effect: Effect) -> bool:
    """Return whether a scene card has entities for an effect."""
    inventories = _inventories(card, effect, 0)
    if effect.partners is None:
        return next(inventories, None) is not None
    # Only scenes say whether anything could bear a thing: what is shut does not.
    for things in islice(inventories, _SCENES):
        try:
            scene = generate(card, things, inventory_seed=things)
        except TabletopError:
            continue
        layout = layout_of(scene.entities, load_cards(), scene.robot.name)
        if entities_for(effect, layout, {e.name: e.fraction for e in scene.entities}):
            return True
    return False


def card_serves(card: Mapping[str, Any], effect: Effect, kind: str | None = None) -> bool:
    """Return whether a scene card has entities for an effect: of any kind, or of the one that is given."""
    if kind is not None:
        return kind in joints_of(card)
    return _serves(json.dumps(card, default=str), effect.name, robot_in_use())


@kept
def _serves(card: str, effect: str, robot: str) -> bool:
    del robot  # Scenes are drawn for the one in use.
    return _has(parse_json(card, "scene card"), get_effect(effect))


def check_card(name: str, effects: Iterable[Effect]) -> None:
    """Check that a scene card has entities for effects.

    Raises:
        TabletopError: there is no such card, or it never has one.
    """
    wanted = [effect.name for effect in effects]
    found = effects_of_card(name, wanted)
    lacking = [e for e in wanted if e not in found]
    if lacking:
        raise TabletopError(
            f"scene card {name!r} never has what the effects {', '.join(lacking)} need; "
            "choose others with --effects, or another card with --scene (everything has all but ropes and cloths, "
            "which fabrics has)"
        )


def effects_along(
    effect: Effect,
    trajectory: Trajectory,
    entity: str,
    horizon: int,
    initial: State | None = None,
    release: str = "learned",
) -> npt.NDArray[np.float64]:
    """Return the effects (T + 1, EFFECT_WIDTH) along the T <= horizon decisions of a skill's episode.

    The last row of an effect that stays done is taken from the trajectory's end, after what a script adds. Where the
    release is learned, what stays done is to rest throughout, and the gripper is to leave near the end. For an effect
    on a thing it counts throughout how far other things were moved.

    Args:
        effect: that is read.
        trajectory: the episode.
        entity: that the skill attended to.
        horizon: decisions that the skill has, a script left out.
        initial: the state that effects count from; None: the first one of the trajectory.
        release: how the skill ended, of RELEASES in skills/skill_policy.py.

    Returns:
        m of the reach, padded with zeros.
    """
    state = trajectory.state
    decisions = min(horizon, len(trajectory))
    found = effect.function(initial or trajectory.initial, state, entity)
    chosen = np.concatenate([found[:decisions], found[-1:] if effect.settles else found[decisions : decisions + 1]])
    out = np.zeros((decisions + 1, EFFECT_WIDTH))
    out[:, : effect.size] = chosen
    remaining = horizon - np.arange(decisions + 1)
    leaves = release == "learned"
    out[:, LEFT:] = requirements(
        effect, initial or trajectory.initial, state[: decisions + 1], entity, remaining, leaves=leaves
    )
    return out
