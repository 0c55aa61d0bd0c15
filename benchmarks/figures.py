"""Write the figures in README and docs from benchmarks/results, where index.yaml says what each one is.

    python benchmarks/figures.py            # writes the tables anew
    python benchmarks/figures.py --check    # says which differ, and exits with 1

A table stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`. A row has what was measured, the figure
(a function of this file makes it of a results file, or a text says it), the command that measured it, and the day.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from draw_objectives import table as objectives_table
from draw_objectives import table_of_names

from tabletop.files import write_whole
from tabletop.rollout.statistics import wilson

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = ("README.md", "docs/results.md", "docs/objectives.md", "docs/reliability.md", "docs/how-to/cluster.md")
SHIPPED = ROOT / "policies" / "discovered" / "default" / "name.json"
"""The names of the library that ships."""
_BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_PARTS = ("without-", "adapted-", "float32")

Result = Mapping[str, Any]
Points = Mapping[str, Mapping[str, Any]]
"""Figures by case."""


def audit(result: Result) -> str:
    """Return the scripted policies' success on both seeds, beside what must fail."""
    tasks = result["tasks"]
    most = {n: max(row[n]["success"] for row in tasks.values()) for n in ("nothing", "random", "counterexample")}
    ends = [f"{name} {row['scripted']['success']:.2f} and {row['fresh']['success']:.2f}" for name, row in tasks.items()]
    worst = [
        text
        for text, row in zip(ends, tasks.values(), strict=True)
        if min(row[seed]["success"] for seed in ("scripted", "fresh")) < 0.95
    ]
    lasting = [row["lasting"]["share"] for row in tasks.values() if row["lasting"]["share"] is not None]
    broken = [f"{name} ({'; '.join(row['broken'])})" for name, row in tasks.items() if row["broken"]]
    whole = result["registry"]
    parts = [
        audit_short(result),
        f"below 0.95: {', '.join(worst) or 'none'}",
        f"of a task's successes at least {min(lasting):.3f} still hold 3 s later",
        f"standing still at most {most['nothing']:.2f}, white noise {most['random']:.2f}, "
        f"counterexamples {most['counterexample']:.2f}",
        f"rules broken: {', '.join([*whole['broken'], *broken]) or 'none'}",
    ]
    return "; ".join(parts)


def audit_short(result: Result) -> str:
    """Return the scripted policies' mean success on both seeds."""
    whole = result["registry"]
    return f"mean success {whole['mean_scripted']:.3f} and {whole['mean_fresh']:.3f}"


def physics(result: Result) -> str:
    """Return how deep anything gets into anything."""
    tasks = result["tasks"].values()
    n = len(result["tasks"]) * result["scenes"]["episodes"]
    depths = {who: [row[who]["mm"] for row in tasks] for who in ("robot", "things")}
    over = sum(row[who]["over"] for row in tasks for who in depths)
    return (
        f"robot in things at most {max(depths['robot']):.1f} mm, things in each other {max(depths['things']):.1f} mm "
        f"(bounds {result['bounds_mm']['robot']:g} and {result['bounds_mm']['things']:g}; {over} of {n} episodes over "
        f"them); median of the tasks' worst {np.median(depths['robot']):.1f} and {np.median(depths['things']):.1f} mm"
    )


def chains(result: Result) -> str:
    """Return how many of five goals in a row are reached, on average and by number."""
    shares = ", ".join(f"{row['share']:.3g}" for row in result["at_least"])
    return f"{chains_short(result)}; at least 1 to {len(result['at_least'])} done: {shares}"


def chains_short(result: Result) -> str:
    """Return how many of five goals in a row are reached, on average."""
    return f"{result['mean_completed']:.2f} of 5 [{result['low']:.2f}, {result['high']:.2f}]"


def share_of_goals(result: Result) -> str:
    """Return how many goals were reached, with the 95 % interval."""
    return f"{result['reached']} of {result['goals']} [{result['low']:.2f}, {result['high']:.2f}]"


def goals_reached(result: Result) -> str:
    """Return how many goals a library's plans reached, and how much of one on average."""
    low, high = wilson(result["solved"], result["goals"])
    share = f"on average {result['mean_completed']:.0%} of a goal".replace("%", " %")
    return f"{result['solved']} of {result['goals']} [{low:.2f}, {high:.2f}], {share}"


def mean_success(result: Result) -> str:
    """Return the mean over tasks."""
    return f"mean {result['mean']:.3f} over {len(result['tasks'])} tasks"


def busy(result: Result) -> str:
    """Return the share of the cores' time by what it goes to."""
    shares = {k: v for k, v in result["shares_of_all_cores"].items() if k in ("physics", "inference", "updates")}
    return f"{result['useful']:.0%} (" + ", ".join(f"{k} {v:.0%}" for k, v in shares.items()) + ")"


def scaling(result: Result) -> str:
    """Return how busy how many workers are, and at how many steps a second the learner is the limit."""
    shares = [f"{row['efficiency']:.3f} of {row['workers']}" for row in _paced(result)]
    last = result["rows"][-1]
    return (
        f"workers' time in episodes {', '.join(shares)}; learner {_takes(result):.0f} steps a second at most; with "
        f"{last['workers']} workers that could do {last['workers_could']:.0f}, {last['steps_per_second']:.0f} are done"
    )


def scaling_table(result: Result) -> list[str]:
    """Return the rows of a table: workers, s a step, rounds, share busy, steps a second done and possible."""
    return [
        f"| {r['workers']} | {1000 * r['seconds_a_step']:.0f} ms | {r['rounds_under_way']} | {r['efficiency']:.3f} | "
        f"{r['steps_per_second']:.0f} | {r['workers_could']:.0f} | {r['learner_could']:.0f} |"
        for r in result["rows"]
    ]


def _paced(result: Result) -> list[Mapping[str, Any]]:
    """Return the rows at the pace of the first one."""
    return [row for row in result["rows"] if row["seconds_a_step"] == result["rows"][0]["seconds_a_step"]]


def _takes(result: Result) -> float:
    return float(np.median([row["learner_could"] for row in result["rows"]]))


def objectives(result: Result) -> str:
    """Return the objectives' effective skills at the end of the budget, and their baselines'."""
    ends = _ends(result)
    own = {n: p for n, p in ends.items() if not n.startswith(_PARTS) and "/" not in n}
    return f"{_ranked(own)}; {_floors(own.values())}"


def parts(result: Result) -> str:
    """Return the default's effective skills without one of its parts."""
    ends = _ends(result)
    return _ranked({n: p for n, p in ends.items() if n.startswith(_PARTS) or n.endswith("/effects/nominal")})


def half_hour(result: Result) -> str:
    """Return effective skills and named tasks at the end of half an hour, by objective."""
    return ", ".join(
        f"{n} {p['effective_skills_2cm']['iqm']:.1f} and {p['named_tasks']['iqm']:g}" for n, p in _best(_ends(result))
    )


def hindsight(result: Result) -> str:
    """Return the success at the end of each curve, beside random actions'."""
    ends = {task: curve[-1] for task, curve in result["curves"].items()}
    return ", ".join(
        f"{task} {p['success']:.2f} [{p['low']:.2f}, {p['high']:.2f}] after {p['steps'] // 1000} k steps ({p['seeds']} "
        f"seed{'s' if p['seeds'] > 1 else ''}; white noise {result['baselines'][task]['success']:.2f})"
        for task, p in ends.items()
    )


def own_success(result: Result) -> str:
    """Return a policy's success on the one task that it was evaluated on."""
    ((task, row),) = result["tasks"].items()
    return f"{task} {row['success']:.2f} [{row['low']:.2f}, {row['high']:.2f}] of {row['n']} scenes"


def own_curves(result: Result) -> str:
    """Return a policy's success at rising magnitudes of each family."""
    return "; ".join(f"{family} {rates} at {magnitudes}" for family, magnitudes, rates in _curves(result))


def _curves(result: Result) -> list[tuple[str, str, str]]:
    """Return each family, its magnitudes, and the success at each."""
    return [
        (name, f"{', '.join(f'{m:g}' for m in c['magnitudes'])} {c['unit']}", _listed(c["success"], 2))
        for name, c in result["families"].items()
    ]


def joint_count(result: Result) -> str:
    """Return the distinct skills of libraries, by kind of thing, beside the two other estimates."""
    whole, rows = result["all"], result["libraries"]
    kinds = list(next(iter(rows.values()))["categories"])
    parts = []
    for kind in kinds:
        found = [row["categories"][kind] for row in rows.values()]
        mean = {k: np.mean([c[k] for c in found]) for k in ("skills", "within_scenes", "by_centres")}
        parts.append(f"{kind} {mean['skills']:.1f} ({mean['by_centres']:.1f}, {mean['within_scenes']:.1f})")
    return (
        f"{whole['skills']:.1f} [{whole['low']:.1f}, {whole['high']:.1f}], mean over {len(kinds)} kinds of thing, "
        f"{result['scenes']} scenes each; by kind, with the estimates below and above: {', '.join(parts)}"
    )


def unseen(result: Result) -> str:
    """Return what is done to kinds that were never seen, at once and after going on, and what was forgotten."""
    further = next(iter(result["old"]))
    known = next(name for name in result["fixtures"] if name != further)

    def rates(group: str, wanted: Sequence[str]) -> str:
        rows = result[group]
        each = [kind for kind in rows[known] if kind != "all"]
        kinds = each if len(each) < 5 else ["all"]  # More of them would be a table.
        parts = []
        for kind in kinds:
            pairs = [f"{w} {rows[known][kind][w]['share']:.2f} → {rows[further][kind][w]['share']:.2f}" for w in wanted]
            parts.append(f"{'' if kind == 'all' else f'{kind} '}{', '.join(pairs)}")
        floor = max(rows["exploration"]["all"][w]["share"] for w in wanted)
        return f"{group}: {'; '.join(parts)} (exploration at most {floor:.2f})"

    forgot = [one["forgetting"]["fine"] for one in result["old"].values()]
    gone = ", ".join(f"{f['difference']:+.1f} [{f['low']:+.1f}, {f['high']:+.1f}]" for f in forgot)
    groups = [rates(g, ("one", "both")) for g in ("fixtures", "imported parts") if g in result]
    groups += [rates(g, ("held", "placed", "pushed")) for g in ("objects", "imported meshes") if g in result]
    head = f"at once → after {result['settings']['further']} more. "
    return head + ". ".join([*groups, f"Points that old skills lost: {gone}"])


def view(result: Result) -> str:
    """Return how live the page is, and what came of the library's skills on it."""
    delay, rows = result["delay"], result["gallery"]
    kept = result.get("memory", [])
    grown = f"; {kept[0]:.0f} MiB after a minute, {kept[-1]:.0f} after {len(kept)}" if kept else ""
    ran, done = (sum(row[key] for row in rows) for key in ("ran", "done"))
    return (
        f"{result['pictures']:.0f} pictures a second sent and {result['drawn']:.0f} drawn, physics at "
        f"{result['control']:.3f} of real time; from a drag to its effect {1000 * delay['median']:.0f} ms in the "
        f"median of {result['drags']}, {1000 * delay['most']:.0f} at most; {ran} of {len(rows)} named skills run from "
        f"their buttons, {done} did it{grown}"
    )


def half_hour_names(result: Result) -> str:
    """Return for how many tasks libraries have named skills, mean and each, and how sure they do them."""
    counts, sure, well = _named(result)
    return (
        f"mean {np.mean(counts):.1f} tasks ({_listed(counts, 0)}); a lower bound of 0.5 and more {_listed(sure, 0)}; "
        f"success of 0.9 and more {_listed(well, 0)}; {_chance()}"
    )


def half_hour_names_short(result: Result) -> str:
    """Return for how many tasks libraries have named skills, mean and each, and how many of them they do well."""
    counts, _, well = _named(result)
    return (
        f"{np.mean(counts):.1f} ({_listed(counts, 0)}), {np.mean(well):.1f} at 0.9 and more ({_listed(well, 0)}); "
        f"{_chance(2)}"
    )


def _named(result: Result) -> tuple[list[int], list[int], list[int]]:
    """Return each library's named tasks, those with a lower bound of 0.5, and those with success of 0.9."""
    runs = [list(tasks.values()) for tasks in result["runs"].values()]
    sure = [sum(task["low"] >= 0.5 for task in tasks) for tasks in runs]
    well = [sum(task["success"] >= 0.9 for task in tasks) for tasks in runs]
    return [len(tasks) for tasks in runs], sure, well


def _chance(first: int | None = None) -> str:
    """Return how often baselines did a task that the library that ships is named for; of the first ones, or of all."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    skills = {skill["id"]: skill for skill in shipped["skills"]}
    rows = [skills[task["skill"]] for task in shipped["tasks"].values()]
    names = {"another code": "shuffled", "exploration": "exploration", "white noise": "random", "nothing": "nothing"}
    most = ", ".join(
        f"{name} {max(row[f'{key}_success'] for row in rows):.2f}" for name, key in [*names.items()][:first]
    )
    return f"baselines at most: {most}"


def relatives(result: Result) -> str:
    """Return what libraries of the default and of its relatives come to by each measure, and the differences."""
    first, parts = next(iter(result["groups"])), []
    for measure, digits in {"joint": 2, "coverage": 0, "precision": 3, "tasks": 1}.items():
        if measure not in result["table"]:
            continue
        found = result["table"][measure]
        rates = [f"{name} {_with_interval(cell, 'iqm', digits)}" for name, cell in found["groups"].items()]
        ahead = [f"{name} {_with_interval(cell, 'difference', digits)}" for name, cell in found["minus"].items()]
        parts.append(f"{measure}: {', '.join(rates)}; {first} minus {', '.join(ahead)}")
    tuned = [f"{name} {'many' if runs is None else runs}" for name, runs in result["tuning_runs"].items()]
    return f"{'. '.join(parts)}. {len(result['groups'][first])} seeds each; tuned by runs: {', '.join(tuned)}"


def _with_interval(cell: Mapping[str, Any], key: str, digits: int) -> str:
    """Return a figure with its interval; differences have their sign."""
    sign = "+" if key == "difference" else ""
    return f"{cell[key]:{sign}.{digits}f} [{cell['low']:{sign}.{digits}f}, {cell['high']:{sign}.{digits}f}]"


def targets(result: Result) -> str:
    """Return how near libraries bring things to drawn targets, mean and each, beside scripts and random actions."""
    libraries = list(result["settings"]["digests"])
    parts = []
    for family, methods in result["targets"].items():
        if not {*libraries, "oracle", "exploration"} <= set(methods):
            continue
        fine, rough = ([methods[name][key]["share"] for name in libraries] for key in ("fine", "rough"))
        scripts, chance = (methods[name]["fine"]["share"] for name in ("oracle", "exploration"))
        parts.append(
            f"{family} {_mean_of(fine)}, roughly {_mean_of(rough)}; scripts {scripts:.3f}, exploration {chance:.3f}"
        )
    places = result["targets"]["place"]
    count = sum(places[name]["n"] for name in libraries)
    ends: dict[str, float] = {}
    for name in libraries:
        for end, n in places[name]["how"].items():
            ends[end] = ends.get(end, 0.0) + n / count
    how = ", ".join(f"{end} {share:.2f}" for end, share in sorted(ends.items(), key=lambda pair: -pair[1]))
    misses = ", ".join(f"{100 * places[name]['median_miss']:.1f}" for name in libraries)
    n = places[libraries[0]]["n"]
    return f"{'. '.join(parts)}. Of {n} places each: median {misses} cm; {how}"


def _mean_of(shares: Sequence[float]) -> str:
    """Return the mean over libraries with all of them beside it."""
    each = f" ({', '.join(f'{s:.3f}' for s in shares)})" if len(shares) > 1 else ""
    return f"{sum(shares) / len(shares):.3f}{each}"


def demo(result: Result) -> str:
    """Return how long a first run took, and what it found."""
    found = result["discover"]
    minutes, seconds = divmod(round(result["seconds"]), 60)
    return (
        f"{minutes} min {seconds} s; {found['effective_skills_2cm']:.1f} effective skills at 2 cm after "
        f"{found['env_steps'] / 1000:.0f} k control steps, {found['episodes']} held-out episodes each"
        f" ({_floors([found])}), {len(result['named'])} named tasks, {result['plan']['solved']} of "
        f"{result['plan']['goals']} goals of two and three steps reached"
    )


def project(result: Result) -> str:
    """Return what became of a project in each stage."""
    audited, named, planned = result["audit"], result["name"], result["plan"]
    pushed = result["perturb"]["push-arm"]
    told = f"{named['consistent']} of {named['skills']} skills of which it can be said what they do"
    return (
        f"its task's script {audited['scripted']:.2f}, on unseen scenes {audited['fresh']:.2f}, doing nothing "
        f"{audited['nothing']:.2f}, {len(audited['broken'])} rules broken; {result['discover']['steps']:,} control "
        f"steps: {told}, {len(named['named_tasks'])} named tasks; {planned['solved']} of {planned['goals']} goals "
        f"reached by scripts; pushed with {pushed['magnitudes'][-1]:g} N {pushed['success'][-1]:.2f}; "
        f"{sum(result['seconds'].values()) / 60:.0f} minutes in all"
    )


def things(result: Result) -> str:
    """Return what of others' files can be had, and what it is worth."""
    blobs, outside = result["import random_urdfs"], result["import outside"]
    rest, lifted, speed = result["rest"], result["lift"], result["speed"]
    shares = [row["opened and shut"] for row in result["parts"].values()]
    refused = f"; refused: {', '.join(outside['refused'])}" if outside["refused"] else ""
    return (
        f"{blobs['imported']:.1%} of {blobs['files']} random_urdfs, {blobs['median seconds']:.1f} s each (median), and "
        f"{outside['imported']:.1%} of {outside['files']} others, {outside['median seconds']:.1f} s{refused}; physics "
        f"at {speed['ratio']:.2f} of the steps with boxes; at rest {rest['share']:.3f} of {rest['objects']}; lifted in "
        f"{lifted['share']:.3f} of scenes of {lifted['objects']} that fingers fit; {len(shares)} parts opened and shut "
        f"in {min(shares):.2f} to {max(shares):.2f} of scenes"
    )


def sha(result: Result) -> str:
    """Return a hash."""
    count = result["settings"]["episodes"]
    return f"`{result['sha256'][:16]}` for {count} episodes, as before robots, meshes and moving parts came"


def endurance(result: Result) -> str:
    """Return what became of a process after very many control steps."""
    return (
        f"{result['steps']:,} control steps in {result['environments']:,} environments, {result['resets']:,} resets, "
        f"{result['pictures']:,} pictures: memory at most {result['most_memory_of_that_after_50000']:.4f} of that "
        f"after 50,000 steps, {result['descriptors_left']} descriptors left open, first and last replay "
        + ("the same bit for bit" if result["replay"]["same"] else "not the same")
    )


def robots(result: Result) -> str:
    """Return what the scripts, and the library that ships, do under several robots."""
    found = result["robots"]
    scripts = ", ".join(f"{name} {r['suite']['mean']:.3f}" for name, r in found.items())
    library = ", ".join(f"{name} {r['library']['mean']:.3f}" for name, r in found.items() if "library" in r)
    left_out = sorted({task for r in found.values() for task in r["suite"]["too_wide"]})
    worst = max(r["check"]["ik"][kind]["worst_mm"] for r in found.values() for kind in ("down", "any"))
    missed = max(r["check"]["ik"]["any"]["failed"] for r in found.values())
    return (
        f"{scripts}; left out for a gripper's width: {', '.join(left_out) or 'no task'}. The library that ships, on "
        f"the tasks it is named for: {library}. Postures are {1000 * worst:.2f} µm off at most, and {missed:.1%} of "
        "the poses that an arm can have find none"
    )


def fuzz(result: Result) -> str:
    """Return how many damaged inputs there were, and what became of them."""
    whole = result["all"]
    return (
        f"{whole['inputs']:,} inputs of {len(result['kinds'])} kinds: {whole['refused']:,} refused in one line, "
        f"{whole['taken']:,} taken without harm, {result['failed']} kinds with a traceback, a crash, a hang or a bad "
        "input that was taken"
    )


def _listed(values: Iterable[float], digits: int = 1) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


def _floors(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return between which effective skills the baselines of some rows lie."""
    counts = [f["effective_skills_2cm"] for row in rows for f in row.get("baselines", {}).values()]
    return f"baselines {min(counts):.1f} to {max(counts):.1f}"


def _ranked(points: Points) -> str:
    cell = "{iqm:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"
    return ", ".join(f"{name} {cell.format(**point['effective_skills_2cm'])}" for name, point in _best(points))


def _ends(result: Result) -> Points:
    """Return each case's figures at the end of its budget."""
    return {name: case["points"]["1"] for name, case in result["cases"].items() if "1" in case["points"]}


def _best(points: Points) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the cases, the one with the most effective skills first."""
    return sorted(points.items(), key=lambda pair: -pair[1]["effective_skills_2cm"]["iqm"])


FIGURES: Mapping[str, Callable[[Result], str]] = {
    function.__name__: function
    for function in (
        audit,
        joint_count,
        unseen,
        audit_short,
        physics,
        chains,
        chains_short,
        share_of_goals,
        goals_reached,
        mean_success,
        busy,
        scaling,
        objectives,
        parts,
        half_hour,
        hindsight,
        own_success,
        own_curves,
        targets,
        half_hour_names,
        half_hour_names_short,
        relatives,
        view,
        demo,
        project,
        things,
        sha,
        endurance,
        fuzz,
        robots,
    )
}
"""By the names that index.yaml uses."""


def fuzz_table(result: Result) -> list[str]:
    """Return a row a kind of input."""
    kinds = {**result["kinds"], "all": result["all"]}
    return [f"| {kind} | {row['inputs']} | {row['refused']} | {row['taken']} |" for kind, row in kinds.items()]


def shipped_table(result: Result) -> list[str]:
    """Return a row a task of the library that ships: its best skill, the rate, all baselines, what was seen."""
    skills = {skill["id"]: skill for skill in result["skills"]}
    order = sorted(result["tasks"].items(), key=lambda pair: (-pair[1]["success"], pair[0]))
    out = []
    for task, t in order:
        skill = skills[t["skill"]]
        fitted = skill["offset"] is not None or skill["angle"] is not None
        cells = [f"{task}, at its own mark or turn" if fitted else task, t["skill"]]
        cells.append(f"{t['success']:.2f} [{t['low']:.2f}, {t['high']:.2f}]")
        cells += [f"{skill[f'{b}_success']:.2f}" for b in ("shuffled", "exploration", "random", "nothing")]
        out.append(f"| {' | '.join([*cells, skill['seen']])} |")
    return out


TABLES: Mapping[str, tuple[str, str, Callable[[Result], Sequence[str]]]] = {
    "shipped-table": (
        "../../policies/discovered/default/name.json",
        "task | skill | success | another code | exploration | white noise | nothing | formula seen",
        shipped_table,
    ),
    "objectives-table": (
        "objectives.json",
        "case | seeds | effective skills at 2 cm | at 5 cm | bins of 5 cm | at half the steps, 2 cm",
        lambda result: objectives_table(result["cases"]),
    ),
    "half-hour-table": (
        "objectives_half_hour.json",
        "objective | control steps | effective skills at 2 cm | at 5 cm | bins of 5 cm | named tasks",
        lambda result: table_of_names(result["cases"]),
    ),
    "own-curves": (
        "own_perturb.json",
        "perturbation | magnitudes | success at each",
        lambda result: [f"| {' | '.join(row)} |" for row in _curves(result)],
    ),
    "scaling-table": (
        "scaling.json",
        "workers | t | rounds under way | workers' time in episodes | steps a second | workers could | learner could",
        scaling_table,
    ),
    "fuzz-table": ("fuzz.json", "kind | inputs | refused in one line | taken, without harm", fuzz_table),
}
"""Tables of one results file: the file, the head and the rows."""


def read(name: str) -> Result:
    """Return a results file."""
    found: Result = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return found


def rows(table: str, index: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table in Markdown; "results", whose figures are long, is a list."""
    if table in TABLES:
        file, head, make = TABLES[table]
        return [f"| {head} |", "| --- " * (head.count("|") + 1) + "|", *make(read(file))]
    out = [] if table == "results" else ["| what | figure | command |", "| --- | --- | --- |"]
    for entry in index:
        if table not in entry["tables"]:
            continue
        figure = entry.get("text") or FIGURES[entry["tables"][table]](read(entry["file"]))
        what = ("† " if entry.get("physics") == "before" else "") + entry["what"]
        if table == "results":
            note = f" ({entry['note']})" if "note" in entry else ""
            out.append(f"- **{what}**: {figure}{note}  ")
            out.append(f"  `{entry['command']}`, {entry['date']}")
        else:
            out.append(f"| {what} | {figure} | `{entry['command']}` |")
    return out


def written(text: str, index: Sequence[Mapping[str, Any]]) -> str:
    """Return a page with its tables as the results have them."""
    return _BLOCK.sub(lambda found: found[1] + "\n".join(rows(found[2], index)) + "\n" + found[3], text)


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page differs")
    options = parser.parse_args()
    index = yaml.safe_load((RESULTS / "index.yaml").read_text(encoding="utf-8"))
    differ = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found = written(text, index)
        if found != text:
            differ.append(page)
            if not options.check:
                write_whole(ROOT / page, found)
    print("\n".join(f"{page}: {'differs from' if options.check else 'written from'} the results" for page in differ))
    sys.exit(1 if options.check and differ else 0)


if __name__ == "__main__":
    main()
