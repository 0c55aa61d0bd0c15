"""The discovery that a command line asks for: objective, what it sees, codes, starts, scenes, effects."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabletop.discovery.checkpoint import last_state
from tabletop.discovery.config import EFFECT_CODES, DiscoverSettings, looking_for
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.skills.scenes import effects_of_card

__all__ = ["budget", "discovery_settings"]


def discovery_settings(options: argparse.Namespace, folder: Path) -> DiscoverSettings:
    """Return settings as the options have them; what they leave open is the default's, or a resumed run's.

    Args:
        options: with `seed`, `resume`, and the names in `DiscoverSettings.how`.
        folder: of the run.

    Raises:
        TabletopError: a name that is not known.
    """
    how = {**DiscoverSettings().how, "effects": "all"}
    counts: dict[str, int] = {}
    state = last_state(folder) if options.resume else None
    if state is not None:
        # What this version knows nothing of is refused with its reason where the run is resumed.
        how, counts = how | {k: v for k, v in state.how.items() if k in how}, dict(state.counts)
    how |= {name: getattr(options, name) for name in how if getattr(options, name) is not None}
    learner = LearnerSettings(
        objective=how["objective"], discriminator_input=how["discriminator_input"], latent=how["latent"]
    )
    if how["effects"] == "all":
        effects = effects_of_card(how["scene"], EFFECT_CODES)
    else:
        effects = tuple(how["effects"].split(","))
    pace = {"rounds_under_way": options.rounds_under_way, "threads": options.threads}
    chosen = {name: how[name] for name in ("scene", "starts", "release")}
    return looking_for(effects, counts, learner=learner, seed=options.seed, **chosen, **pace)


def budget(options: argparse.Namespace, folder: Path, minutes: float) -> tuple[float | None, int | None]:
    """Return minutes or control steps to discover for: the options', or a resumed run's, or else the default.

    Args:
        options: with `minutes`, `steps` and `resume`.
        folder: of the run.
        minutes: the default.
    """
    if options.steps or options.minutes:
        return (None, options.steps) if options.steps else (options.minutes, None)
    state = last_state(folder) if options.resume else None
    if state is not None and (state.budget.minutes or state.budget.steps):
        return state.budget.minutes, state.budget.steps
    return minutes, None
