"""Words for effects: what a skill does, said plainly, where no task has a name for it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.skills.effects import Effect

__all__ = ["consistency", "offset_words", "phrase"]

Array = npt.NDArray[np.float64]

_STILL: Final = 0.025
"""m: less than this is not worth a word."""


def _horizontal(dx: float, dy: float) -> list[str]:
    words = []
    if abs(dx) >= _STILL:
        words.append(f"{abs(dx) * 100:.0f} cm {'away' if dx > 0 else 'toward'}")
    if abs(dy) >= _STILL:
        words.append(f"{abs(dy) * 100:.0f} cm {'left' if dy > 0 else 'right'}")
    return words


def offset_words(dx: float, dy: float) -> str:
    """Return a distance and its main direction, such as "14 cm away" or "10 cm left-toward"."""
    names = []
    if abs(dx) > 0.4 * abs(dy):
        names.append("away" if dx > 0 else "toward")
    if abs(dy) > 0.4 * abs(dx):
        names.append("left" if dy > 0 else "right")
    if abs(dy) > abs(dx):
        names.reverse()
    return f"{np.hypot(dx, dy) * 100:.0f} cm {'-'.join(names)}"


def phrase(effect: Effect, effects: Array, outcomes: Array, noun: str = "the object") -> str:
    """Return what a skill does to its entity, by the median of its effects and outcomes.

    Args:
        effect: the skill's.
        effects: (n, >= effect.size) as the discriminator sees them.
        outcomes: (n, 6) of a rigid thing, (n, 1) of a joint, see `outcome` in skills/effects/position.py.
        noun: what to call the entity.
    """
    seen, middle = np.median(effects, axis=0), np.median(outcomes, axis=0)
    fact = int(effect.classify_fact(seen[None])[0])
    if effect.said and fact >= 0:
        true = fact == len(effect.fact_targets) - 1
        return effect.said.format(a=noun) if true else f"leaves {noun} alone"
    if effect.name == "reached":
        dx, dy, dz = (float(v) for v in seen[:3])
        way = " and ".join([*_horizontal(dx, dy), *([f"{dz * 100:.0f} cm up"] if dz >= _STILL else [])])
        return f"takes the gripper {way} from {noun}" if way else f"takes the gripper to {noun}"
    if effect.body_type == "joint":
        # A stop gives a little, so that a joint may stand beyond it.
        share = min(1.0, max(0.0, float(middle[0])))
        return f"brings {noun} to {round(100 * share)}% open"
    dx, dy, dz, turn, x, y = (float(v) for v in middle)
    if dz < -0.08:
        return f"knocks {noun} off the table"
    if effect.places and float(np.median(np.linalg.norm(outcomes[:, :3], axis=1))) < _STILL:
        return f"leaves {noun} about where it is"
    words = " and ".join(_horizontal(x, y) if effect.places else _horizontal(dx, dy))
    if effect.places:
        words = f"{words} from the middle" if words else "at the middle"
        if effect.settles:
            return f"puts {noun} {words}"
        return f"holds {noun} {dz * 100:.0f} cm up, {words}" if dz >= _STILL else f"takes {noun} {words}"
    parts = [f"moves {noun} {words}"] if words else []
    if abs(turn) > np.radians(20):
        side = "counter-clockwise" if turn > 0 else "clockwise"
        parts.append(f"turns {noun} {np.degrees(abs(turn)):.0f} deg {side}")
    return " and ".join(parts) or f"leaves {noun} about where it is"


def consistency(effect: Effect, effects: Array) -> float:
    """Return the spread of a skill's effects: the median distance from their median, m of reach."""
    used = effects[:, : effect.asked]
    return float(np.median(np.linalg.norm(used - np.median(used, axis=0), axis=1)))
