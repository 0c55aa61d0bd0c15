"""A run folder as the stages leave it, made up here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from tabletop.naming.best import best_of_tasks
from tabletop.report.clips import write_clip
from tabletop.runs.records import Discovery, Naming, Planning, Robustness
from tabletop.runs.store import as_record, write_record

Frames = Sequence[npt.NDArray[np.uint8]]

CHROMIUM = Path("/usr/bin/chromium")
WHY_NOT = f"tests/report/test_browser.py is left out: it opens the page in a browser and {CHROMIUM} is not there"
collect_ignore = [] if CHROMIUM.exists() else ["test_browser.py"]

TASKS = ("lift_block", "push_left", "push_away", "place_on_tray", "open_drawer", "close_drawer")
FAMILIES = {"push": "N", "action_delay": "steps", "observation_noise": "cm", "friction": "x"}
BASELINES = {"random": 1.2, "untrained": 1.6, "shuffled": 1.0}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which test was left out, and why."""
    if collect_ignore:
        terminalreporter.write_line(WHY_NOT)


def moving_square(seed: int, length: int = 12) -> Frames:
    """Return pictures of a square that crosses a table."""
    rng = np.random.default_rng(seed)
    color = rng.integers(60, 220, 3).astype(np.uint8)
    frames = []
    for t in range(length):
        picture = np.full((90, 120, 3), 235, np.uint8)
        picture[40 + t : 60 + t, 8 * t : 8 * t + 20] = color
        frames.append(picture)
    return frames


def _finals(rng: np.random.Generator, effect: str, code: int, count: int, n: int) -> list[list[float]]:
    if effect in ("drawer", "button"):
        return [[float(v)] for v in np.clip(rng.normal(code / max(1, count - 1), 0.05, n), 0, 1)]
    angle = 2.4 * code
    radius = 0.05 + 0.16 * np.sqrt(code / max(1, count - 1))
    up = abs(0.15 * np.sin(3 * angle)) if effect == "held_at" else 0.0
    middle = [radius * np.cos(angle), radius * np.sin(angle), up, 0.4 * np.sin(angle)]
    spread = [0.012, 0.012, 0.01 if effect == "held_at" else 0.002, 0.1]
    return [[float(v) for v in row] for row in rng.normal(middle, spread, (n, 4))]


def _skills(rng: np.random.Generator, kinds: dict[str, int], clips: Callable[[int], Frames], folder: Path) -> list[Any]:
    out = []
    for effect, count in kinds.items():
        for code in range(count):
            number = len(out)
            task = TASKS[number % len(TASKS)] if number % 3 != 2 else None
            rate = float(rng.uniform(0.62, 1.0)) if task else None
            clip = None
            if number % 4 != 3:
                clip = f"clips/{effect}-{code:02d}.webp"
                write_clip(clips(number), folder / clip)
            # Consistent without a name: the name is what it does, and the rate that of a task it failed.
            said = f"moves the block {5 + code} cm to the left" if number % 2 == 0 else None
            out.append({
                "id": f"{effect}-{code:02d}",
                "entity_kind": effect if effect in ("drawer", "button") else "block",
                "effect": effect,
                "name": task.replace("_", " ") if task else said,
                "task": task,
                "tried": task,
                "success": rate or 0.0,
                "low": max(0.0, rate - 0.12) if rate else 0.0,
                "high": min(1.0, rate + 0.06) if rate else 1.0,
                "n": 50 if rate else 0,
                "random_success": 0.04 if rate else None,
                "nothing_success": 0.0 if rate else None,
                "shuffled_success": 0.11 if rate else None,
                "phrase": said or "opens a little",
                "size": 0.1,
                "spread": 0.01,
                "consistent": said is not None,
                "outcomes": [],
                "offset": None,
                "angle": None,
                "clip": clip,
            })  # fmt: skip
    return out


def _perturb() -> dict[str, Any]:
    out: dict[str, Any] = {}
    for i, (family, unit) in enumerate(FAMILIES.items()):
        magnitudes = [0, 1, 2, 4, 8]
        success = [round(0.92 * float(np.exp(-0.05 * (i + 0.3) * m)), 3) for m in magnitudes]
        out[family] = {
            "unit": unit,
            "magnitudes": magnitudes,
            "success": success,
            "low": [max(0.0, s - 0.09) for s in success],
            "high": [min(1.0, s + 0.06) for s in success],
            "area": sum(success) / len(success),
            "area_low": 0.1,
            "area_high": 0.9,
            "worst": success[-1],
            "drop": 1.0 - success[-1] / success[0],
            "recovery": None,
            "recovery_time": None,
            "n": 40,
            "not_applicable": {},
            "by_task": {},
        }
    return {"policy": "library", "seed": 0, "scenes": 10, "tasks": ["lift"], "skills": ["held_at-00"], "families": out}


def _plan(clips: Callable[[int], Frames], folder: Path) -> dict[str, Any]:
    chains = [["open drawer", "lift block", "close drawer"], ["lift block", "place on tray"], []]
    goals = [
        ("inside(block, drawer) and closed(drawer)", "the block is in the closed drawer"),
        ("on(red, tray) and pressed(button)", "red on the tray, button pressed"),
        ("on(red, blue)", "red on blue"),
    ]
    episodes = []
    for i in range(9):
        (goal, phrase), chain, clip = goals[i % 3], chains[i % 3], None
        if chain:
            clip, frames = f"clips/plan-{i}.webp", clips(i)
            names = [chain[t * len(chain) // len(frames)] for t in range(len(frames))]
            write_clip(frames, folder / clip, captions=names)
        episodes.append(
            {"goal": goal, "phrase": phrase, "literals": 2, "completed": 2 - i % 3, "solved": i % 3 == 0}
            | {"skills": chain, "log": [], "replans": i % 3, "steps": 40, "why": [], "spent": False, "clip": clip}
        )
    found = {"policy": "library", "goals": 9, "solved": 3, "mean_completed": 0.61, "spent": 0}
    return {**found, "episodes": episodes}


def make_run(folder: Path, kinds: dict[str, int], clips: Callable[[int], Frames] = moving_square, n: int = 20) -> Path:
    """Write every file that the stages leave in a run folder."""
    rng = np.random.default_rng(3)
    (folder / "clips").mkdir(parents=True)
    skills = _skills(rng, kinds, clips, folder)
    discover = {
        "codes": sum(kinds.values()),
        "effective_skills_2cm": 0.83 * sum(kinds.values()),
        "effective_skills_5cm": 0.5 * sum(kinds.values()),
        "bits_2cm": 4.7,
        "env_steps": 1_060_000,
        "minutes": 24.6,
        "coverage_bins_5cm": 214,
        "seed": 7,
        "by_kind": {
            k: {"codes": c, "effective_2cm": 0.8 * c, "effective_5cm": 0.5 * c} for k, c in kinds.items()
        },
        "baselines": {
            k: {"effective_skills_2cm": v, "effective_skills_5cm": v, "bits_2cm": 0.1} for k, v in BASELINES.items()
        },
        "objective": "final-state",
        "episodes": n,
        "skills": [
            {"id": s["id"], "effect": s["effect"], "code": int(s["id"][-2:]),
             "finals": _finals(rng, s["effect"], int(s["id"][-2:]), kinds[s["effect"]], n)}
            for s in skills
        ],
    }  # fmt: skip
    rates = [[0.0 if rng.random() < 0.7 else float(rng.random() ** 2) for _ in TASKS] for _ in skills]
    for i, s in enumerate(skills):
        if s["task"]:
            rates[i][TASKS.index(s["task"])] = s["success"]
    name = {
        "skills": skills,
        "named_tasks": sorted({s["task"] for s in skills if s["task"]}),
        "tasks": {
            task: {"skill": best["id"], "skills": 1, "n": 80}
            | {k: round(best[k] - 0.01, 4) for k in ("success", "low", "high")}
            for task, best in best_of_tasks(skills).items()
        },
        "matrix": {"tasks": list(TASKS), "skills": [s["id"] for s in skills], "rates": rates},
        "settings": {"seed": 0},
    }
    stages = {Discovery: discover, Naming: name, Planning: _plan(clips, folder), Robustness: _perturb()}
    for kind, data in stages.items():
        write_record(folder / kind.FILE, as_record(kind, data))
    lines = []
    for i in range(120):
        grown = 1 - float(np.exp(-i / 30))
        row = {"step": i * 9000, "minutes": i * 0.2, "updates": i * 700, "accuracy": 0.9 * grown}
        row |= {f"accuracy/{k}": min(1.0, (0.8 + 0.05 * j) * grown) for j, k in enumerate(kinds)}
        row |= {
            "loss_q": 2.77 - 2.2 * grown + 0.1 * float(rng.random()),
            "entropy": 3 - grown,
            "alpha": 0.005,
        }
        lines.append(json.dumps(row))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = {"command": "tabletop run --seed 7 --minutes 25 --out runs/first", "version": "0.1.0", "seed": 7}
    made["settings"] = {"learner": {"batch": 256, "gamma": 0.97}, "codes": dict(kinds)}
    (folder / "run.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A small run with all its stages."""
    return make_run(tmp_path / "first-run", {"held_at": 5, "displaced": 4, "drawer": 3, "button": 2})
