"""What the commands say on a terminal: a stage's result as lines of text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tabletop.logic import Task

__all__ = [
    "audit_lines",
    "chain_lines",
    "discover_lines",
    "evaluate_lines",
    "measure_lines",
    "name_lines",
    "perturb_lines",
    "physics_lines",
    "plan_lines",
    "say",
    "task_lines",
]


def say(options: argparse.Namespace, result: Any, lines: Sequence[str]) -> None:
    """Print a result: as JSON where --json asks for it, as lines where not."""
    print(json.dumps(result, indent=1) if options.json else "\n".join(lines))


def task_lines(tasks: Sequence[Task]) -> list[str]:
    """Return a line for each task: name, horizon in control steps, tags and description."""
    name, tags = (max(map(len, words)) for words in zip(*((t.name, " ".join(t.tags)) for t in tasks), strict=True))
    return [f"{t.name:{name}}  {t.horizon:4d}  {' '.join(t.tags):{tags}}  {t.description}" for t in tasks]


def evaluate_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table of success rates by task, and their mean."""
    results, missing = result["tasks"], result["missing"]
    width = max(len(n) for n in results)
    lines = [f"{'task':{width}}  success  95 % interval   n  median steps"]
    for name, r in results.items():
        steps = "-" if r["median_steps"] is None else f"{r['median_steps']:.0f}"
        interval = f"{r['low']:.2f} .. {r['high']:.2f}"
        lines.append(f"{name:{width}}  {r['success']:7.2f}  {interval:>13}  {r['n']:3d}  {steps:>12}")
    lines += [f"no skill is named for: {', '.join(missing)}"] if result["counted"] > len(results) else []
    return [*lines, f"mean {result['mean']:.3f} over {result['counted']} tasks"]


def audit_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table of what was measured of each task, with the rules it breaks under it."""
    rows, scenes = result["tasks"], result["scenes"]
    width = max(len(n) for n in rows)
    seeds = f"{scenes['episodes']} scenes from seed {scenes['seed']}"
    if scenes["fresh_seed"] is not None:
        seeds += f" and fresh ones from seed {scenes['fresh_seed']} (again: --fresh-seed {scenes['fresh_seed']})"
    head = "scripted  fresh  lasts  nothing  random  counter   did  median steps  horizon  ranked"
    lines = [seeds, f"{'task':{width}}  {head}"]
    for name, r in rows.items():
        steps, ranked = ("-" if r[k] is None else f"{r[k]:g}" for k in ("median_steps", "ranked"))
        fresh = f"{r['fresh']['success']:.2f}" if "fresh" in r else "-"
        lasts = "-" if r["lasting"]["share"] is None else f"{r['lasting']['share']:.3f}"
        rates = f"{r['scripted']['success']:8.2f}  {fresh:>5}  {lasts:>5}"
        rates += f"  {r['nothing']['success']:7.2f}  {r['random']['success']:6.2f}"
        contrary = ("-", "-") if r["counter"] is None else (f"{r['counter'][k]:.2f}" for k in ("success", "contrary"))
        rates += "  {:>7}  {:>4}".format(*contrary)
        lines.append(f"{name:{width}}  {rates}  {steps:>12}  {r['horizon']:7d}  {ranked:>6}")
        lines += [f"{'':{width}}  breaks: {rule}" for rule in r["broken"]]
    lines += ["", "control steps of contact in a scripted episode, on average:"]
    for name, r in rows.items():
        pairs = [f"{one}-{two} {n:g}" for one, touched in r["touches"].items() for two, n in touched.items()]
        lines.append(f"{name:{width}}  {', '.join(pairs) or 'none'}")
    whole = result["registry"]
    lines += [f"breaks: {rule}" for rule in whole["broken"]]
    lines.append(
        f"{whole['tasks']} tasks, mean scripted success {whole['mean_scripted']:.3f}, median {whole['median_steps']:g} "
        f"steps; {'all rules hold' if result['holds'] else 'some rules are broken'}"
    )
    return lines


def physics_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table of how deep things got into each other in scripted episodes."""
    rows, scenes = result["tasks"], result["scenes"]
    width = max(len(n) for n in rows)
    lines = [f"{scenes['episodes']} scenes from seed {scenes['seed']}; mm, the deepest of all control steps"]
    lines.append(f"{'task':{width}}  robot  things  impact  drift in the hand (90 %)  where")
    for name, r in rows.items():
        where = ", ".join(f"{' in '.join(r[w]['pair'])} ({r[w]['scene']})" for w in ("robot", "things") if r[w]["pair"])
        lines.append(
            f"{name:{width}}  {r['robot']['mm']:5.2f}  {r['things']['mm']:6.2f}  {r['drift_mm']:24.2f}  {where}"
        )
        lines += [f"{'':{width}}  breaks: {rule}" for rule in r["broken"]]
    lines.append(f"{len(rows)} tasks; {'all bounds hold' if result['holds'] else 'some bounds are broken'}")
    return lines


def discover_lines(folder: Path, result: Mapping[str, Any]) -> list[str]:
    """Return how many skills were found, beside the floors, and where they are."""
    floors = ", ".join(f"{n} {f['effective_skills_2cm']:.1f}" for n, f in result["floors"].items())
    return [
        f"{result['codes']} codes, {result['effective_skills_2cm']:.1f} effective skills at 2 cm, "
        f"{result['effective_skills_5cm']:.1f} at 5 cm (floors at 2 cm: {floors})",
        f"{result['env_steps']} control steps in {result['minutes']} minutes; library in {folder / 'library'}",
    ]


def measure_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the figures of a library beside their floors, and a table by kind of effect."""
    floors = ", ".join(f"{n} {f['effective_skills_2cm']:.1f}" for n, f in result["floors"].items())
    head = (
        f"{result['codes']} codes, {result['effective_skills_2cm']:.1f} effective skills at 2 cm "
        f"({result['bits_2cm']:.2f} bits; floors: {floors}), {result['effective_skills_5cm']:.1f} at 5 cm; "
        f"{result['coverage_bins_5cm']} bins of 5 cm covered"
    )
    width = max(6, *map(len, result["by_kind"]))
    lines = [head, f"{'kind':{width}}  codes  effective  information  empowerment  by chance (bits)  components"]
    for kind, effective in result["by_kind"].items():
        c = result["channel"][kind]
        few = result["synergies"][f"movements/{kind}"]["components_95"]
        bits = f"{c['information_bits']:11.2f}  {c['empowerment_bits']:11.2f}  {c['chance_bits']:16.2f}"
        lines.append(f"{kind:{width}}  {c['codes']:5d}  {effective:9.1f}  {bits}  {few:10d}")
    postures = result["synergies"]["postures"]
    told = f"{postures['components_95']} of {postures['of']} components explain 95 % of the arm's postures"
    return [*lines, told, f"plots: {result['page']}"]


def name_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the named tasks with their rates on fresh scenes, then what else has a name."""
    from tabletop.naming import skills_by_task

    lines = []
    best = skills_by_task(result)
    for e in sorted(best.values(), key=lambda e: (-e["success"], e["task"])):
        more = result["tasks"][e["task"]]["skills"] - 1
        rate = f"{e['success']:.2f} ({e['low']:.2f} .. {e['high']:.2f}, n {e['n']}; random {e['random_success']:.2f})"
        lines.append(f"{e['id']:12} {e['name']:30} {rate}" + (f", and {more} more" if more else ""))
    lines += [f"{e['id']:12} {e['name']}" for e in result["skills"] if e["name"] and not e["task"]]
    lines.append(f"{len(result['named_tasks'])} tasks named: {', '.join(result['named_tasks']) or 'none'}")
    if best:
        mean = sum(e["success"] for e in best.values()) / len(best)
        lines.append(f"mean success {mean:.2f}, on scenes that had no part in choosing any of these skills")
    return lines


def plan_lines(result: Mapping[str, Any]) -> list[str]:
    """Return each goal with what came of it, and the overall share."""
    lines = []
    for e in result["episodes"]:
        outcome = "reached" if e["solved"] else f"{e['completed']} of {e['literals']}"
        lines += [f"{outcome:9} {e['goal']}", f"{'':9} by {', '.join(e['skills']) or 'nothing'}"]
        lines += [f"{'':9} {why}" for why in e["why"]]
    lines.append(f"{result['solved']} of {result['goals']} goals; mean share completed {result['mean_completed']:.2f}")
    return lines


def chain_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the share of chains with at least so many goals done, and the mean."""
    lines = [
        f"at least {r['goals']} of 5: {r['share']:.3f}   [{r['low']:.3f}, {r['high']:.3f}]" for r in result["at_least"]
    ]
    mean = f"{result['mean_completed']:.2f} of 5   [{result['low']:.2f}, {result['high']:.2f}]"
    return [*lines, f"mean completed: {mean} over {result['chains']} chains"]


def perturb_lines(result: Mapping[str, Any]) -> list[str]:
    """Return success by magnitude, one family a line, and what a family does nothing to, with why."""
    lines = []
    for name, c in result.items():
        if c["n"]:
            rates = "  ".join(f"{m:g}: {s:.2f}" for m, s in zip(c["magnitudes"], c["success"], strict=True))
            lines.append(f"{name:18} {rates}   [{c['unit']}]  area {c['area']:.2f}, worst {c['worst']:.2f}")
        for why, count in c["not_applicable"].items():
            lines.append(f"{name:18} not applicable to {count} of {count + c['n']} episodes: {why}")
    return lines
