"""Cards with moving pictures: skills with and without a name, and plans."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from html import escape
from typing import Final

from tabletop.report.charts import interval, percent, rates
from tabletop.report.html import baselines_text, called, command, details, figure, nice, section, table
from tabletop.report.pictures import Pictures
from tabletop.report.trees import tree
from tabletop.runs.records import Chains, NamedSkill, Naming, Planning, PlanRun
from tabletop.words import plural

__all__ = ["chains", "named_skills", "nameless_skills", "plans", "tasks"]


_NAMELESS: Final = 12
"""Cards of skills without a name at most, those that change most first; a table has all of them."""


_QUOTED: Final = re.compile("'([^']+)'")
"""What a reason why a goal was not reached says of a step."""


_TREE: Final = (
    "Bars say how many states the search looked at from there on, on a scale of powers. Marked is the plan that was"
    " chosen first. Only the largest branches are shown."
)


def _range(skill: NamedSkill) -> str:
    """Return the interval in words; without a task's name, what the file has is the rate of a task that it failed."""
    return f"{percent(skill.low)} to {percent(skill.high)}" if skill.task else ""


def _card(skill: NamedSkill, pictures: Pictures, seed: int, others: int = 0) -> str:
    bar = rate = counted = ""
    if skill.task:
        spoken = f"{skill.title}: {percent(skill.success)}, 95% interval {_range(skill)}"
        rate = f'<span class="rate">{percent(skill.success)}</span>'
        bar = interval(skill.success, skill.low, skill.high, skill.baselines, spoken)
        counted = f'<p class="counted">{escape(f"{skill.n} episodes · likely {_range(skill)}")}</p>'
    baselines = f'<p class="baselines">{escape(baselines_text(skill.baselines))}</p>' if skill.baselines else ""
    about = [nice(skill.entity_kind), nice(skill.effect)]
    tags = "".join(f"<span>{escape(t)}</span>" for t in dict.fromkeys(about) if t)
    tags += f"<code>{escape(skill.id)}</code>"
    words = " ".join(filter(None, (skill.title, skill.task, skill.entity_kind, skill.effect, skill.phrase, skill.id)))
    phrase = f'<p class="phrase">{escape(skill.phrase)}</p>' if skill.phrase and skill.phrase != skill.title else ""
    order = f"{skill.success if skill.task else 0:.4f}"
    more = f'<p class="counted">and {plural(others, "more skill")} of that name</p>' if others else ""
    line = command(f"tabletop play {skill.id} --library {called(pictures.folder)} --seed {seed} --out {skill.id}.webp")
    return (
        f'<article class="card" data-words="{escape(words.lower())}" data-rate="{order}"'
        f' data-name="{escape(skill.title.lower())}">'
        f"{pictures.show(skill.clip, f'The robot doing: {skill.title}')}"
        f'<div class="card-text"><div class="card-head"><h3>{escape(skill.title)}</h3>{rate}</div>'
        f'{phrase}{bar}{counted}{baselines}{more}<p class="tags">{tags}</p>{line}</div></article>'
    )


def _controls(what: str) -> str:
    return (
        '<div class="controls"><label>Find <input type="search" data-filter placeholder="lift, drawer, …">'
        "</label>"
        '<label>Sort by <select data-sort><option value="rate">success</option>'
        '<option value="name">name</option></select></label>'
        f'<span class="shown" aria-live="polite">{what}</span></div>'
    )


def _rows(skills: list[NamedSkill]) -> str:
    baselines = list(dict.fromkeys(name for s in skills for name in s.baselines))
    head = [
        "skill",
        "name",
        "task",
        "kind",
        "effect",
        "success",
        "95% interval",
        "episodes",
        *map(nice, baselines),
        "formula seen in training",
    ]
    rows = [
        [
            *(
                s.id,
                s.title,
                s.task or "–",
                nice(s.entity_kind),
                nice(s.effect),
                percent(s.success if s.task else None),
                _range(s) or "–",
            ),
            *(f"{s.n}" if s.task else "–", *(percent(s.baselines.get(f)) for f in baselines), s.seen or "–"),
        ]
        for s in skills
    ]
    return details("The same as a table", table(head, rows))


def tasks(naming: Naming) -> str:
    """Return the success of the best skill of each named task, beside its baselines, the best first."""
    best = sorted(naming.best().values(), key=lambda s: (s.fitted, -s.success, s.title))
    if not best:
        return ""
    rows = [(s.title, s.success, s.low, s.high, s.baselines) for s in best]
    label = "Success by task: " + ", ".join(f"{s.title} {percent(s.success)}" for s in best)
    lead = (
        "The best skill of each task on scenes that had no part in choosing it. Bands are 95% intervals, ticks the"
        " baselines on the same task. Where the discriminator saw all of a task's formula, the skill was trained on"
        " the very number that the task asks for."
    )
    return section("tasks", "Success by task", lead, f'<div class="panel">{rates(rows, label)}</div>{_rows(best)}')


def named_skills(naming: Naming, pictures: Pictures) -> str:
    """Return the gallery of the skills that carry a task's name."""
    named = naming.named()
    if not named:
        return ""
    best, seed = naming.best(), naming.settings.get("seed", 0)
    shown = [s for s in named if s.task and best[s.task].id == s.id]
    cards = "".join(_card(s, pictures, seed, naming.tasks[str(s.task)].skills - 1) for s in shown)
    lead = (
        "Each of these was found without a task in mind, then solved one: the best skill of each task. The dot is"
        " success on scenes that had no part in choosing that skill, the band its 95% interval. Grey ticks are the"
        " baselines. The line below films it, on the first scene of its own, whatever comes of it."
    )
    head = _controls(plural(len(shown), "skill")) if len(shown) > 3 else ""
    gallery = f'<div class="cards">{cards}</div>'
    return section("skills", "Skills with a name", lead, f'<div class="gallery">{head}{gallery}</div>{_rows(named)}')


def nameless_skills(naming: Naming, pictures: Pictures) -> str:
    """Return the gallery of skills that do one thing reliably for which there is no task."""
    skills = sorted(naming.nameless(), key=lambda s: -s.size)
    rest = len(naming.skills) - len(naming.named()) - len(skills)
    if not skills:
        return ""
    lead = "These do the same thing again and again, but no task in the registry asks for it. Each may become one."
    more = (
        f'<p class="aside">{plural(rest, "more skill")} did nothing consistent enough to describe.</p>' if rest else ""
    )
    shown, seed = skills[:_NAMELESS], naming.settings.get("seed", 0)
    if len(skills) > len(shown):
        lead += f" Here are the {len(shown)} of {len(skills)} that change most."
    cards = f'<div class="cards small">{"".join(_card(s, pictures, seed) for s in shown)}</div>'
    return section("nameless", "Consistent, but without a name", lead, cards + more + _rows(skills))


def _step(text: str, titles: Mapping[str, str]) -> str:
    """Return a step in words: "SKILL ENTITY" with the skill's name in place of its id."""
    skill, _, entity = text.partition(" ")
    return f"{titles[skill]}: {entity}" if skill in titles else text


def _steps(attempt: PlanRun, titles: Mapping[str, str]) -> str:
    if not attempt.skills:
        return '<p class="aside">No plan was found.</p>'
    steps = "".join(f'<li title="{escape(s)}">{escape(_step(s, titles))}</li>' for s in attempt.skills)
    return f'<ol class="steps">{steps}</ol>'


def _parts(attempt: PlanRun) -> str:
    """Return how much of the goal came true, in words."""
    again = "as first planned" if attempt.replans == 0 else f"planned anew {attempt.replans}×"
    return f"{attempt.completed} of {plural(attempt.literals, 'part')} came true · {again}"


def _tree(attempt: PlanRun, titles: Mapping[str, str]) -> str:
    """Return where the search for the first plan looked; "" where that is not known."""
    if not attempt.tree:
        return ""
    chosen = attempt.log[0].get("plan") if attempt.log else None
    first = [str(step) for step in chosen] if isinstance(chosen, list) else []
    picture = tree(attempt.tree, first, lambda step: _step(step, titles))
    return details("Where the search for it looked", f'{picture}<p class="counted">{_TREE}</p>')


def _plan(attempt: PlanRun, pictures: Pictures, titles: Mapping[str, str], policy: str) -> str:
    title = attempt.phrase or attempt.goal
    badge = '<span class="badge good">✓ reached</span>' if attempt.solved else '<span class="badge">not reached</span>'
    formula = f'<p class="formula"><code>{escape(attempt.goal)}</code></p>' if attempt.phrase else ""
    picture = pictures.show(attempt.clip, f"The robot carrying out a plan: {title}") if attempt.clip else ""
    why = "".join(
        f'<p class="aside">{escape(_QUOTED.sub(lambda m: f"{_step(m[1], titles)!r}", line))}</p>'
        for line in attempt.why
    )
    css_class = "plan" if picture else "plan plain"
    # The scene lies beside the film.
    scene = attempt.clip.replace(".webp", ".yaml") if attempt.clip else ""
    line = ""
    # What a policy of one's own was seen to do is not kept, so its plans cannot be made again from here.
    if policy in ("library", "scripted") and scene and (pictures.folder / scene).is_file():
        run = called(pictures.folder)
        goal = f"--policy {policy} --goal {shlex.quote(attempt.goal)} --scene {run}/{scene} --out again"
        line = command(f"tabletop plan {run} {goal}")
    return (
        f'<article class="{css_class}">{picture}<div><div class="card-head"><h3>{escape(title)}</h3>{badge}</div>'
        f'{formula}{_steps(attempt, titles)}{why}<p class="counted">{escape(_parts(attempt))}</p>'
        f"{line}</div>{_tree(attempt, titles)}</article>"
    )


def plans(planning: Planning, naming: Naming | None, pictures: Pictures, most: int = 12) -> str:
    """Return the goals with the skills that were chained to reach them: the filmed ones as cards, all in a table.

    Args:
        planning: what plan.json says.
        naming: what the skills are called, where they are a library's.
        pictures: of the run.
        most: cards; where nothing was filmed, so many have no picture.
    """
    if not planning.episodes:
        return ""
    titles = {s.id: s.title for s in naming.skills} if naming else {}
    filmed = [a for a in planning.episodes if pictures.has(a.clip)]
    order = sorted(filmed or planning.episodes, key=lambda a: (not a.solved, -len(a.skills)))
    shown, failed = order[:most], [a for a in order[most:] if not a.solved]
    if failed and all(a.solved for a in shown):  # failures teach too: keep some visible
        shown = shown[: most - min(3, len(failed))] + failed[:3]
    cards = "".join(_plan(a, pictures, titles, planning.policy) for a in shown)
    rows = [
        [
            a.phrase or a.goal,
            a.goal,
            "yes" if a.solved else "no",
            " → ".join(_step(s, titles) for s in a.skills) or "–",
            _parts(a) or "–",
        ]
        for a in planning.episodes
    ]
    lead = (
        "A goal is a formula over the scene. The planner knows each skill's conditions and effects from"
        " trying it, looks for a chain that makes the goal true, and plans anew where the world did not"
        " do as expected."
    )
    whole = table(["goal", "formula", "reached", "skills", "outcome"], rows)
    folded = details(f"All {plural(len(rows), 'goal')} as a table", whole)
    return section("plans", "Plans", lead, f'<div class="plans">{cards}</div>{folded}')


def _filmed(found: Chains) -> list[tuple[str, str]]:
    """Return what is shown in each film, and its place."""
    return [
        (f"{run.completed} done: {'; then '.join(g.phrase for g in run.goals)}", run.clip)
        for run in found.episodes
        if run.clip
    ]


def chains(found: Chains, pictures: Pictures) -> str:
    """Return how many goals in a row were reached, with the chains that were filmed."""
    if not found.at_least:
        return ""
    rows = [
        [plural(row.goals, "goal"), percent(row.share), f"{percent(row.low)} to {percent(row.high)}"]
        for row in found.at_least
    ]
    whose = "The scripted policies were" if found.policy == "scripted" else "The discovered skills were"
    lead = (
        f"{whose} given goals in one scene, one after another; the next came only when the one before was reached,"
        " and the first that was not ended the chain."
    )
    lead += f" Over {plural(found.chains, 'chain')}, {found.mean_completed:.2f} goals were reached on average"
    lead += f" ({found.low:.2f} to {found.high:.2f})."
    films = "".join(
        f'<article class="plan">{pictures.show(clip, f"A chain of goals, {text}")}'
        f'<div><p class="counted">{escape(text)}</p></div></article>'
        for text, clip in _filmed(found)
    )
    body = figure("How far they came", table(["at least", "share", "95% interval"], rows))
    body = f'<div class="panels">{body}</div>' + (f'<div class="plans">{films}</div>' if films else "")
    return section("chains", "Goals in a row", lead, body)
