"""The discovery that a command line asks for: objective, what it sees, codes, starts, scenes, effects."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from tabletop.api.bounds import names_in
from tabletop.discovery.checkpoint import last_state
from tabletop.discovery.config import EFFECT_CODES, DiscoverSettings, looking_for
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.start import going_on_from, open_start
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
    if options.start is not None and state is None:
        return _going_on(options)
    if state is not None:
        # What this version knows nothing of is refused with its reason where the run is resumed.
        how, counts = how | {k: v for k, v in state.how.items() if k in how}, dict(state.counts)
    how |= {name: getattr(options, name) for name in how if getattr(options, name) is not None}
    learner = LearnerSettings(
        objective=how["objective"], discriminator_input=how["discriminator_input"], latent=how["latent"]
    )
    chosen: dict[str, Any] = {name: how[name] for name in ("scene", "starts", "release")}
    if state is not None and state.start is not None:
        # As the library has it; --effects names what was added.
        how["effects"] = ",".join(dict.fromkeys([*counts, *_further(options, how["scene"])]))
        sac = replace(learner.sac, hidden=state.start.hidden)
        learner, chosen["horizon"] = replace(learner, sac=sac, flat=state.start.flat), state.start.horizon
    if how["effects"] == "all":
        effects = effects_of_card(how["scene"], EFFECT_CODES)
    else:
        effects = tuple(how["effects"].split(","))
    return looking_for(effects, counts, learner=learner, seed=options.seed, **chosen, **_numbers(options))


def _going_on(options: argparse.Namespace) -> DiscoverSettings:
    """Return settings that go on from a library; what the options say of its making is checked where it begins."""
    start = open_start(options.start)
    usual = DiscoverSettings()
    given = {n: getattr(options, n) for n in ("scene", "starts", "release") if getattr(options, n) is not None}
    effects = _further(options, given.get("scene", usual.scene))
    settings = going_on_from(start.library, effects, seed=options.seed, **given, **_numbers(options))
    names = ("objective", "discriminator_input", "latent")
    asked = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    return replace(settings, learner=replace(settings.learner, **asked))


def _further(options: argparse.Namespace, scene: str) -> tuple[str, ...]:
    """Return the effects that --effects adds to a library's."""
    if options.effects == "all":
        return effects_of_card(scene, EFFECT_CODES)
    return tuple(names_in(options.effects or "", "effects"))


def _numbers(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("rounds_under_way", "threads", "rehearsal")}


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
