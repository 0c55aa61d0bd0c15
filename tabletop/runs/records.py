"""What the files of a run hold: one frozen dataclass a file, by which it is written and read.

Units: m, rad, s. Rates are shares from 0 to 1 with their 95 % interval (Wilson's where nothing else is said).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from tabletop.files import make_folder
from tabletop.runs.counts import JointCount
from tabletop.runs.shown import Shown
from tabletop.words import plural

__all__ = [
    "AtLeast",
    "Branch",
    "ChainGoal",
    "ChainRun",
    "Chains",
    "Channel",
    "Components",
    "Curve",
    "Discovery",
    "EffectCount",
    "Ends",
    "Evaluation",
    "Matrix",
    "Measurement",
    "NamedSkill",
    "NamedTask",
    "Naming",
    "OfLibrary",
    "PlanRun",
    "Planning",
    "Rates",
    "Record",
    "Robustness",
    "RunFile",
    "SiblingDivergence",
    "SkillCount",
    "TaskRates",
]

Rate = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Clip = Annotated[str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$)).+\.webp$")]
"""A moving picture inside the run's folder."""


Row = dict[str, Any]
"""A row of a table: text, numbers and None by column."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RunFile:
    """What one file of a run holds."""

    FILE: ClassVar[str]
    """Its name in a run's folder."""
    FORMAT: ClassVar[int] = 1
    """Of the file; it changes where an older reader would misread it."""
    MADE_BY: ClassVar[str]
    """The command that writes it into a {folder}, for messages."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Record(RunFile, Shown):
    """A result that one file holds."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON; the file appears whole or not at all.

        Args:
            path: a file, whose folder is made; or a run's folder, in which it gets its usual name.
        """
        from tabletop.runs.store import write_record

        target = Path(path) / self.FILE if Path(path).is_dir() else Path(path)
        make_folder(target.parent)
        write_record(target, self)


@dataclass(frozen=True, kw_only=True, repr=False)
class OfLibrary(Record):
    """A result that was made with a library's skills."""

    library_digest: str | None = None
    """`Library.digest`; None where no library had a part in it, or the file is older than the field."""


# --- discovery and measuring ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SkillCount:
    """The sum over effects of exp(I(Z; E)), E blurred by 2 or 5 cm of the world; and bits, its log2 at 2 cm.

    Effects that look at the same thing are added up, and each counts as one at least. JointCount has neither fault.
    """

    effective_skills_2cm: float
    effective_skills_5cm: float
    bits_2cm: float


@dataclass(frozen=True, kw_only=True)
class EffectCount:
    """The same of one effect."""

    codes: Count
    effective_2cm: float
    effective_5cm: float


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Where one skill's episodes ended."""

    id: str
    effect: str
    code: Count
    finals: tuple[tuple[float, ...], ...]
    """(episodes, 4): x, y, z in m and turn in rad; or (episodes, 1): a joint's fraction."""

    def __post_init__(self) -> None:
        """Check the width."""
        widths = {len(row) for row in self.finals}
        if len(widths) > 1 or not widths <= {1, 4}:
            raise ValueError("finals must be rows of [x, y, z, turn] or of [fraction]")


@dataclass(frozen=True, kw_only=True, repr=False)
class Discovery(OfLibrary, SkillCount):
    """discover.json: how many skills a discovery came to, on held-out episodes."""

    FILE: ClassVar[str] = "discover.json"
    FORMAT: ClassVar[int] = 2
    MADE_BY: ClassVar[str] = "tabletop discover --out {folder}"

    codes: Count
    coverage_bins_5cm: Count
    by_effect: Mapping[str, EffectCount]
    baselines: Mapping[str, SkillCount]
    """What has learned nothing: exploration, untrained, shuffled."""
    env_steps: Count | None
    """Control steps of the discovery."""
    minutes: float | None
    seed: Count | None
    objective: str
    episodes: Count
    """Held-out, a code."""
    baseline_episodes: Count | None = None
    """The same of each baseline."""
    joint: JointCount | None = None
    """The count of skills; None in files that are older than it."""
    skills: tuple[Ends, ...]

    def rows(self) -> list[Row]:
        """Return a row an effect, then the whole, then a row a baseline."""
        rows: list[Row] = [
            {"what": name, "codes": c.codes, "at_2cm": c.effective_2cm, "at_5cm": c.effective_5cm}
            for name, c in self.by_effect.items()
        ]
        whole = {"all": self, **{f"baseline: {name}": count for name, count in self.baselines.items()}}
        return rows + [
            {"what": name, "codes": self.codes, "at_2cm": c.effective_skills_2cm, "at_5cm": c.effective_skills_5cm}
            for name, c in whole.items()
        ]

    def title(self) -> str:
        """Return the figure in one line."""
        joint = "" if self.joint is None else f"{self.joint.title()}; "
        return f"{joint}{self.effective_skills_2cm:.1f} as a sum over effects at 2 cm, of {self.codes} codes"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """What the codes of one effect say of the 5 cm bin that an episode ends in, in bits."""

    codes: Count
    bins: Count
    entropy_bits: float
    noise_bits: float
    information_bits: float
    empowerment_bits: float
    chance_bits: float
    codes_in_use: float


@dataclass(frozen=True, kw_only=True)
class SiblingDivergence:
    """How far a skill's ends are from those of its effect's other skills: both Kullback-Leibler divergences, bits."""

    seeking_bits: float
    covering_bits: float


@dataclass(frozen=True, kw_only=True)
class Components:
    """Principal components of what the arm does."""

    components_95: Count
    """That explain 95 % of the variance."""
    of: Count
    shares: tuple[float, ...]
    """Of the variance, of the first ones."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Measurement(OfLibrary, SkillCount):
    """measure.json: a library's figures on held-out episodes."""

    FILE: ClassVar[str] = "measure.json"
    FORMAT: ClassVar[int] = 2
    MADE_BY: ClassVar[str] = "tabletop measure {folder}"

    library: str
    codes: Count
    coverage_bins_5cm: Count
    by_effect: Mapping[str, float]
    """Effective skills at 2 cm."""
    baselines: Mapping[str, SkillCount]
    channel: Mapping[str, Channel]
    siblings: Mapping[str, SiblingDivergence]
    """By skill."""
    synergies: Mapping[str, Components]
    """Of "postures" and of "movements/EFFECT"."""
    episodes: Count
    baseline_episodes: Count
    seed: Count
    joint: JointCount | None = None
    """The count of skills; None in files that are older than it."""

    def __post_init__(self) -> None:
        """Check that each effect has a channel."""
        if missing := [name for name in self.by_effect if name not in self.channel]:
            raise ValueError(f"channel must have all effects of by_effect, it lacks {', '.join(missing)}")

    def rows(self) -> list[Row]:
        """Return a row an effect, with its channel from code to end, then a row a baseline."""
        rows: list[Row] = [
            {
                "what": name,
                "at_2cm": count,
                "information_bits": c.information_bits,
                "empowerment_bits": c.empowerment_bits,
            }
            for name, count in self.by_effect.items()
            for c in [self.channel[name]]
        ]
        whole = {"all": self, **{f"baseline: {name}": count for name, count in self.baselines.items()}}
        none = {"information_bits": None, "empowerment_bits": None}
        return rows + [{"what": name, "at_2cm": c.effective_skills_2cm, **none} for name, c in whole.items()]

    def title(self) -> str:
        """Return the figure in one line."""
        most = max((b.effective_skills_2cm for b in self.baselines.values()), default=None)
        floor = "" if most is None else f"; what has learned nothing has {most:.1f}"
        joint = "" if self.joint is None else f"{self.joint.title()}; "
        return f"{joint}{self.effective_skills_2cm:.1f} as a sum over effects at 2 cm, of {self.codes} codes{floor}"


# --- naming --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NamedSkill:
    """One skill after it was tested against the tasks."""

    id: str
    effect: str
    entity_kind: str
    name: str | None
    """A task's, with what was asked of it; or what it does, where it does that consistently; None for the others."""
    task: str | None
    """Whose name it carries."""
    tried: str | None
    """The task that it was tested on."""
    success: Rate
    """Of the task tried, on split B; 0 of 0 where none was."""
    low: Rate
    high: Rate
    n: Count
    shuffled_success: Rate | None
    """Baselines on the same scenes: another code of the effect, white noise, doing nothing."""
    random_success: Rate | None
    nothing_success: Rate | None
    exploration_success: Rate | None = None
    """Random actions that are correlated in time; None, too, where a version wrote it that did not run them."""
    seen: str | None = None
    """How much of the success formula is about what the discriminator saw: "all", "part" or "none"."""
    phrase: str
    size: float
    """m: median change."""
    spread: float
    """m: how far ends lie from each other."""
    consistent: bool
    outcomes: tuple[tuple[float, ...], ...]
    """What its episodes on split A came to."""
    offset: tuple[float, ...] | None
    """m: where the mark was put, from the thing, if the task has one."""
    angle: float | None
    """rad: the turn that was asked for, if the task asks for one."""
    clip: Clip | None = None
    aimed: bool = False
    """Whether it is an effect that was asked for what the task's formula wants, and no code of its own."""

    @property
    def title(self) -> str:
        """What to call it."""
        return self.name or self.phrase or self.id

    @property
    def fitted(self) -> bool:
        """Whether the task was asked for at a mark or a turn of the skill's own: less than as it is written."""
        return self.offset is not None or self.angle is not None

    @property
    def baselines(self) -> dict[str, float]:
        """Success of the baselines that were run, by name; none where the name did not stand."""
        found = {
            "exploration": self.exploration_success,
            "random": self.random_success,
            "nothing": self.nothing_success,
            "shuffled": self.shuffled_success,
        }
        return {k: v for k, v in found.items() if v is not None and self.task}


@dataclass(frozen=True, kw_only=True)
class NamedTask:
    """The best skill of a task, on split C: scenes that had no part in choosing it."""

    skill: str
    skills: Count
    """That carry the task's name."""
    success: Rate
    low: Rate
    high: Rate
    n: Count


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Success on split A of every skill at every task it could be tried on."""

    tasks: tuple[str, ...]
    skills: tuple[str, ...]
    rates: tuple[tuple[Rate | None, ...], ...]
    """(skills, tasks); None where it could not be tried."""

    def __post_init__(self) -> None:
        """Check the shape."""
        if len(self.rates) != len(self.skills) or any(len(row) != len(self.tasks) for row in self.rates):
            sizes = sorted({len(row) for row in self.rates})
            raise ValueError(
                f"rates must be {len(self.skills)} rows (skills) of {len(self.tasks)} (tasks), "
                f"got {len(self.rates)} rows of {sizes}"
            )


@dataclass(frozen=True, kw_only=True, repr=False)
class Naming(OfLibrary):
    """name.json: what a library's skills are."""

    FILE: ClassVar[str] = "name.json"
    MADE_BY: ClassVar[str] = "tabletop name {folder}"

    skills: tuple[NamedSkill, ...]
    named_tasks: tuple[str, ...]
    tasks: Mapping[str, NamedTask]
    matrix: Matrix
    settings: Mapping[str, int]

    def __post_init__(self) -> None:
        """Check that the best skills are among the skills."""
        ids = {s.id for s in self.skills}
        for name, task in self.tasks.items():
            if task.skill not in ids:
                raise ValueError(f"tasks.{name}.skill must be the id of one of the skills, got {task.skill!r}")

    def best(self) -> dict[str, NamedSkill]:
        """Return the best skill of each named task, by task, with the task's own figures: those on split C."""
        skills = {s.id: s for s in self.skills}
        return {
            name: replace(skills[t.skill], success=t.success, low=t.low, high=t.high, n=t.n)
            for name, t in self.tasks.items()
        }

    def named(self) -> list[NamedSkill]:
        """Return the skills that carry a task's name: the best of each task first, the more reliable before the less.

        The best have the figures of `best`.
        """
        best = {s.id: s for s in self.best().values()}
        found = [best.get(s.id, s) for s in self.skills if s.task]
        return sorted(found, key=lambda s: (s.id not in best, -s.success, s.title))

    def nameless(self) -> list[NamedSkill]:
        """Return the skills that do something consistent for which no task has a name."""
        return sorted((s for s in self.skills if not s.task and s.name), key=lambda s: (s.title, s.id))

    def rows(self) -> list[Row]:
        """Return a row a named task: its best skill, on scenes that had no part in choosing it."""
        return [
            {"name": s.title, "success": s.success, "low": s.low, "high": s.high, "n": s.n, "skill": s.id}
            | {f"{name}_success": rate for name, rate in s.baselines.items()}
            | {"seen": s.seen}
            for s in sorted(self.best().values(), key=lambda s: (-s.success, s.title))
        ]

    def title(self) -> str:
        """Return the figure in one line."""
        fitted = sum(s.fitted for s in self.best().values())
        own = f", {fitted} of them only at a mark or a turn of the skill's own" if fitted else ""
        carry = sum(s.task is not None for s in self.skills)
        return f"{plural(len(self.named_tasks), 'task')} named{own}, by {carry} of {plural(len(self.skills), 'skill')}"


# --- planning ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Steps from the start, and how many states a search for a plan looked at below them."""

    steps: tuple[str, ...]
    """Each "SKILL ENTITY"; none for the start itself."""
    states: Count


@dataclass(frozen=True, kw_only=True)
class PlanRun:
    """One goal and what the planner made of it."""

    goal: str
    phrase: str
    literals: Count
    completed: Count
    """Literals that hold in the last state."""
    solved: bool
    skills: tuple[str, ...]
    """"SKILL ENTITY", in the order in which they were run."""
    log: tuple[Mapping[str, Any], ...]
    """The same as the policy logged them."""
    replans: Count
    steps: Count
    why: tuple[str, ...]
    """Why it was not reached; none where it was."""
    spent: bool
    """Whether a search was ended by its budget of seconds."""
    tree: tuple[Branch, ...] = ()
    """Where the search for the first plan looked, each branch before those that go on from it; () in older files."""
    clip: Clip | None = None

    def __post_init__(self) -> None:
        """Check the order of the branches."""
        seen: set[tuple[str, ...]] = set()
        for i, branch in enumerate(self.tree):
            if bool(branch.steps) != bool(i) or (i and branch.steps[:-1] not in seen):
                raise ValueError(
                    "tree must begin with the start, and have each branch after the one that it goes on from"
                )
            seen.add(branch.steps)


@dataclass(frozen=True, kw_only=True, repr=False)
class Planning(OfLibrary):
    """plan.json: goals, plans and what came of them."""

    FILE: ClassVar[str] = "plan.json"
    MADE_BY: ClassVar[str] = "tabletop plan {folder}"

    policy: str
    """Whose skills were chained: "library" or "scripted"."""
    goals: Count
    solved: Count
    mean_completed: Rate
    spent: Count
    episodes: tuple[PlanRun, ...]

    def __post_init__(self) -> None:
        """Check the counts."""
        solved = sum(e.solved for e in self.episodes)
        if (self.goals, self.solved) != (len(self.episodes), solved):
            counted = f"{solved} of {len(self.episodes)}"
            raise ValueError(
                f"solved and goals must be those of the episodes, {counted}, got {self.solved} of {self.goals}"
            )

    def rows(self) -> list[Row]:
        """Return a row a goal."""
        return [
            {"goal": e.goal, "solved": e.solved, "completed": e.completed, "literals": e.literals, "steps": e.steps}
            | {"skills": ", ".join(e.skills), "why": "; ".join(e.why)}
            for e in self.episodes
        ]

    def title(self) -> str:
        """Return the figure in one line."""
        return f"{self.solved} of {plural(self.goals, 'goal')} reached by {self.policy} skills"


@dataclass(frozen=True, kw_only=True)
class AtLeast:
    """Share of chains with at least so many goals done."""

    goals: Count
    count: Count
    share: Rate
    low: Rate
    high: Rate


@dataclass(frozen=True, kw_only=True)
class ChainGoal:
    """One goal of a chain; all but its words are None where it was not begun."""

    goal: str
    phrase: str
    done: bool | None = None
    already: bool | None = None
    """It held when its turn came, which ends the chain."""
    steps: Count | None = None
    skills: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    spent: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ChainRun:
    """One chain."""

    scene_seed: Count
    completed: Count
    steps: Count
    goals: tuple[ChainGoal, ...]
    clip: Clip | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Chains(OfLibrary):
    """chains.json: goals one after another in one scene, until one is not reached."""

    FILE: ClassVar[str] = "chains.json"
    MADE_BY: ClassVar[str] = "tabletop plan {folder} --chains 200"

    policy: str
    seed: Count
    chains: Count
    card: str
    mean_completed: float
    low: float
    high: float
    """95 % bootstrap interval of the mean."""
    at_least: tuple[AtLeast, ...]
    already: Count
    spent: Count
    literals: Mapping[str, Count]
    predicates: Mapping[str, Count]
    episodes: tuple[ChainRun, ...]

    def rows(self) -> list[Row]:
        """Return a row a number of goals: the share of chains with at least so many done."""
        return [
            {"name": f"at least {r.goals}", "success": r.share, "low": r.low, "high": r.high, "n": self.chains}
            for r in self.at_least
        ]

    def title(self) -> str:
        """Return the figure in one line."""
        interval = f"[{self.low:.2f}, {self.high:.2f}]"
        of = f"of 5 goals in a row, {plural(self.chains, 'chain')}"
        return f"{self.mean_completed:.2f} {interval} {of}, {self.policy} skills"


# --- evaluation and perturbation -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TaskRates:
    """Success of a policy on one task; of a task without a skill n is 0, and it counts as not done."""

    success: Rate
    low: Rate | None
    high: Rate | None
    n: Count
    median_steps: float | None
    """Control steps to the first success."""
    success_once: Rate
    """Share of episodes in which the task was done at some step."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Evaluation(Record):
    """What `tabletop evaluate --out FILE` writes: a policy's success by task."""

    FILE: ClassVar[str] = "evaluate.json"
    MADE_BY: ClassVar[str] = "tabletop evaluate"

    policy: str
    seed: Count
    suite: str | None
    noise: float
    counted: Count
    """Tasks in the mean."""
    mean: Rate
    missing: tuple[str, ...]
    """Tasks that no skill is named for."""
    tasks: Mapping[str, TaskRates]

    def rows(self) -> list[Row]:
        """Return a row a task."""
        return [
            {"name": name, "success": r.success, "low": r.low, "high": r.high, "n": r.n}
            | {"median_steps": r.median_steps, "success_once": r.success_once}
            for name, r in self.tasks.items()
        ]

    def title(self) -> str:
        """Return the figure in one line."""
        lacking = f", {len(self.missing)} of them without a skill: counted as not done" if self.missing else ""
        return f"{self.policy}: mean success {self.mean:.3f} over {plural(self.counted, 'task')}{lacking}"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Success at each magnitude; empty where the family can act on no run."""

    success: tuple[Rate, ...]
    low: tuple[Rate, ...]
    high: tuple[Rate, ...]
    n: Count


@dataclass(frozen=True, kw_only=True)
class Curve(Rates):
    """One family of perturbations at rising magnitudes."""

    unit: str
    magnitudes: tuple[float, ...]
    area: float | None
    """Mean success over the range of magnitudes."""
    area_low: float | None
    area_high: float | None
    worst: float | None
    drop: float | None
    """Share of the undisturbed success that is gone at the largest magnitude."""
    recovery: float | None
    recovery_time: float | None
    not_applicable: Mapping[str, Count]
    """Runs that the family does nothing to, by why."""
    by_task: Mapping[str, Rates]

    def __post_init__(self) -> None:
        """Check the lengths."""
        for task, rates in {"all": self, **self.by_task}.items():
            for name in ("success", "low", "high"):
                curve = getattr(rates, name)
                if len(curve) != len(self.magnitudes) and (curve or rates.n):
                    raise ValueError(f"{task}: {name} must be {len(self.magnitudes)} rates, one a magnitude")


@dataclass(frozen=True, kw_only=True, repr=False)
class Robustness(OfLibrary):
    """perturb.json: success of a policy or of named skills under perturbations."""

    FILE: ClassVar[str] = "perturb.json"
    MADE_BY: ClassVar[str] = "tabletop perturb {folder}"

    policy: str
    seed: Count
    scenes: Count
    """Of each task."""
    tasks: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """Tasks asked for that the policy cannot do."""
    skills: tuple[str, ...] = ()
    """Ids, where it is a library."""
    families: Mapping[str, Curve]

    def rows(self) -> list[Row]:
        """Return a row a family, magnitude and task, in long format; task "all" is all of them together."""
        rows: list[Row] = []
        for family, curve in self.families.items():
            for task, rates in {"all": curve, **curve.by_task}.items():
                values = zip(curve.magnitudes, rates.success, rates.low, rates.high, strict=bool(rates.n))
                for magnitude, success, low, high in values:
                    rows.append({"family": family, "magnitude": magnitude, "unit": curve.unit, "task": task})
                    rows[-1] |= {"success": success, "low": low, "high": high, "n": rates.n}
        return rows

    def title(self) -> str:
        """Return the figure in one line."""
        families = f"{len(self.families)} {'family' if len(self.families) == 1 else 'families'} of perturbations"
        return f"{self.policy}: {families} on {plural(len(self.tasks), 'task')}"
