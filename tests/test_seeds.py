"""Seeds: derived ones never meet, and documented ones mean what they always did."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop.api.goals import draw_goals
from tabletop.cli import main
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.planner import scripted_operators
from tabletop.planner.vocabulary import SCRIPTED_VOCABULARY
from tabletop.rollout.evaluate import nothing, run_task
from tabletop.seeds import Purpose, episode_rngs, rng_of, seed_of
from tabletop.sim import Scene, generate, load_scene, load_scene_card
from tabletop.sim.scene import scene_text
from tabletop.yaml_files import parse_yaml

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2, 7, 2**31 - 1)
NUMBERS = (*range(200), *range(990, 1010), *range(1990, 2010), 4999)


# --- derived seeds -------------------------------------------------------------------------------
def test_no_two_purposes_seeds_or_numbers_meet() -> None:
    derived = [seed_of(s, p, n) for s in SEEDS for p in Purpose for n in NUMBERS]
    assert len(set(derived)) == len(derived) == len(SEEDS) * len(Purpose) * len(NUMBERS)
    # All above any seed of the command line, within a signed integer of 64 bits.
    assert 2**62 <= min(derived) <= max(derived) < 2**63


def test_lists_of_numbers_never_read_alike() -> None:
    lists = ((), (0,), (0, 0), (1,), (0, 1), (1, 0), (1, 0, 0), (2**32 - 1,), (1, 2**32 - 1))
    assert len({seed_of(s, Purpose.CHAIN_SCENES, *n) for s in (0, 1) for n in lists}) == 2 * len(lists)


def test_generators_of_two_purposes_draw_otherwise_and_each_the_same_again() -> None:
    first = {(s, p, n): rng_of(s, p, n).integers(2**63) for s in SEEDS for p in Purpose for n in (0, 1)}
    assert len(set(first.values())) == len(first)
    assert all(rng_of(*key).integers(2**63) == value for key, value in first.items())


@pytest.mark.parametrize(
    ("seed", "purpose", "numbers", "value"),
    [
        (0, Purpose.TRAINING_CHOICES, (0,), 6928096330474786557),
        (2**31 - 1, Purpose.TRAINING_SCENES, (123456,), 8285898546209069799),
        (5, Purpose.POLICY_NETWORK, (), 7464529689185158777),
        (1, Purpose.MEASURING_SCENES, (7,), 5847475944080139232),
        (1, Purpose.NAMING_SPLIT_C, (0,), 6678889735614471399),
        (3, Purpose.CLIP_SCENES, (2,), 4881528637143707567),
        (0, Purpose.PLANNING_SCENES, (3,), 8879771639737623824),
        (7, Purpose.CHAIN_SCENES, (199, 1), 5156409126911977743),
        (0, Purpose.PERTURBING_SCENES, (9,), 5303110205923763828),
        (2**63 - 1, Purpose.REPLAY, (), 5805934383227482017),
    ],
)
def test_derived_seeds_stay_what_they_are(seed: int, purpose: Purpose, numbers: tuple[int, ...], value: int) -> None:
    assert seed_of(seed, purpose, *numbers) == value


def test_purposes_are_numbered_without_gaps_so_that_none_was_taken_out() -> None:
    assert [int(p) for p in Purpose] == list(range(1, len(Purpose) + 1))
    assert Purpose.REPLAY == 44


def test_numpys_whole_numbers_are_whole_numbers() -> None:
    assert seed_of(np.int64(3), Purpose.GOALS, np.int32(4)) == seed_of(3, Purpose.GOALS, 4)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1"])
def test_other_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(TabletopError, match=r"a seed must be a whole number from 0 to 2\*\*63 - 1, got"):
        seed_of(seed, Purpose.GOALS)


@pytest.mark.parametrize("number", [-1, 2**32, 0.5])
def test_other_numbers_are_refused(number: Any) -> None:
    with pytest.raises(TabletopError, match=r"a number of GOALS must be a whole number from 0 to 2\*\*32 - 1, got"):
        rng_of(0, Purpose.GOALS, number)


# --- documented seeds ----------------------------------------------------------------------------
def digest(scene: Scene) -> str:
    """Return digits of a written scene's SHA-256, its floats to 9 decimals: libraries of sines differ in the last."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [rounded(v) for v in value]
        return round(value, 9) if isinstance(value, float) else value

    return hashlib.sha256(json.dumps(rounded(parse_yaml(scene_text(scene), "scene"))).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("card", "seed", "inventory", "expected"),
    [
        ("planning", 5, None, "8f9e110b7c5bb78c"),
        ("planning", [5, 6000003, 0], None, "4498ddc7cba6aead"),
        ("planning", 5, 7, "ebf241d273c77e77"),
        ("planning", 2**40, None, "3492ee9f5893bd86"),
        ("workshop", 5, None, "5cf555811f967e5a"),
        ("workshop", [5, 6000003, 0], None, "ba8c866aa502d7d6"),
        ("push", 5, None, "5e0dca8495209b2f"),
    ],
)
def test_a_number_draws_the_scene_that_it_always_drew(
    card: str, seed: int | list[int], inventory: int | None, expected: str
) -> None:
    found = load_registry()[card].scene if card == "push" else load_scene_card(card)
    assert digest(generate(found, seed, inventory_seed=inventory)) == expected


def test_an_episodes_numbers_are_what_they_always_were() -> None:
    drawn = [int(rng.integers(2**63)) for rng in episode_rngs(5)]
    assert drawn == [7424841456459477716, 7140773188076526696]


def test_an_evaluation_runs_on_the_scene_of_its_number() -> None:
    task = load_registry()["reach"]
    run = run_task(task, nothing, 7, horizon=1)
    assert (run.scene, run.seed) == (generate(task.scene, 7), 7)


def test_a_given_goal_is_planned_for_in_the_scene_that_tabletop_scene_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["scene", "--card", "planning", "--seed", "1", "--out", "drawn"]) == 0
    seen: list[Scene] = []

    def watch(_engine: object, _operators: object, scenes: list[Scene], *_rest: object) -> None:
        seen.extend(scenes)
        raise TabletopError("seen")

    monkeypatch.setattr("tabletop.api.stages.run_goals", watch)
    arguments = ["plan", "toy", "--policy", "scripted", "--seed", "1", "--workers", "0"]
    assert main([*arguments, "--goal", "moved(red, left, 10 cm)"]) == 2
    assert seen == [load_scene(tmp_path / "drawn" / "scene.yaml")]
    # Sampled goals stand in scenes of their own.
    assert main([*arguments, "--goals", "2", "--literals", "1"]) == 2
    assert len(seen) == 3
    assert len({s.seed for s in seen}) == 3


def test_scenes_of_sampled_goals_never_come_again_under_another_seed() -> None:
    drawn = [draw_goals(seed, 2, [1], scripted_operators, SCRIPTED_VOCABULARY)[0] for seed in (0, 1)]
    assert len({s.seed for scenes in drawn for s in scenes}) == 4


# --- one place -----------------------------------------------------------------------------------
def derivations(text: str) -> list[str]:
    """Return where a module makes seeds of its own: a generator of several numbers, or a seed times something."""
    several = (ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp, ast.BinOp)
    nodes = list(ast.walk(ast.parse(text)))
    calls = [n for n in nodes if isinstance(n, ast.Call) and named(n.func, "default_rng", "SeedSequence")]
    products = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)]
    found = [n for n in calls if any(isinstance(a, several) for a in n.args)]
    return [ast.unparse(n) for n in [*found, *(n for n in products if named(n.left, "seed") or named(n.right, "seed"))]]


def named(node: ast.expr, *names: str) -> bool:
    """Return whether an expression ends in one of these names, such as `settings.seed` in "seed"."""
    return ast.unparse(node).rsplit(".", 1)[-1] in names


@pytest.mark.parametrize(
    "line", ["np.random.default_rng([seed, 11])", "default_rng(seed + 1)", "1000 * s.seed + i", "SeedSequence((1, 2))"]
)
def test_a_seed_that_is_made_by_hand_is_found(line: str) -> None:
    assert len(derivations(line)) == 1
    assert not derivations("np.random.default_rng(seed)\ngenerate(card, seed + i)")


@pytest.mark.parametrize("folder", ["tabletop", "benchmarks", "examples"])
def test_no_other_module_derives_seeds(folder: str) -> None:
    read = {p: derivations(p.read_text(encoding="utf-8")) for p in (ROOT / folder).rglob("*.py")}
    assert read
    assert {str(p): found for p, found in read.items() if found and p != ROOT / "tabletop" / "seeds.py"} == {}
