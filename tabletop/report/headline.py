"""The top of the page: what happened in the run, in plain words and a few numbers beside their baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from tabletop.report.charts import bars, percent, short
from tabletop.report.counted import count_tile
from tabletop.report.html import baselines_text, called, command, nice
from tabletop.report.pictures import Pictures
from tabletop.runs.records import Chains, Curve, Discovery, Measurement, NamedSkill, Naming, Planning
from tabletop.runs.run import Run
from tabletop.words import plural

__all__ = ["headline"]


_NEAR: Final = 1.25
"""Times the best baseline below which a result is near it."""


def _strong(text: str) -> str:
    return f"<strong>{escape(text)}</strong>"


def _discovered(found: Discovery | Measurement) -> str:
    effort = []
    if isinstance(found, Discovery):
        effort += [] if found.minutes is None else [f"{found.minutes:.0f} minutes"]
        effort += [] if found.env_steps is None else [f"{short(found.env_steps)} steps"]
    start = "With no reward and no task, the robot tried things out"
    if effort:
        start += f" for {effort[0]}" + (f" ({effort[1]})" if len(effort) > 1 else "")
    if found.joint is not None and _is_near(found):
        return (
            f"{start}. On a thing it has {_strong(f'{found.joint.skills:.1f} distinct skills')}, where doing nothing"
            " counts as one: it has hardly learned anything yet."
        )
    if found.joint is not None:
        joint, kinds = found.joint, plural(len(found.joint.categories), "kind")
        return (
            f"{start} and learned {_strong(f'{joint.skills:.1f} distinct skills')} on a thing, the mean over {kinds}"
            f" ({joint.low:.1f} to {joint.high:.1f}); doing nothing counts as one."
        )
    value = found.effective_skills_2cm
    top = _floor(found)
    if top is None:
        return f"{start} and learned {_strong(f'about {value:.0f} skills')} that end in different places."
    if _is_near(found):
        return (
            f"{start}. Its skills end in {_strong(f'{value:.1f} distinguishable ways')}, and what has learned nothing"
            f" has {short(round(top, 1))}: it has hardly learned anything yet."
        )
    return (
        f"{start} and learned {_strong(f'about {value:.0f} skills')} that end in different places; by the same"
        f" measure, what has learned nothing scores at most {short(round(top, 1))}."
    )


def _floor(found: Discovery | Measurement) -> float | None:
    """Return the most that a baseline has; None without any."""
    return max((count.effective_skills_2cm for count in found.baselines.values()), default=None)


def _is_near(found: Discovery | Measurement) -> bool:
    """Return whether a discovery has hardly more than its baselines; doing nothing is one skill."""
    if found.joint is not None:
        return found.joint.skills < _NEAR
    floor = _floor(found)
    return floor is not None and found.effective_skills_2cm < _NEAR * floor


def _advice(run: Run) -> str:
    """Return what to do about a result that is near its baseline; "" for others."""
    if run.counted is None or not _is_near(run.counted):
        return ""
    name = called(run.folder)
    return (
        '<div class="advice"><p>To learn more: go on for longer, or look for fewer effects.</p>'
        + command(f"tabletop discover --resume --minutes 30 --out {name}")
        + command("tabletop discover --minutes 10 --scene discovery --effects held_at,displaced,joint")
        + "</div>"
    )


def _named(naming: Naming) -> str:
    named = naming.named()
    if not named:
        return f"None of the {plural(len(naming.skills), 'skill')} earned the name of a task."
    best = " and ".join(f"“{escape(s.title)}”" for s in _different(named)[:2])
    tasks = len({s.task for s in named})
    return (
        f"{_strong(f'{len(named)} of {len(naming.skills)}')} passed a task's test on fresh scenes"
        f" and carry its name ({plural(tasks, 'task')} in all), {best} among them."
    )


def _different(named: Sequence[NamedSkill]) -> list[NamedSkill]:
    return list({s.title: s for s in reversed(named)}.values())[::-1]


def _whose(policy: str) -> str:
    return {"scripted": "the scripted policies", "library": "the skills"}.get(policy, policy)


def _planned(planning: Planning) -> str:
    reached = _strong(f"{planning.solved:g} of {planning.goals:g} goals")
    return f"Chained by the planner, {_whose(planning.policy)} reached {reached}."


def _chained(chains: Chains) -> str:
    most = max((row.goals for row in chains.at_least), default=0)
    reached = _strong(f"{chains.mean_completed:.2f} of {most}")
    return f"Given goals in a row, {_whose(chains.policy)} reached {reached} on average."


def _ordered(run: Run) -> list[tuple[str, Curve]]:
    """Return the families that did something, the most harmful first."""
    families = run.robustness.families if run.robustness else {}
    return sorted(((n, c) for n, c in families.items() if c.success), key=lambda pair: pair[1].success[-1])


def _perturbed(run: Run) -> str:
    ordered = _ordered(run)
    if not ordered:
        return ""
    (family, worst), (mildest, _) = ordered[0], ordered[-1]
    text = (
        f"Of {plural(len(ordered), 'disturbance')}, {_strong(nice(family))} hurts most:"
        f" at its strongest, success goes from {percent(worst.success[0])} to {percent(worst.success[-1])}"
    )
    return text + (f"; {escape(nice(mildest))} hurts least." if len(ordered) > 1 else ".")


def _tile(label: str, value: str, of: str, below: str) -> str:
    return (
        f'<div class="tile"><p class="tile-label">{escape(label)}</p>'
        f'<p class="tile-value">{escape(value)}<small>{escape(of)}</small></p>{below}</div>'
    )


def _note(text: str) -> str:
    return f'<p class="tile-note">{escape(text)}</p>' if text else ""


def _mean_baselines(skills: Sequence[NamedSkill]) -> Mapping[str, float]:
    names = list(dict.fromkeys(name for s in skills for name in s.baselines))
    held = {n: [s.baselines[n] for s in skills if n in s.baselines] for n in names}
    return {n: sum(v) / len(v) for n, v in held.items()}


def _tiles(run: Run) -> list[str]:
    tiles = []
    found = run.counted
    if found:
        value, of = found.effective_skills_2cm, f" of {found.codes}"
        others = ((nice(n), count.effective_skills_2cm, True) for n, count in found.baselines.items())
        rows = [("this run", value, False), *others]
        spoken = ", ".join(f"{n} {short(v)}" for n, v, _ in rows)
        below = bars([(n, round(v, 1), f) for n, v, f in rows], f"Effective skills: {spoken}")
        tiles += [count_tile(found.joint)] if found.joint else []
        tiles.append(_tile("As a sum over effects, distinguishable at 2 cm", f"{value:.1f}", of, below))
    if run.naming and run.naming.skills:
        named, best = run.naming.named(), list(run.naming.best().values())
        rates = [s.success for s in best]
        mean = (
            f"The best at each of {plural(len(best), 'task')} succeeds in {percent(sum(rates) / len(rates))},"
            " on scenes that had no part in choosing it. "
            if rates
            else ""
        )
        baselines = baselines_text(_mean_baselines(best or named))
        note = mean + (f"Baselines: {baselines}." if baselines else "")
        tiles.append(_tile("Skills with a name", f"{len(named)}", f" of {len(run.naming.skills)}", _note(note)))
    plan = run.planning
    if plan and plan.goals:
        note = f"On average {percent(plan.mean_completed)} of a goal's parts came true."
        tiles.append(_tile("Goals reached by plans", f"{plan.solved}", f" of {plan.goals}", _note(note)))
    ordered = _ordered(run)
    if ordered:
        still = [c for _, c in ordered if c.success[-1] >= 0.5 * c.success[0]]
        note = "Disturbances under which, at their strongest, at least half of the undisturbed success is left."
        tiles.append(_tile("Disturbances withstood", f"{len(still)}", f" of {len(ordered)}", _note(note)))
    return tiles


def _hero(run: Run, pictures: Pictures) -> str:
    plans = [a for a in run.planning.episodes if a.solved and pictures.has(a.clip)] if run.planning else []
    if plans:
        best = max(plans, key=lambda a: len(a.skills))
        title = best.phrase or best.goal
        return _caption(pictures, best.clip, f"A plan of {plural(len(best.skills), 'skill')}: {title}")
    named = [s for s in run.naming.named() if pictures.has(s.clip)] if run.naming else []
    if named:
        return _caption(pictures, named[0].clip, f"A discovered skill: {named[0].title}")
    return ""


def _caption(pictures: Pictures, clip: str | None, text: str) -> str:
    shown = pictures.show(clip, text)
    return f'<figure class="hero-clip">{shown}<figcaption>{escape(text)}</figcaption></figure>'


def _heading(run: Run) -> str:
    """Return what the page is about. Scripts were written by hand: nothing was found out by the robot there."""
    if run.counted or run.naming or run.metrics:
        return "What the robot found out"
    made = {found.policy for found in (run.planning, run.chains, run.robustness) if found}
    if made == {"scripted"}:
        return "What the scripted policies reached"
    return "What the skills reached" if made == {"library"} else f"What {', '.join(sorted(made))} reached"


def headline(run: Run, pictures: Pictures) -> str:
    """Return the page's header: the story of the run and its key numbers."""
    sentences = [_discovered(run.counted) if run.counted else ""]
    sentences += [_named(run.naming) if run.naming and run.naming.skills else ""]
    sentences += [_planned(run.planning) if run.planning else "", _chained(run.chains) if run.chains else ""]
    sentences += [_perturbed(run)]
    story = " ".join(t for t in sentences if t) or "This run has learning curves but no results yet."
    made = run.made
    tags = [run.folder.resolve().name]
    if made:
        tags += [f"seed {made.seed}"] if made.seed is not None else []
        tags += [f"tabletop {made.version}"] if made.version is not None else []
    kicker = "".join(f"<span>{escape(t)}</span>" for t in tags)
    hero = _hero(run, pictures)
    return (
        f'<header class="hero{" with-clip" if hero else ""}"><div><p class="kicker">{kicker}</p>'
        f'<h1>{escape(_heading(run))}</h1><p class="story">{story}</p>{_advice(run)}</div>{hero}</header>'
        f'<div class="tiles">{"".join(_tiles(run))}</div>'
    )
