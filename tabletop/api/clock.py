"""The clock of `tabletop run`: minutes of the wall clock, shared out among the stages.

Discovery gets what the other stages leave. What these take is estimated from the speed of a few episodes at the start,
and is at most their shares. Each later stage then has its share of what is left, and as many episodes as fit in. The
speed is measured anew after discovery, and by measuring. What one stage saves goes to the next. With a budget in steps
no clock has a say.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner
from tabletop.metrics.baselines import BASELINES, counting_episodes
from tabletop.metrics.effective_skills import SkillRun, nominal_run
from tabletop.naming import NameSettings
from tabletop.rollout.engine import Engine, Workers
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import Library

__all__ = ["FULL", "SHARES", "Clock", "Effort", "naming_takes", "naming_within", "pace_of", "probes", "speed_of"]

SHARES: Final[Mapping[str, float]] = {
    "discover": 0.48,
    "measure": 0.11,
    "name": 0.23,
    "plan": 0.09,
    "perturb": 0.07,
    "report": 0.02,
}
"""Of the whole time; discovery gets more where the others need less."""
_FEWEST: Final = 0.25
"""Share of the whole time that discovery gets at least."""
_MOST: Final = 0.58
"""Share of the whole time that discovery gets at most: a machine that is quick now may be slow later."""
_PROBES: Final = 8
"""Episodes a process that the speed is taken from."""
_FILM: Final = 8.0
"""Episodes that a film takes as long as, about: every step of it is drawn, and encoded."""
_FILMS: Final = 0.2
"""Share of the time for naming that films get."""
_TASKS: Final = 16
"""Tasks that are named in a short run, about: each has fresh scenes."""
_ASKED: Final = 115
"""Pairs of a task and an exact effect that are tried, about."""
_LEAST_ASKED: Final = 40
"""Of these at least."""
_FORECASTS: Final = 1
"""Episodes that the forecast for such a pair takes as long as, about."""
_TESTED: Final = 35
"""Exact effects that are then tested, about: one a task."""
_LEVELS: Final = 25
"""Runs of an episode in a sweep: undisturbed, and six families at four magnitudes."""


@dataclass(frozen=True)
class Effort:
    """How thorough the later stages are."""

    measured: int = 16
    """Held-out episodes a code."""
    baselines: int = 5
    """Episodes a code that each baseline is measured by."""
    naming: NameSettings = field(
        default_factory=lambda: NameSettings(effects=10, trials=6, contenders=2, episodes=24, fresh=40)
    )
    films: int | None = None
    """Films of named skills at most; None: all."""
    planning: float | None = None
    """s after which no further goal is begun; None: all are."""
    scenes: int = 6
    """For each perturbed skill."""
    most: int = 5
    """Skills that are perturbed, at most."""

    @property
    def held_out(self) -> int:
        """Episodes a code that measuring takes, about, baselines and joint count included."""
        return self.measured + len(BASELINES) * self.baselines + counting_episodes(self.measured)


FULL: Final = Effort()
"""What was found in minutes is evaluated in minutes: this at most."""
LEAST: Final = Effort(
    4, 2, NameSettings(effects=4, trials=2, contenders=2, episodes=4, fresh=12, asked=_LEAST_ASKED), 6, 0.0, 2, 2
)
"""What is done however little time there is; on split B so many episodes a skill on average, as not all are tested."""


@dataclass
class Clock:
    """A budget of wall-clock time, running since it was made."""

    seconds: float
    """s, all stages together."""
    codes: int = 116
    """Skills of the library: what measuring and naming take goes by them."""
    pace: float = 0.04
    """s an episode takes, all processes together."""
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def left(self) -> float:
        """Seconds that are left, not below 0."""
        return max(0.0, self.began + self.seconds - time.monotonic())

    def discovery(self) -> float:
        """Return the minutes that discovery gets: what the later stages leave.

        It has its share at least, but for a machine so slow that the later stages cannot do the least in theirs.
        """
        others = [s for s in SHARES if s != "discover"]
        shares = {s: SHARES[s] * self.seconds for s in others}
        later = sum(min(shares[s], self._takes(s, FULL)) for s in others)
        lacking = sum(max(0.0, self._takes(s, LEAST) - shares[s]) for s in others)
        return max(_FEWEST * self.seconds, min(_MOST * self.seconds, self.left - later - lacking)) / 60

    def share(self, stage: str) -> float:
        """Return the seconds that a stage gets of what is left: its share beside those of the stages after it."""
        names = list(SHARES)
        rest = names[names.index(stage) :]
        return self.left * SHARES[stage] / sum(SHARES[s] for s in rest)

    def measured(self, effort: Effort, seconds: float) -> None:
        """Take the speed anew from measuring, which took so many seconds."""
        self.pace = seconds / (self.codes * effort.held_out)

    def measuring(self) -> Effort:
        """Return the effort with as many held-out episodes a code as fit into the stage's share."""
        fit = self.share("measure") / self.pace / self.codes / FULL.held_out
        return replace(
            FULL,
            measured=_between(LEAST.measured, fit * FULL.measured, FULL.measured),
            baselines=_between(LEAST.baselines, fit * FULL.baselines, FULL.baselines),
        )

    def naming(self) -> Effort:
        """Return the effort with as many trials, episodes and films as fit into the stage's share."""
        seconds = self.share("name")
        settings = naming_within(seconds * (1 - _FILMS), self.pace, self.codes, FULL.naming)
        films = _between(6, seconds * _FILMS / self.pace / _FILM, self.codes)
        return replace(FULL, naming=settings, films=films)

    def planning(self) -> Effort:
        """Return the effort with the time that goals may be begun in."""
        return replace(FULL, planning=self.share("plan"))

    def perturbing(self) -> Effort:
        """Return the effort with as many skills and scenes as fit into the stage's share."""
        fit = self.share("perturb") / self.pace / _LEVELS
        scenes = _between(2, fit / FULL.most, FULL.scenes)
        return replace(FULL, scenes=scenes, most=_between(2, fit / scenes, FULL.most))

    def _takes(self, stage: str, effort: Effort) -> float:
        """Return the seconds that a stage takes at the present pace, about."""
        films = 0.5 * self.codes if effort.films is None else effort.films
        if stage == "name":
            return naming_takes(effort.naming, self.pace, self.codes, films)
        episodes = {"measure": self.codes * effort.held_out, "perturb": effort.most * effort.scenes * _LEVELS}
        return episodes[stage] * self.pace if stage in episodes else SHARES[stage] * self.seconds


def naming_takes(settings: NameSettings, pace: float, codes: int, films: float = 0.0) -> float:
    """Return the seconds that naming takes, about.

    Args:
        settings: how thorough it is.
        pace: s an episode takes, all processes together.
        codes: of the library.
        films: that are made of named skills.
    """
    codes_of_their_own = codes * (settings.effects + settings.contenders * settings.trials)
    asked = (_ASKED if settings.asked is None else settings.asked) * settings.trials + _ASKED * _FORECASTS
    tested = (codes + _TESTED) * 1.5 * settings.episodes
    return (codes_of_their_own + asked + tested + _TASKS * settings.fresh + films * _FILM) * pace


def naming_within(seconds: float, pace: float, codes: int, full: NameSettings) -> NameSettings:
    """Return how thoroughly a library can be named in a time: half goes to split A, the rest to splits B and C.

    Args:
        seconds: that there are.
        pace: s an episode takes, all processes together.
        codes: of the library.
        full: the most that is done.
    """
    least, episodes = LEAST.naming, seconds / pace
    whole = codes * (full.effects + full.contenders * full.trials) + _ASKED * (full.trials + _FORECASTS)
    a = 0.5 * episodes / whole
    return replace(
        full,
        effects=_between(least.effects, a * full.effects, full.effects),
        trials=_between(least.trials, a * full.trials, full.trials),
        limit=max(least.episodes * codes, round(episodes * 0.4375)),
        asked=_between(_LEAST_ASKED, a * _ASKED, _ASKED) if a < 1.0 else None,
        fresh=_between(least.fresh, episodes * 0.0625 / _TASKS, full.fresh),
    )


def _between(low: int, value: float, high: int) -> int:
    return max(low, min(high, int(value)))


def speed_of(settings: DiscoverSettings, workers: Workers) -> float:
    """Return the seconds that an episode of a skill takes, all processes together, by running a few untrained ones.

    Args:
        settings: of the discovery to come.
        workers: processes, as for Engine.
    """
    with Engine(workers) as engine:
        return pace_of(_untrained(settings), engine, settings.seed)


def _untrained(settings: DiscoverSettings) -> Library:
    codes = Codebook(settings.counts)
    learner = Learner(codes, settings.learner, settings.seed, settings.horizon)
    objective, horizon = learner.objective, settings.horizon * settings.horizon_multiplier
    weights, embeddings = learner.sac.actor_arrays(), objective.skill_embeddings.copy()
    card = find_scene_card(settings.scene)
    return Library(codes, horizon, weights, embeddings, card, {}, objective.conditioning, objective.acts)


def probes(workers: int) -> int:
    """Return how many episodes `pace_of` runs with so many processes."""
    return 2 * _PROBES * max(1, workers)


def pace_of(library: Library, engine: Engine, seed: int) -> float:
    """Return the seconds that an episode of a library's skills takes, all processes together, by running a few.

    Args:
        library: the skills; those that are run are spread evenly over its effects.
        engine: where they run.
        seed: of scenes and episodes.
    """
    count, skills = probes(engine.workers) // 2, library.skills
    jobs = [SkillRun(library, skills[i * len(skills) // count % len(skills)], i, seed) for i in range(2 * count)]
    # Processes take seconds to start: the first half only sees to that.
    for _ in engine.map(_probe, jobs[:count], chunk=1):
        pass
    began = time.monotonic()
    for _ in engine.map(_probe, jobs[count:], chunk=1):
        pass
    return (time.monotonic() - began) / count


def _probe(run: SkillRun) -> int:
    return len(nominal_run(run).trajectory)
