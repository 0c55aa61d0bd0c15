"""How thoroughly a discovery is measured when it is over, and what is said of it before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tabletop.api.bounds import check_numbers
from tabletop.api.clock import naming_takes, naming_within, pace_of, probes
from tabletop.errors import TabletopError
from tabletop.metrics.baselines import BASELINES, Measured, baseline_episodes, counting_episodes
from tabletop.metrics.channel import channels, siblings, synergies
from tabletop.naming import NameSettings
from tabletop.progress import tell, time_text
from tabletop.rollout.engine import Engine
from tabletop.runs.records import Measurement
from tabletop.runs.store import as_record
from tabletop.skills.library import Library
from tabletop.words import plural

__all__ = [
    "EPISODES",
    "HeldOut",
    "announcement",
    "fitting",
    "measurement",
    "measuring_within",
    "name_settings",
    "plan_measuring",
]

EPISODES: Final = 50
"""Held-out episodes a code, where neither --episodes nor a budget in minutes says something else."""
_LEAST: Final = 5
"""Held-out episodes a code at least: one for each part that a discriminator is tested on (effective_skills.py)."""
_SHARE: Final = 1 / 3
"""Of the discovery's minutes that measuring takes at most."""
_RUNNING: Final = 0.85
"""Share of that time for episodes; discriminators take the rest."""


@dataclass(frozen=True)
class HeldOut:
    """How many held-out episodes a library is measured by."""

    codes: int
    episodes: int
    """A code of the library."""
    pace: float | None = None
    """s that an episode takes, all processes together; None where that was not measured."""

    @property
    def baselines(self) -> int:
        """Episodes a code of each baseline."""
        return baseline_episodes(self.episodes)

    @property
    def counting(self) -> int:
        """Episodes a code, about, that the joint count is made of."""
        return counting_episodes(self.episodes)

    @property
    def total(self) -> int:
        """Episodes, baselines and joint count included."""
        return self.codes * (self.episodes + len(BASELINES) * self.baselines + self.counting)

    @property
    def seconds(self) -> float | None:
        """What it takes, about."""
        return None if self.pace is None else self.total * self.pace / _RUNNING

    def announcement(self) -> str:
        """Return what there is to be done, and for how long."""
        return announcement(self.codes, self.episodes, self.baselines, self.seconds)


def announcement(codes: int, episodes: int, baselines: int, seconds: float | None = None) -> str:
    """Return what measuring is about to do.

    Args:
        codes: of the library.
        episodes: a code of it.
        baselines: episodes a code of each baseline.
        seconds: that it takes, about; None where nothing is known of that.
    """
    about = "" if seconds is None else f", about {time_text(seconds)}"
    counting = counting_episodes(episodes)
    return (
        f"measuring: {codes} codes x {episodes} episodes, {len(BASELINES)} baselines x {baselines} "
        f"and a joint count x {counting}{about}"
    )


def fitting(codes: int, pace: float, seconds: float) -> HeldOut:
    """Return the most episodes a code that can be run in a time, from 5 to 50.

    Args:
        codes: of the library.
        pace: s that an episode takes, all processes together.
        seconds: that there are.

    >>> fitting(100, 0.05, 150.0).episodes
    13
    """
    choices = (HeldOut(codes, n, pace) for n in range(EPISODES, _LEAST, -1))
    return next((c for c in choices if c.total * pace / _RUNNING <= seconds), HeldOut(codes, _LEAST, pace))


def plan_measuring(
    library: Library, engine: Engine, seed: int, *, episodes: int | None = None, minutes: float | None = None
) -> HeldOut:
    """Return how thoroughly to measure a library that was just discovered.

    Args:
        library: the skills.
        engine: where it will be measured: a few episodes are run on it, for the time they take.
        seed: of those.
        episodes: held-out episodes a code, if that is asked for.
        minutes: that the discovery had, if it had minutes: measuring takes a third of them at most. Otherwise the
            clock has no say.
    """
    asked = HeldOut(len(library.skills), EPISODES if episodes is None else episodes)
    if (episodes is not None or minutes is None) and asked.total <= 4 * probes(engine.workers):
        return asked  # So few that measuring the pace would take as long.
    pace = pace_of(library, engine, seed)
    if episodes is None and minutes is not None:
        return fitting(asked.codes, pace, _SHARE * 60 * minutes)
    return HeldOut(asked.codes, asked.episodes, pace)


def measuring_within(
    library: Library, engine: Engine, seed: int, episodes: int | None, minutes: float | None
) -> HeldOut:
    """Return how thoroughly to measure a library: by so many episodes a code, or by what fits into so many minutes.

    Args:
        library: the skills.
        engine: where it will be measured.
        seed: of the few episodes that the pace is taken from.
        episodes: held-out, a code; 50 where neither is given.
        minutes: that it may take.

    Raises:
        TabletopError: both are given, or no positive number of minutes.
    """
    _check(episodes, minutes)
    if minutes is None:
        return plan_measuring(library, engine, seed, episodes=EPISODES if episodes is None else episodes)
    return fitting(len(library.skills), pace_of(library, engine, seed), 60 * minutes)


def name_settings(
    library: Library,
    engine: Engine,
    seed: int,
    episodes: int | None = None,
    minutes: float | None = None,
) -> NameSettings:
    """Return how thoroughly to name a library, and say how long that takes, about.

    Args:
        library: the skills.
        engine: where they will be tested.
        seed: of the scenes.
        episodes: a skill, to see whether its name stands, and half of what a task's best skill has; 40 where neither
            is given.
        minutes: that it may take, about.

    Raises:
        TabletopError: both are given, or no positive number of minutes.
    """
    _check(episodes, minutes)
    pace, codes = pace_of(library, engine, seed), len(library.skills)
    settings = NameSettings(seed=seed)
    if episodes is not None:
        settings = replace(settings, episodes=episodes, fresh=2 * episodes)
    seconds = naming_takes(settings, pace, codes)
    if minutes is not None:
        settings, seconds = naming_within(60 * minutes, pace, codes, settings), min(seconds, 60 * minutes)
    tell(f"naming: {plural(codes, 'skill')}, about {time_text(seconds)}")
    return settings


def _check(episodes: int | None, minutes: float | None) -> None:
    if episodes is not None and minutes is not None:
        raise TabletopError("give episodes or minutes, not both")
    check_numbers({"minutes": minutes})


def measurement(library: Library, found: Measured, name: str, seed: int) -> Measurement:
    """Return a library's figures.

    Args:
        library: the skills.
        found: what they did.
        name: the library's, as the user gave it.
        seed: of the figures' own randomness.
    """
    figures = {
        "library": name,
        "library_digest": library.digest,
        "codes": len(library.skills),
        **found.figures,
        "by_effect": {name: v["effective_2cm"] for name, v in found.figures["by_effect"].items()},
        "channel": channels(found.samples, seed),
        "siblings": siblings(found.samples),
        "synergies": synergies(found.samples),
        "seed": seed,
    }
    return as_record(Measurement, figures)
