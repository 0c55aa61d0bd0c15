"""What a discovery looks for, and all its other settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import get_objective
from tabletop.errors import TabletopError, unknown
from tabletop.schema import is_number, is_whole
from tabletop.skills.effects import get_effect
from tabletop.skills.scenes import STARTS
from tabletop.skills.skill_policy import RELEASES

__all__ = ["EFFECT_CODES", "FEW", "USUAL", "DiscoverSettings", "looking_for", "looking_for_few"]

EFFECT_CODES: Final[Mapping[str, tuple[int, float]]] = {
    "held_at": (72, 0.24),
    "displaced": (24, 0.08),
    "slid": (16, 0.14),
    "placed": (40, 0.30),
    "turned": (6, 0.20),
    "toppled": (2, 0.05),
    "dropped": (2, 0.03),
    "related": (10, 0.26),
    "reached": (8, 0.03),
    "joint": (8, 0.46),
    "dragged": (8, 0.10),
    "shaped": (6, 0.12),
}
"""Effects that may be looked for, with the codes of each and its weight among the episodes."""
USUAL: Final = tuple(name for name in EFFECT_CODES if get_effect(name).body_type != "deformable")
"""Effects that are looked for where nothing else is said: those that the card `everything` has things for."""
FEW: Final[Mapping[str, int]] = {"held_at": 48, "displaced": 24, "placed": 32, "joint": 6}
"""Effects that come within minutes, with fewer codes; the card `discovery` has things for them."""

_MOST_ROUNDS: Final = 1000
_MOST_THREADS: Final = 256
_MOST_HELD: Final = 10**9


@dataclass(frozen=True)
class DiscoverSettings:
    """Settings of a discovery."""

    counts: Mapping[str, int] = field(default_factory=lambda: {name: EFFECT_CODES[name][0] for name in USUAL})
    """How many codes each effect has."""
    effect_weights: Mapping[str, float] = field(default_factory=lambda: {name: EFFECT_CODES[name][1] for name in USUAL})
    """Weight among the episodes that each effect gets at first; what is mastered gets less."""
    scene: str = "everything"
    """Scene card: one that ships, by name, or the path of a YAML file."""
    horizon: int = 40
    """Control steps a skill acts for while it is learned."""
    release: str = "learned"
    """How skills whose effect is to stay end, one of RELEASES in skills/skill_policy.py."""
    horizon_multiplier: int = 2
    """How many times as long the library's skills act: what was lost at the first try is taken up again."""
    episodes: int = 12
    """Episodes a round."""
    warmup: int = 240
    """Episodes of random actions before learning begins."""
    updates: float = 0.12
    """Updates a control step."""
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    """Of the learner, its objective among them."""
    max_staleness: int = 16
    """Rounds of learning that the weights of an episode may be behind when it is learned from: a bound on the next."""
    rounds_under_way: int | None = None
    """Rounds under way while the learner works on the one before. None: by the number of workers, 2 for up to twelve
    (discovery/rounds.py). Another number gives another library; a resumed run keeps its own."""
    threads: int | None = None
    """Of the learner. None: by cores and workers, 1 with fewer than eight cores (learn/device.py). As above."""
    starts: str = "mixed"
    """Where the gripper starts, one of STARTS in skills/scenes.py."""
    seed: int = 0
    """Of everything."""
    rehearsal: float | None = None
    """Share of the rounds that is drawn from the cards of the library that it goes on from; the others are drawn from
    `scene`. None: 0.5, and a resumed run keeps its own."""
    hold: int | None = None
    """Updates of the critics before those of a library's policy begin. None: 500, and 4000 where critics begin anew."""
    save_every: float = 180.0
    """Seconds from one checkpoint to the next; it changes no result."""

    def __post_init__(self) -> None:
        """Check the starts, the objective, and the numbers of rounds and threads."""
        if self.starts not in STARTS:
            raise unknown("starts", self.starts, STARTS)
        if self.release not in RELEASES:
            raise unknown("release", self.release, RELEASES)
        if not is_whole(self.max_staleness, 1, _MOST_ROUNDS):
            raise TabletopError(f"max_staleness must be 1 to {_MOST_ROUNDS} rounds, got {self.max_staleness!r}")
        if self.rounds_under_way is not None and not is_whole(self.rounds_under_way, 1, self.max_staleness):
            most = f"max_staleness ({self.max_staleness})"
            raise TabletopError(f"rounds_under_way must be 1 to {most}, got {self.rounds_under_way!r}")
        if self.threads is not None and not is_whole(self.threads, 1, _MOST_THREADS):
            raise TabletopError(f"threads must be 1 to {_MOST_THREADS}, got {self.threads!r}")
        if self.rehearsal is not None and not is_number(self.rehearsal, 0.0, 1.0):
            raise TabletopError(f"rehearsal must be a share from 0 to 1, got {self.rehearsal!r}")
        if self.hold is not None and not is_whole(self.hold, 0, _MOST_HELD):
            raise TabletopError(f"hold must be 0 to {_MOST_HELD} updates, got {self.hold!r}")
        get_objective(self.learner.objective, self.learner.discriminator_input)

    @property
    def how(self) -> dict[str, str]:
        """What decides which discovery this is, as library.yaml has it."""
        learner = self.learner
        return {
            "objective": learner.objective,
            "discriminator_input": learner.discriminator_input,
            "latent": learner.latent,
            "starts": self.starts,
            "release": self.release,
            "scene": self.scene,
            "effects": ",".join(self.counts),
        }


def looking_for(effects: Iterable[str], counts: Mapping[str, int] | None = None, **others: Any) -> DiscoverSettings:
    """Return settings to look for some of EFFECT_CODES.

    Args:
        effects: their names.
        counts: codes of those effects that shall have other numbers than in EFFECT_CODES.
        others: further settings.

    Raises:
        TabletopError: an unknown effect.
    """
    chosen = tuple(effects)
    for name in chosen:
        if name not in EFFECT_CODES:
            raise unknown("effect", name, EFFECT_CODES)
    changed = counts or {}
    return DiscoverSettings(
        counts={name: changed.get(name, EFFECT_CODES[name][0]) for name in chosen},
        effect_weights={name: EFFECT_CODES[name][1] for name in chosen},
        **others,
    )


def looking_for_few(**others: Any) -> DiscoverSettings:
    """Return settings to look for FEW, on the card that has things for them; others as for `looking_for`."""
    return looking_for(FEW, FEW, scene="discovery", **others)
