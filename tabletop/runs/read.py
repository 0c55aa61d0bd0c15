"""From a run folder's files to values, with their shapes checked on the way in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import yaml

from tabletop.errors import TabletopError
from tabletop.runs.fields import Fields, finite, read_json
from tabletop.runs.run import Attempt, Chains, Discovery, Ends, Made, Naming, Planning, Run, Skill, Sweep

__all__ = ["read_run"]

STAGES: Final = ("discover", "name", "plan", "chains", "perturb")


def _present(fields: Fields, *keys: str) -> dict[str, float]:
    found = ((k, fields.number(k)) for k in keys)
    return {k: v for k, v in found if v is not None}


def _clip(fields: Fields, folder: Path) -> Path | None:
    name = fields.text("clip")
    if name is None:
        return None
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or inside.suffix != ".webp":
        raise fields.wrong("clip", "a .webp inside the run folder")
    return folder / inside


def _ends(fields: Fields) -> Ends:
    rows = fields.values("finals")
    try:
        finals = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise fields.wrong("finals", "a list of lists of numbers of one length") from None
    finals = finals.reshape(0, 1) if finals.size == 0 else finals
    if finals.ndim != 2 or finals.shape[1] not in (1, 4):
        raise fields.wrong("finals", "a list of [dx, dy, dz, dyaw] or of [fraction]")
    code = fields.number("code")
    return Ends(
        fields.text("id") or "?",
        fields.text("effect") or "skill",
        int(code) if code is not None else 0,
        finals[np.isfinite(finals).all(axis=1)],
    )


def _discovery(fields: Fields) -> Discovery:
    wanted = ("codes", "effective_skills_2cm", "effective_skills_5cm", "bits_2cm", "env_steps", "minutes")
    baselines = {}
    raw = fields.data.get("baselines")
    for name, value in Fields.of(raw, fields.place("baselines")).data.items() if raw is not None else ():
        holder = value if isinstance(value, Mapping) else {"effective_skills_2cm": value}
        found = Fields.of(holder, fields.place(f"baselines.{name}")).number("effective_skills_2cm")
        if found is not None:
            baselines[name] = found
    kinds = {
        kind: _present(inside, "codes", "effective_2cm", "effective_5cm")
        for kind, inside in fields.named("by_kind").items()
    }
    numbers = _present(fields, *wanted, "coverage_bins_5cm", "seed")
    return Discovery(numbers, kinds, baselines, tuple(_ends(f) for f in fields.each("skills")))


def _skill(fields: Fields, folder: Path) -> Skill:
    baselines = {name: fields.rate(f"{name}_success") for name in ("random", "nothing", "shuffled")}
    skill = Skill(
        id=fields.text("id") or "?",
        kind=fields.text("entity_kind") or "",
        effect=fields.text("effect") or "",
        name=fields.text("name"),
        task=fields.text("task"),
        phrase=fields.text("phrase"),
        success=fields.rate("success"),
        low=fields.rate("low"),
        high=fields.rate("high"),
        n=fields.count("n"),
        baselines={k: v for k, v in baselines.items() if v is not None},
        clip=_clip(fields, folder),
    )
    # Without a task's name, what the file has are the rates of a task that it failed.
    return skill if skill.task else replace(skill, success=None, low=None, high=None, n=None, baselines={})


def _rates(row: object, where: str) -> tuple[float, ...]:
    """Return a row of the matrix; a pair that was not tried is null in the file and NaN here."""
    if not isinstance(row, list):
        raise TabletopError(f"{where} must be a list of rates from 0 to 1, got {row!r:.60}")
    tried = Fields({"rates": [r for r in row if r is not None]}, where).numbers("rates", rates=True)
    given = iter(tried)
    return tuple(math.nan if r is None else next(given) for r in row)


def _naming(fields: Fields, folder: Path) -> Naming:
    found = {s.id: s for s in (_skill(f, folder) for f in fields.each("skills"))}
    for task in fields.named("tasks").values():
        id = task.text("skill") or ""
        if id not in found:
            raise task.wrong("skill", "the id of one of the skills")
        success, low, high = (task.rate(k) for k in ("success", "low", "high"))
        found[id] = replace(found[id], success=success, low=low, high=high, n=task.count("n"), best=True)
    skills = tuple(found.values())
    raw = fields.data.get("matrix")
    if raw is None:
        return Naming(skills)
    matrix = Fields.of(raw, fields.place("matrix"))
    tasks, rows = matrix.texts("tasks"), matrix.texts("skills")
    place = matrix.place("rates")
    lists = enumerate(matrix.values("rates"))
    rates = tuple(_rates(row, f"{place}[{i}]") for i, row in lists)
    if len(rates) != len(rows) or any(len(r) != len(tasks) for r in rates):
        sizes = sorted({len(r) for r in rates})
        raise TabletopError(
            f"{place} must be {len(rows)} rows (skills) of {len(tasks)} (tasks), got {len(rates)} rows of {sizes}"
        )
    return Naming(skills, tasks, rows, rates)


def _planning(fields: Fields, folder: Path) -> Planning:
    attempts = tuple(
        Attempt(
            goal=f.text("goal") or "?",
            phrase=f.text("phrase"),
            literals=f.count("literals"),
            completed=f.count("completed"),
            solved=f.flag("solved"),
            skills=f.texts("skills"),
            replans=f.count("replans"),
            clip=_clip(f, folder),
            why=f.texts("why"),
        )
        for f in fields.each("episodes")
    )
    raw = fields.data.get("baselines")
    baselines = Fields.of(raw, fields.place("baselines")) if raw is not None else Fields({}, fields.where)
    return Planning(
        fields.count("goals") if fields.data.get("goals") is not None else float(len(attempts)),
        fields.count("solved"),
        fields.rate("mean_completed"),
        {k: v for k in baselines.data if (v := baselines.rate(k)) is not None},
        attempts,
        fields.text("policy") or "library",
    )


def _chains(fields: Fields, folder: Path) -> Chains:
    rows = []
    for inside in fields.each("at_least"):
        goals, share, least, most = (inside.number("goals"), *(inside.rate(k) for k in ("share", "low", "high")))
        if goals is None or share is None or least is None or most is None:
            raise inside.wrong("share", "a rate, beside goals, low and high")
        rows.append((goals, share, least, most))
    clips = []
    for episode in fields.each("episodes"):
        clip = _clip(episode, folder)
        if clip is not None:
            wanted = [g.text("phrase") or g.text("goal") or "?" for g in episode.each("goals")]
            clips.append((f"{episode.count('completed') or 0:g} done: {'; then '.join(wanted)}", clip))
    chains, mean, low, high = (fields.count(k) for k in ("chains", "mean_completed", "low", "high"))
    return Chains(chains, mean, low, high, tuple(rows), tuple(clips), fields.text("policy") or "library")


def _sweep(family: str, fields: Fields, folder: Path) -> Sweep:
    magnitudes = fields.numbers("magnitudes")
    curves = {k: fields.numbers(k, rates=True) for k in ("success", "low", "high")}
    for key, curve in curves.items():
        if curve and len(curve) != len(magnitudes):
            raise fields.wrong(key, f"a list of {len(magnitudes)} rates, one a magnitude")
    order = sorted(range(len(magnitudes)), key=lambda i: magnitudes[i])
    sorted_curves = {k: tuple(c[i] for i in order) if c else () for k, c in curves.items()}
    counted = finite(fields.data.get("n"))
    raw = fields.data.get("not_applicable")
    others = Fields.of({} if raw is None else raw, fields.place("not_applicable"))
    left_out = {why: others.count(why) or 0.0 for why in others.data}
    return Sweep(
        family,
        fields.text("unit") or "",
        tuple(magnitudes[i] for i in order),
        **sorted_curves,
        numbers=_present(fields, "area", "worst", "drop") | ({} if counted is None else {"n": counted}),
        not_applicable=left_out,
        clip=_clip(fields, folder),
    )


def _metrics(path: Path) -> tuple[Mapping[str, float], ...]:
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TabletopError(f"cannot read {path.name}: {str(error).splitlines()[0]}") from None
    for i, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if i == len(lines):
                break  # a run that was killed, or still goes on, leaves half a last line
            raise TabletopError(f"{path.name} line {i} must be a JSON object, got {line[:60]!r}") from None
        data = Fields.of(row, f"{path.name} line {i}").data
        rows.append({k: number for k, v in data.items() if (number := finite(v)) is not None})
    return tuple(rows)


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in _flat(v, f"{prefix}.{k}" if prefix else str(k))]
    return [(prefix, str(value))]


def _made(path: Path) -> Made:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TabletopError(f"cannot read {path.name}: it must be YAML; {str(error).splitlines()[0]}") from None
    fields = Fields.of(data, path.name)
    command = fields.data.get("command")
    if isinstance(command, list):
        command = " ".join(str(part) for part in command)
    seed, version = fields.data.get("seed"), fields.data.get("version")
    settings = fields.data.get("settings")
    if settings is not None and not isinstance(settings, Mapping):
        raise fields.wrong("settings", "a mapping")
    return Made(
        None if command is None else str(command),
        None if version is None else str(version),
        None if seed is None else str(seed),
        tuple(_flat(settings)) if settings else (),
    )


def read_run(folder: Path) -> Run:
    """Read what a run folder holds; each file may be missing.

    Where a stage's own file is missing, its part of summary.json stands in.

    Raises:
        TabletopError: no such folder, nothing in it to show, or a file of a wrong shape.
    """
    if not folder.is_dir():
        raise TabletopError(f"no run folder {str(folder)!r}; a stage such as 'tabletop discover' makes one")
    summary = Fields({}, "summary.json")
    if (folder / "summary.json").is_file():
        summary = Fields.of(read_json(folder / "summary.json"), "summary.json")
    stages: dict[str, Fields] = {}
    for stage in STAGES:
        path = folder / f"{stage}.json"
        if path.is_file():
            stages[stage] = Fields.of(read_json(path), path.name)
        elif summary.data.get(stage) is not None:
            stages[stage] = Fields.of(summary.data[stage], summary.place(stage))
            if stage == "perturb":  # a summary may hold overall numbers beside the families
                inside = stages[stage]
                families = {k: v for k, v in inside.data.items() if isinstance(v, Mapping)}
                stages[stage] = Fields(families, inside.where)
    metrics = folder / "metrics.jsonl"
    rows = _metrics(metrics) if metrics.is_file() else ()
    if not stages and not rows:
        names = ", ".join(f"{s}.json" for s in STAGES)
        raise TabletopError(f"{str(folder)!r} holds no results to report; there must be one of: {names}")
    discover, name, plan, chains, perturb = (stages.get(s) for s in STAGES)
    sweeps = [
        _sweep(family, Fields.of(raw, f"perturb.json {family}"), folder)
        for family, raw in (perturb.data.items() if perturb is not None else ())
    ]
    return Run(
        folder,
        None if discover is None else _discovery(discover),
        None if name is None else _naming(name, folder),
        None if plan is None else _planning(plan, folder),
        None if chains is None else _chains(chains, folder),
        tuple(sweeps),
        rows,
        _made(folder / "run.yaml") if (folder / "run.yaml").is_file() else None,
    )
