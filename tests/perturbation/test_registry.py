"""Families by name and perturbations as values."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.perturbation import FAMILIES, Perturbation, get_family, on_episode, on_scene, select_families
from tabletop.perturbation.registry import Case
from tabletop.rollout.episode import Hooks
from tabletop.sim.scene import Entity, Scene

BLOCK = Entity("block", "block", (0.5, 0.0, 0.025))
DRAWER = Entity("drawer", "drawer", (0.68, 0.1, 0.0), size=(0.18, 0.2, 0.1))
TARGET = Entity("target", "target", (0.4, 0.1, 0.0))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_five_magnitudes_from_zero_and_says_what_it_does(name: str) -> None:
    family = get_family(name)
    assert len(family.magnitudes) == 5
    assert family.magnitudes[0] == 0
    assert list(family.magnitudes) == sorted(set(family.magnitudes))
    assert family.description.endswith(".")
    assert (family.episode is None) != (family.scene is None)


def test_an_unknown_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(TabletopError, match=r"unknown family of perturbations 'earthquake'; there are: .*push-arm"):
        Perturbation("earthquake", 1.0)


@pytest.mark.parametrize(
    ("family", "magnitude"),
    [("mass", -0.5), ("push-arm", math.nan), ("push-arm", math.inf), ("friction", 1.5), ("tilt", 90.0)],
)
def test_a_bad_magnitude_is_refused_with_the_rule_and_the_usual_ones(family: str, magnitude: float) -> None:
    with pytest.raises(TabletopError, match=rf"magnitude of {family} must be .* got .*; usual are: 0, "):
        Perturbation(family, magnitude)


def test_selecting_keeps_the_registrys_order_and_drops_repetitions() -> None:
    assert select_families("mass, push-arm,mass") == ("push-arm", "mass")
    assert select_families("all") == tuple(FAMILIES)
    with pytest.raises(TabletopError, match=r"'' *; there are: .*all"):
        select_families("")


def test_a_family_is_one_decorated_function_and_its_name_is_taken_once() -> None:
    def push_arm(magnitude: float, case: Case) -> Hooks:
        return Hooks()

    register = on_episode(unit="N", magnitudes=(0, 1), description="Again.")
    with pytest.raises(TabletopError, match="name of its own, got 'push-arm' twice"):
        register(push_arm)

    def lighter_still(magnitude: float, scene: Scene) -> Scene:
        return scene

    for magnitudes in ((1.0, 2.0), (0.0, 2.0, 1.0), (0.0,)):
        with pytest.raises(TabletopError, match="lighter-still must rise from 0"):
            on_scene(unit="", magnitudes=magnitudes, description="Not rising.")(lighter_still)
    assert "lighter-still" not in FAMILIES
    try:
        on_scene(unit="", magnitudes=(0, 1), description="Nothing.")(lighter_still)
        assert Perturbation("lighter-still", 1.0).scene(Scene()) == Scene()
    finally:
        del FAMILIES["lighter-still"]


def test_a_perturbation_pickles() -> None:
    one = Perturbation("push-arm", 100.0, "block", 20)
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize(
    ("entities", "wanted", "got"),
    [
        ((DRAWER, BLOCK), None, "block"),
        ((DRAWER, BLOCK), "drawer", "drawer"),
        ((TARGET, DRAWER), "target", "drawer"),
        ((TARGET,), None, None),
    ],
)
def test_the_entity_is_the_wanted_one_or_the_first_that_moves(
    monkeypatch: pytest.MonkeyPatch, entities: tuple[Entity, ...], wanted: str | None, got: str | None
) -> None:
    cases = []

    def spy(magnitude: float, case: Case) -> Hooks:
        cases.append(case)
        return Hooks()

    monkeypatch.setitem(FAMILIES, "spy", _copy("push-object", "spy", spy))
    Perturbation("spy", 1.0, wanted).hooks(Scene(entities), 10, np.random.default_rng(0))
    assert cases[0].entity == got


def test_an_entity_that_is_not_there_is_refused() -> None:
    with pytest.raises(TabletopError, match="unknown entity 'sphinx'; there are: block"):
        Perturbation("push-object", 1.0, "sphinx").hooks(Scene((BLOCK,)), 10, np.random.default_rng(0))


def test_moments_lie_between_a_fifth_and_seven_tenths_of_the_episode() -> None:
    case = Case(Scene(), None, 100, np.random.default_rng(0))
    moments = [case.moment() for _ in range(500)]
    assert min(moments) in range(20, 23)
    assert max(moments) in range(67, 70)
    assert np.hypot(*case.heading()) == pytest.approx(1.0)


def _copy(name: str, new: str, function: object) -> object:
    from dataclasses import replace

    return replace(FAMILIES[name], name=new, episode=function)
