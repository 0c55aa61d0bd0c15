"""What the commands say on a terminal: a stage's result as lines of text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tabletop.cli.show_count import joint_lines
from tabletop.projects import PACKAGE, active, find, origin
from tabletop.runs.records import Chains, Curve, Discovery, Evaluation, Naming, Planning, Record, Robustness
from tabletop.runs.store import record_data
from tabletop.words import plural

if TYPE_CHECKING:  # What takes long to import is not needed for --help.
    from tabletop.logic import Task

__all__ = [
    "audit_lines",
    "chain_lines",
    "check_lines",
    "discover_lines",
    "evaluate_lines",
    "measure_lines",
    "name_lines",
    "perturb_lines",
    "perturb_task_lines",
    "physics_lines",
    "plan_lines",
    "play_lines",
    "predicate_lines",
    "say",
    "skill_lines",
    "task_lines",
]


_RATES: Final = (
    "success: share of n episodes that end with the task done; interval: Wilson's; steps: to the first success"
)
_CURVES: Final = "magnitude: success, 0 undisturbed; area: mean success over the magnitudes; worst: the lowest of them"
_SKILLS: Final = (
    "a task's best skill: success on scenes that had no part in choosing it; others: on those that their name stood on"
)


def say(options: argparse.Namespace, result: Any, lines: Sequence[str]) -> None:
    """Print a result: as JSON where --json asks for it, as lines where not."""
    data = record_data(result) if isinstance(result, Record) else result
    print(json.dumps(data, indent=1) if options.json else "\n".join(lines))


def task_lines(tasks: Sequence[Task]) -> list[str]:
    """Return a head, then a line for each task: name, horizon, tags, description and the project that it is of."""
    name, tags = (max(map(len, words)) for words in zip(*((t.name, " ".join(t.tags)) for t in tasks), strict=True))
    name, tags = max(name, 4), max(tags, 4)
    head = f"{'task':{name}}  horizon  {'tags':{tags}}  what is to be done"
    cards = find("tasks/*") if active() else {}
    own = {name: origin(path) for name, path in cards.items()}
    lines = []
    for t in tasks:
        project = f"  [{own[t.name]}]" if own.get(t.name, PACKAGE) != PACKAGE else ""
        lines.append(f"{t.name:{name}}  {t.horizon:7d}  {' '.join(t.tags):{tags}}  {t.description}{project}")
    return [head, *lines]


def evaluate_lines(result: Evaluation) -> list[str]:
    """Return a table of success rates by task, and their mean."""
    results, missing = result.tasks, result.missing
    width = max(len(n) for n in results)
    lines = [f"{'task':{width}}  success  95 % interval   n  median steps"]
    for name, r in results.items():
        steps = "-" if r.median_steps is None else f"{r.median_steps:.0f}"
        interval = "no skill" if r.low is None or r.high is None else f"{r.low:.2f} .. {r.high:.2f}"
        lines.append(f"{name:{width}}  {r.success:7.2f}  {interval:>13}  {r.n:3d}  {steps:>12}")
    lacking = f", {len(missing)} of them without a skill (counted as not done)" if missing else ""
    lines.append(_RATES)
    return [*lines, f"mean {result.mean:.3f} over {plural(result.counted, 'task')}{lacking}"]


def audit_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table of what was measured of each task, with the rules it breaks under it."""
    rows, scenes = result["tasks"], result["scenes"]
    width = max(len(n) for n in rows)
    seeds = f"{plural(scenes['episodes'], 'scene')} from seed {scenes['seed']}"
    if scenes["fresh_seed"] is not None:
        seeds += f" and fresh ones from seed {scenes['fresh_seed']} (again: --fresh-seed {scenes['fresh_seed']})"
    head = "scripted  fresh  lasts  nothing  random  exploration  counterexample  shown  median steps  horizon  ranked"
    lines = [seeds, f"{'task':{width}}  {head}"]
    for name, r in rows.items():
        steps, ranked = ("-" if r[k] is None else f"{r[k]:g}" for k in ("median_steps", "ranked"))
        fresh = f"{r['fresh']['success']:.2f}" if "fresh" in r else "-"
        lasts = "-" if r["lasting"]["share"] is None else f"{r['lasting']['share']:.3f}"
        rates = f"{r['scripted']['success']:8.2f}  {fresh:>5}  {lasts:>5}"
        rates += f"  {r['nothing']['success']:7.2f}  {r['random']['success']:6.2f}  {r['exploration']['success']:11.2f}"
        found = r["counterexample"]
        counterexample = ("-", "-") if found is None else (f"{found[k]:.2f}" for k in ("success", "shown"))
        rates += "  {:>14}  {:>5}".format(*counterexample)
        lines.append(f"{name:{width}}  {rates}  {steps:>12}  {r['horizon']:7d}  {ranked:>6}")
        lines += [f"{'':{width}}  breaks: {rule}" for rule in r["broken"]]
    lines += ["", "control steps of contact in a scripted episode, on average:"]
    for name, r in rows.items():
        pairs = [f"{one}-{two} {n:g}" for one, touched in r["touches"].items() for two, n in touched.items()]
        lines.append(f"{name:{width}}  {', '.join(pairs) or 'none'}")
    whole = result["registry"]
    lines += [f"breaks: {rule}" for rule in whole["broken"]]
    lines.append(
        f"{plural(whole['tasks'], 'task')}, mean scripted success {whole['mean_scripted']:.3f}, "
        f"median {whole['median_steps']:g} steps; {'all rules hold' if result['holds'] else 'some rules are broken'}"
    )
    return lines


def physics_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table of how deep things got into each other in scripted episodes."""
    rows, scenes = result["tasks"], result["scenes"]
    width = max(len(n) for n in rows)
    lines = [f"{plural(scenes['episodes'], 'scene')} from seed {scenes['seed']}; mm, the deepest of all control steps"]
    lines.append(f"{'task':{width}}  robot  things  impact  drift in the hand (90 %)  where")
    for name, r in rows.items():
        where = ", ".join(f"{' in '.join(r[w]['pair'])} ({r[w]['scene']})" for w in ("robot", "things") if r[w]["pair"])
        lines.append(
            f"{name:{width}}  {r['robot']['mm']:5.2f}  {r['things']['mm']:6.2f}  {r['drift_mm']:24.2f}  {where}"
        )
        lines += [f"{'':{width}}  breaks: {rule}" for rule in r["broken"]]
    lines.append(f"{plural(len(rows), 'task')}; {'all bounds hold' if result['holds'] else 'some bounds are broken'}")
    return lines


def discover_lines(folder: Path, result: Discovery) -> list[str]:
    """Return how many skills were found, beside the baselines, and where they are."""
    baselines = ", ".join(f"{n} {f.effective_skills_2cm:.1f}" for n, f in result.baselines.items())
    return [
        *([] if result.joint is None else joint_lines(record_data(result)["joint"], result.codes)),
        f"as a sum over effects {result.effective_skills_2cm:.1f} at 2 cm, "
        f"{result.effective_skills_5cm:.1f} at 5 cm (baselines at 2 cm: {baselines})",
        f"measured by {result.episodes} episodes a code, baselines by {result.baseline_episodes}",
        f"{result.env_steps} control steps in {result.minutes} minutes; library in {folder / 'library'}",
    ]


def measure_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the figures of a library beside their baselines, and a table by effect."""
    baselines = ", ".join(f"{n} {f['effective_skills_2cm']:.1f}" for n, f in result["baselines"].items())
    counted = [] if result["joint"] is None else joint_lines(result["joint"], result["codes"])
    head = (
        f"as a sum over effects {result['effective_skills_2cm']:.1f} at 2 cm (baselines: {baselines}), "
        f"{result['effective_skills_5cm']:.1f} at 5 cm; {result['coverage_bins_5cm']} bins of 5 cm covered"
    )
    width = max(6, *map(len, result["by_effect"]))
    lines = [
        *counted,
        head,
        f"{'effect':{width}}  codes  effective  information  empowerment  by chance (bits)  components",
    ]
    for effect, effective in result["by_effect"].items():
        c = result["channel"][effect]
        few = result["synergies"][f"movements/{effect}"]["components_95"]
        bits = f"{c['information_bits']:11.2f}  {c['empowerment_bits']:11.2f}  {c['chance_bits']:16.2f}"
        lines.append(f"{effect:{width}}  {c['codes']:5d}  {effective:9.1f}  {bits}  {few:10d}")
    postures = result["synergies"]["postures"]
    explained = f"{postures['components_95']} of {postures['of']} components explain 95 % of the arm's postures"
    return [*lines, explained, f"plots: {result['page']}"]


def name_lines(result: Naming) -> list[str]:
    """Return the named tasks with their rates on fresh scenes, then what else has a name."""

    lines = []
    best = result.best()
    for task, s in sorted(best.items(), key=lambda pair: (-pair[1].success, pair[0])):
        more = result.tasks[task].skills - 1
        baselines = ", ".join(f"{name} {value:.2f}" for name, value in s.baselines.items())
        rate = f"{s.success:.2f} ({s.low:.2f} .. {s.high:.2f}, n {s.n}; {baselines})"
        lines.append(f"{s.id:12} {s.name:30} {rate}" + (f", and {more} more" if more else ""))
    lines += [f"{s.id:12} {s.name}" for s in result.skills if s.name and not s.task]
    fitted = [task for task, s in best.items() if s.fitted]
    written = [task for task in best if task not in fitted]
    lines.append(f"{plural(len(written), 'task')} named: {', '.join(written) or 'none'}")
    if fitted:
        lines.append(f"{len(fitted)} only at a mark or a turn of the skill's own: {', '.join(fitted)}")
    if best:
        mean = sum(s.success for s in best.values()) / len(best)
        lines.append(f"mean success {mean:.2f}, on scenes that had no part in choosing any of these skills")
        seen = [task for task, s in best.items() if s.seen == "all"]
        lines.append(f"{len(seen)} of them by a formula that the discriminator saw all of: {', '.join(seen) or 'none'}")
    return lines


def plan_lines(result: Planning) -> list[str]:
    """Return each goal with what came of it, and the overall share."""
    lines = []
    for e in result.episodes:
        outcome = "reached" if e.solved else f"{e.completed} of {e.literals}"
        done = [
            f"{skill} (failed)" if step.get("failed") else skill for skill, step in zip(e.skills, e.log, strict=True)
        ]
        lines += [f"{outcome:9} {e.goal}", f"{'':9} by {', '.join(done) or 'nothing'}"]
        lines += [f"{'':9} {why}" for why in e.why]
    lines.append(f"{result.solved} of {plural(result.goals, 'goal')}; mean share completed {result.mean_completed:.2f}")
    return lines


def skill_lines(rows: Sequence[Mapping[str, Any]], library: str) -> list[str]:
    """Return what a library can do, a line a skill that has a name; or all its ids where none has been named."""
    if not any(r["phrase"] for r in rows):
        lines = [f"{r['id']:14} {r['effect']}" for r in rows]
        return [*lines, f"{plural(len(rows), 'skill')}, not named yet; name them with: tabletop name {library}"]
    named = [r for r in rows if r["name"]]
    width = max((len(r["name"]) for r in named if r["task"]), default=4)
    lines = [f"{'name':{width}}  {'success (95 % interval, n)':26}  {'entity':10}  {'id':14}  what it does"]
    for r in named:
        rate = f"{r['success']:.2f} ({r['low']:.2f} .. {r['high']:.2f}, n {r['n']})" if r["task"] else "-"
        name, entity = r["name"] if r["task"] else "-", r["entity"] or "-"
        lines.append(f"{name:{width}}  {rate:26}  {entity:10}  {r['id']:14}  {r['phrase']}")
    by_task = [r["task"] for r in named if r["task"]]
    lines.append(_SKILLS)
    count = f"{plural(len({*by_task}), 'task')} named, by {len(by_task)} of {plural(len(rows), 'skill')}"
    return [*lines, f"{count}; of {len(named) - len(by_task)} others is said what they do"]


def predicate_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each predicate: how it is written with its defaults, an example, and when it holds."""
    signature, example = (max(len(r[k]) for r in rows) for k in ("signature", "example"))
    lines = [
        f"{r['signature']:{signature}}  {r['example']:{example}}  {r['means'].partition('. ')[0].rstrip('.')}"
        for r in rows
    ]
    types = {a["type"]: a["takes"] for r in rows for a in r["arguments"]}
    taken = sorted({(a["name"], a["type"]) for r in rows for a in r["arguments"]})
    by_type = [f"  {', '.join(n for n, t in taken if t == type)}: {takes}" for type, takes in types.items()]
    join = "joined by 'and', 'or', 'not' and parentheses: on(red, blue) and not near(red, bin, distance=10 cm)"
    return [*lines, "", "arguments, by position or by name; those with a default may be left out:", *by_type, join]


def kind_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a head, then a line for each kind of thing."""
    width = max(4, *(len(r["kind"]) for r in rows))
    head = f"{'kind':{width}}  {'':7}  {'body type':10}  {'grasped':7}  {'project':10}  what it is"
    return [head] + [
        f"{r['kind']:{width}}  {r['type']:7}  {r['body_type']:10}  {'yes' if r['graspable'] else '-':7}  "
        f"{r['project']:10}  {r['description']}"
        for r in rows
    ]


def library_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a head, then a line for each library."""
    width = max(7, *(len(r["library"]) for r in rows))
    head = f"{'library':{width}}  skills  tasks named  {'objective':18}  project"
    return [head] + [
        f"{r['library']:{width}}  {r['skills']:6d}  {'not yet' if r['tasks'] is None else len(r['tasks']):>11}  "
        f"{r['objective'] or '-':18}  {r['project']}"
        for r in rows
    ]


def check_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what was measured of a robot."""
    down, free, speed = found["ik"]["down"], found["ik"]["any"], found["speed"]
    reach = ", ".join(
        f"{100 * share:.0f} % at {100 * z:g} cm"
        for z, share in zip(found["reach"]["heights"], found["reach"]["shares"], strict=True)
    )
    lifted = [f"{1000 * r['mass']:.0f}" for r in found["lifts"] if r["lifted"]]
    pairs = ", ".join(" in ".join(pair) for pair in found["self_collision"])
    return [
        f"reach over the table, gripper down: {reach}",
        f"postures, gripper down: {100 * down['failed']:.2f} % of {down['poses']} poses out of reach, "
        f"{down['ms']:.2f} ms each",
        f"postures, any pose: {100 * free['failed']:.2f} % of {free['poses']} not found, {free['ms']:.2f} ms each",
        f"worst error: {max(down['worst_mm'], free['worst_mm']):.1e} mm",
        f"links in each other at rest: {pairs or 'none'}",
        f"lifts: {', '.join(lifted) or 'no block'} g",
        f"speed: {speed['control_steps_per_second']:.0f} control steps a second "
        f"({100 * speed['share_of_panda']:.0f} % of the Panda's), gripper {speed['gripper_metres_per_second']:.2f} m/s",
        f"page: {found['page']}",
    ]


def robot_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a head, then a line for each robot."""
    width = max(5, *(len(r["robot"]) for r in rows))
    head = f"{'robot':{width}}  joints  fingers open  project"
    return [head] + [
        f"{r['robot']:{width}}  {r['joints']:6d}  {100 * r['max_width']:9.1f} cm  {r['project']}" for r in rows
    ]


def play_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what was filmed, whether the task was done where there is one, and the file."""
    who = f"skill {result['skill']}" if "skill" in result else f"policy {result['policy']}"
    came = "done" if result["success"] else f"not done at the end, which asks for {result['asked']}"
    done = "" if result["task"] is None else f"; {result['task']}: {came}"
    return [f"{who} on {result['entity']}, {result['steps']} control steps{done}", f"film: {result['film']}"]


def chain_lines(result: Chains) -> list[str]:
    """Return the share of chains with at least so many goals done, and the mean."""
    lines = [f"at least {r.goals} of 5: {r.share:.3f}   [{r.low:.3f}, {r.high:.3f}]" for r in result.at_least]
    mean = f"{result.mean_completed:.2f} of 5   [{result.low:.2f}, {result.high:.2f}]"
    return [*lines, f"mean completed: {mean} over {plural(result.chains, 'chain')}"]


def perturb_lines(result: Robustness) -> list[str]:
    """Return success by magnitude, one family a line, and what a family does nothing to, with why."""
    lines = [line for name, curve in result.families.items() for line in _curve_lines(name, curve)]
    return [*lines, *_legend(result)]


def _legend(result: Robustness) -> list[str]:
    """Return what the numbers of the curves are, where there is one."""
    return [_CURVES] if any(curve.n for curve in result.families.values()) else []


def _curve_lines(name: str, c: Curve) -> list[str]:
    lines = []
    if c.n:
        rates = "  ".join(f"{m:g}: {s:.2f}" for m, s in zip(c.magnitudes, c.success, strict=True))
        lines.append(f"{name:18} {rates}   [{c.unit}]  area {c.area:.2f}, worst {c.worst:.2f}")
    for why, count in c.not_applicable.items():
        lines.append(f"{name:18} not applicable to {count} of {plural(count + c.n, 'episode')}: {why}")
    return lines


def perturb_task_lines(result: Robustness) -> list[str]:
    """Return success by magnitude, one family a line, and where there are several tasks each of them below it."""
    lines = []
    for name, curve in result.families.items():
        lines += _curve_lines(name, curve)
        for task, rates in curve.by_task.items() if len(curve.by_task) > 1 else ():
            cells = zip(curve.magnitudes, rates.success, rates.low, rates.high, strict=bool(rates.n))
            text = "  ".join(f"{m:g}: {s:.2f} [{low:.2f}, {high:.2f}]" for m, s, low, high in cells)
            lines.append(f"  {task:16} {text or 'not applicable'}")
    lines += [f"no skill is named for: {', '.join(result.missing)}"] if result.missing else []
    each = f"{plural(result.scenes, 'scene')} each from seed {result.seed}"
    return [*lines, *_legend(result), f"{plural(len(result.tasks), 'task')}, {each}"]
