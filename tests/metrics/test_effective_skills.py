from __future__ import annotations

import numpy as np
import pytest

from tabletop.metrics.effective_skills import (
    MODES,
    Samples,
    SkillRun,
    coverage,
    effective_skills,
    measure,
    nominal_run,
    sample_effects,
)
from tabletop.rollout.engine import Engine
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import load_scene_card
from tabletop.sim.joints import handle_way
from tabletop.sim.scene import Entity
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, FACT, LEFT, REACH, TURN, get_effect
from tabletop.skills.library import Library
from tabletop.skills.scenes import attended_scene

SIGMA = 0.02
EACH = 40


def at(places: list[float], each: int = EACH) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and effects (along one axis of two) that sit at these places."""
    codes = np.repeat(np.arange(len(places)), each)
    return codes, np.stack([np.array(places)[codes], np.zeros(len(codes))], axis=1)


def two_gaussians(distance: float) -> float:
    """Return exp of the mutual information of one of two codes with its effect, a Gaussian of width 1 there."""
    x = np.linspace(-10, 10 + distance, 20001)
    p, q = (np.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi) for m in (0, distance))
    middle = (p + q) / 2
    nats = [(f * np.log(np.maximum(f, 1e-300) / middle)).sum() * (x[1] - x[0]) for f in (p, q)]
    return float(np.exp(np.mean(nats)))


def test_codes_that_never_meet_count_one_each() -> None:
    found, bits = effective_skills(*at([0.3 * i for i in range(8)]), SIGMA, 8, 0)
    assert 0.99 * 8 < found <= 8
    assert bits == pytest.approx(np.log2(found))


def test_codes_that_do_the_same_count_as_one() -> None:
    found, _ = effective_skills(*at([0.1] * 5), SIGMA, 5, 0)
    assert 1.0 <= found < 1.05


def test_two_of_four_that_do_the_same_cost_half_a_bit() -> None:
    # H(Z) = log 4, H(Z|E) = 1/2 log 2, so exp(I) = 4 / sqrt 2.
    found, _ = effective_skills(*at([0.0, 0.0, 0.4, 0.8]), SIGMA, 4, 0)
    assert found == pytest.approx(4 / np.sqrt(2), rel=0.05)


def test_codes_apart_by_about_the_noise_count_by_their_mutual_information() -> None:
    assert 1.0 < two_gaussians(1.5) < 1.5 < two_gaussians(4) < 2.0
    found, _ = effective_skills(*at([0.0, 1.5 * SIGMA], 200), SIGMA, 2, 0)
    assert found == pytest.approx(two_gaussians(1.5), rel=0.05)


def test_what_is_memorised_does_not_count() -> None:
    codes = np.repeat(np.arange(6), 20)
    effects = np.random.default_rng(0).uniform(-0.3, 0.3, (120, 4))
    found, _ = effective_skills(codes, effects, SIGMA, 6, 0)
    assert found == 1.0


def test_failures_cost_what_they_tell_too_little() -> None:
    # Of 4 codes, each does another's effect in a quarter of its episodes: I = log 4 - H(1/4, 3/4).
    codes, effects = at([0.0, 0.4, 0.8, 1.2], 80)
    for c in range(4):
        effects[80 * c : 80 * c + 20, 0] = 0.4 * ((c + 1) % 4)
    information = np.log(4) + 0.25 * np.log(0.25) + 0.75 * np.log(0.75)
    assert effective_skills(codes, effects, SIGMA, 4, 0)[0] == pytest.approx(np.exp(information), rel=0.05)


def test_the_number_is_the_same_each_time() -> None:
    data = at([0.0, 0.03, 0.05])
    assert effective_skills(*data, SIGMA, 3, 4) == effective_skills(*data, SIGMA, 3, 4)


def test_coverage_counts_the_5_cm_bins_that_displacements_fall_into() -> None:
    effects = np.zeros((6, EFFECT_WIDTH))
    effects[:, 0] = [0.0, 0.024, 0.026, 0.05, -0.026, 0.0]
    effects[:, 3] = [0, 1, 2, 3, 4, 5]
    effects[5, 2] = 0.06
    assert coverage(list(effects)) == 4
    assert coverage(list(effects), size=1.0) == 1
    assert coverage([]) == coverage([np.ones(1)]) == 0


def test_effects_add_up_and_only_rigid_things_cover() -> None:
    codes = Codebook({"held_at": 3, "joint": 2})
    labels = np.repeat(np.arange(5), 20)
    effects = np.zeros((100, EFFECT_WIDTH))
    effects[:, 0] = np.array([0.0, 0.2, -0.3, 0.0, 0.6])[labels]
    outcomes = [np.array([0.1 * c, 0, 0, 0, 0, 0]) if c < 3 else np.array([0.5]) for c in labels]
    found = measure(Samples(codes, labels, effects, effects, outcomes), 0)
    assert found["effective_skills_2cm"] == pytest.approx(5, rel=0.05)
    assert found["bits_2cm"] == pytest.approx(np.log2(found["effective_skills_2cm"]), abs=1e-3)
    assert found["coverage_bins_5cm"] == 3
    assert [k["codes"] for k in found["by_effect"].values()] == [3, 2]
    assert found["by_effect"]["held_at"]["effective_2cm"] == pytest.approx(3, rel=0.05)


def counted(kind: str, fractions: list[float], size: tuple[float, float, float]) -> dict[str, float]:
    """Return what `measure` makes of a joint whose codes end exactly at these fractions."""
    codes, effects = at([f * REACH for f in fractions])
    effects = np.pad(effects, ((0, 0), (0, EFFECT_WIDTH - 2)))
    lengths = effects * get_effect("joint").metres(Entity("a", kind, (0, 0, 0), size=size))
    outcomes = [np.array([fractions[c]]) for c in codes]
    found: dict[str, float] = measure(
        Samples(Codebook({"joint": len(fractions)}), codes, effects, lengths, outcomes), 0
    )
    return found


DRAWER = (0.18, 0.2, 0.1)


def test_drawer_codes_a_centimetre_apart_count_fewer_at_2_cm_than_those_2_cm_apart() -> None:
    # A drawer opens by 13 cm.
    close = counted("drawer", [i * 0.01 / 0.13 for i in range(6)], DRAWER)["effective_skills_2cm"]
    wide = counted("drawer", [i * 0.02 / 0.13 for i in range(6)], DRAWER)["effective_skills_2cm"]
    assert 1.3 < close < wide < 4.0
    assert close < effective_skills(*at([0.01 * i for i in range(6)]), 0.01, 6, 0)[0]


def test_two_positions_of_a_drawer_count_as_two_places_on_the_table_do() -> None:
    table = effective_skills(*at([0.0, 0.03]), 0.02, 2, 0)[0]
    assert counted("drawer", [0.0, 0.03 / 0.13], DRAWER)["effective_skills_2cm"] == pytest.approx(table, rel=0.1)


def test_a_button_up_and_down_is_hardly_two_skills_at_5_cm() -> None:
    # It goes down by 22 mm.
    found = counted("button", [0.0, 1.0], (0.09, 0.09, 0.04))
    assert found["effective_skills_5cm"] < 1.1 < found["effective_skills_2cm"] < 1.4


def test_a_wide_door_has_more_room_for_skills_than_a_narrow_one() -> None:
    fractions = [0.2 * i for i in range(6)]
    narrow, wide = (counted("door", fractions, (0.1, d, 0.1))["effective_skills_2cm"] for d in (0.06, 0.3))
    assert narrow < 0.8 * wide


@pytest.mark.parametrize(
    ("name", "entity", "effect", "metres"),
    [
        ("displaced", "block", (0.1, -0.05, 0.0, TURN), (0.1, -0.05, 0.0, 0.05)),
        ("turned", "block", (REACH / np.pi, 0.05), (0.05, 0.05)),
        ("toppled", "can", (0.15, FACT), (np.pi / 2 * 0.1, FACT)),
        ("held_at", "block", (0.1, 0.2, 0.3), (0.1, 0.2, 0.15)),
        ("reached", "block", (0.1, 0.2, 0.3), (0.1, 0.2, 0.3)),
        ("joint", "drawer", (REACH,), (0.13,)),
        ("joint", "button", (REACH,), (0.022,)),
    ],
)
def test_an_effect_in_metres_of_the_world(
    name: str, entity: str, effect: tuple[float, ...], metres: tuple[float, ...]
) -> None:
    # The corner of a thing of 6 x 8 cm is 5 cm from its middle, and goes 5 cm when it turns by 1 rad.
    factors = get_effect(name).metres(Entity("a", entity, (0, 0, 0), size=(0.06, 0.08, 0.1)))
    assert effect * factors[: len(effect)] == pytest.approx(metres)


def test_every_joint_is_measured_by_the_way_of_its_handle() -> None:
    joints = {kind: card.joint for kind, card in load_cards().items() if card.joint is not None}
    assert len(joints) > 8
    for kind, joint in joints.items():
        size = tuple(float(np.mean(v)) if isinstance(v, tuple) else 0.1 for v in load_cards()[kind].size.values())
        factor = get_effect("joint").metres(Entity("a", kind, (0, 0, 0), size=size))[0]
        assert factor * REACH == pytest.approx(handle_way(joint, size))


@pytest.mark.parametrize(
    ("name", "kind"), [("held_at", None), ("joint", None), ("joint", "drawer"), ("joint", "button")]
)
def test_a_drawn_scene_has_the_entity_and_is_the_same_for_the_same_seeds(name: str, kind: str | None) -> None:
    card, effect = load_scene_card("discovery"), get_effect(name)
    scene, entity = attended_scene(card, effect, 31, 41, "nominal", kind=kind)
    assert (scene, entity) == attended_scene(card, effect, 31, 41, "nominal", kind=kind)
    found = scene.entity(entity).kind
    assert load_cards()[found].body_type == effect.body_type
    assert kind in {None, found}
    other, _ = attended_scene(card, effect, 32, 41, "nominal", kind=kind)
    assert other != scene
    assert {e.kind for e in other.entities} == {e.kind for e in scene.entities}


def test_held_out_episodes_are_the_same_each_time_and_their_scenes_do_not_tell_the_code(library: Library) -> None:
    first, again, other = (
        nominal_run(SkillRun(library, library.skill(s), 7, 0)) for s in ("drawer-01", "drawer-01", "drawer-02")
    )
    assert np.array_equal(first.trajectory.states, again.trajectory.states)
    assert (first.effect, first.entity) == (again.effect, again.entity)
    assert first.trajectory.scene == other.trajectory.scene
    assert first.entity == other.entity
    assert not np.array_equal(first.trajectory.actions, other.trajectory.actions)


def test_the_floors_drive_the_same_scenes_by_something_else(library: Library) -> None:
    skill = library.skill("button-00")
    runs = {m: nominal_run(SkillRun(library, skill, 1, 0, m)) for m in MODES}
    assert runs["exploration"].trajectory.scene == runs["skill"].trajectory.scene
    assert not np.array_equal(runs["exploration"].trajectory.actions, runs["skill"].trajectory.actions)
    assert {r.code for r in runs.values()} == {skill.code}


def test_samples_are_by_skill_in_order(library: Library) -> None:
    with Engine(workers=0) as engine:
        samples = sample_effects(library, engine, 2, 0)
    labels, effects, outcomes = samples.labels, samples.effects, samples.outcomes
    # A joint's three codes are skills for drawers and for buttons.
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
    assert samples.owners.tolist() == np.repeat(np.arange(8), 2).tolist()
    assert effects.shape == (16, EFFECT_WIDTH)
    assert not effects[4:, 1:LEFT].any()
    assert [len(o) for o in outcomes] == [6] * 4 + [1] * 12
    fractions = np.clip([o[0] for o in outcomes[4:]], 0.0, 1.0)
    assert effects[4:, 0] == pytest.approx(fractions * REACH)
    assert samples.lengths.shape == effects.shape
    assert samples.lengths[:4] == pytest.approx(effects[:4] * [1, 1, 0.5, 1, 1, 1])
    ways = [0.13 if library.skills[i].kind == "drawer" else 0.022 for i in samples.owners[4:]]
    assert samples.lengths[4:, 0] == pytest.approx(fractions * ways)


def test_the_first_episodes_are_the_same_however_many_there_are(library: Library) -> None:
    with Engine(workers=0) as engine:
        few, more = (sample_effects(library, engine, n, 0) for n in (1, 2))
    assert np.array_equal(more.effects[::2], few.effects)
    assert not np.array_equal(more.effects[1::2], few.effects)
