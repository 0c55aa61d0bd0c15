from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tabletop.discovery.discriminator import Discriminator, balance, farthest
from tabletop.errors import TabletopError
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import DESCRIPTOR_WIDTH, DISTURBED, EFFECT_WIDTH, REACH, get_effect

CODES = Codebook({"held_at": 3, "joint": 2})


def trained(seed: int = 0, spread: float = 0.3) -> Discriminator:
    q = Discriminator(CODES, 0.05)
    q.means = np.random.default_rng(seed).normal(0, spread, q.means.shape) * CODES.asks[CODES.effect_of]
    return q


@settings(max_examples=50, deadline=None)
@given(
    effects=arrays(np.float64, (6, EFFECT_WIDTH), elements=st.floats(-2, 2)),
    effect_indices=st.lists(st.integers(0, 1), min_size=6, max_size=6),
    spread=st.sampled_from([0.0, 0.01, 1.0]),
)
def test_log_q_is_a_distribution_over_the_codes_of_the_effect(
    effects: np.ndarray, effect_indices: list[int], spread: float
) -> None:
    log_q = trained(spread=spread).log_q(effects, np.array(effect_indices))
    outside = ~CODES.member[effect_indices]
    assert (log_q[outside] == -np.inf).all()
    assert np.isfinite(log_q[~outside]).all()
    assert np.exp(log_q).sum(-1) == pytest.approx(np.ones(6))


def test_log_q_is_greatest_for_the_code_whose_mean_is_nearest() -> None:
    q = trained()
    log_q = q.log_q(q.means + 0.01, CODES.effect_of)
    assert log_q.argmax(-1).tolist() == list(range(CODES.total))


def test_a_bell_falls_by_a_nat_a_slope_from_afar_and_by_as_much_for_each_doubling_from_near() -> None:
    q = Discriminator(Codebook({"held_at": 2}), 0.01, tail=0.5, slope=0.03)
    far = q.log_bell(np.square([0.5, 0.8]))
    assert far[0] - far[1] == pytest.approx(0.3 / 0.03 + np.log(0.8 / 0.5), rel=0.01)
    only = Discriminator(Codebook({"held_at": 2}), 0.01, tail=1.5, slope=1e9)
    halved = np.square([0.8, 0.4, 0.2, 0.1])
    assert np.diff(only.log_bell(halved)) == pytest.approx(np.full(3, 2 * 1.5 * np.log(2)), rel=0.02)
    assert q.log_bell(np.zeros(1)) == pytest.approx([0.0])
    assert q.log_bell(np.square([0.01])) == pytest.approx([(1 - 2**0.5) / 3 - 0.5 * np.log(2)])


@pytest.mark.parametrize(("off", "share"), [(0.0, 1.0), (0.05, 0.5), (0.5, 1 / 101)])
def test_what_is_to_be_0_counts_near_the_mean_and_hardly_far_away(off: float, share: float) -> None:
    q = Discriminator(Codebook({"held_at": 2}), 0.01, near=0.05)
    q.means[:, 0] = [0.0, 9.0]
    q.reject_weight[:] = 1.0
    end = np.zeros((1, EFFECT_WIDTH))
    end[0, 0], end[0, DISTURBED] = off, 0.03
    bell = q.log_bell(np.square([off])) + share * q.log_bell(np.square([0.03]))
    assert q.log_q_of(end, np.zeros(1, np.intp)) == pytest.approx(bell - np.log(np.exp(bell) + np.exp(q.log_none)))


@pytest.mark.parametrize("spoilt", [0.0, 0.02, 0.07])
def test_nearer_is_worth_more_however_much_is_spoilt_on_the_way(spoilt: float) -> None:
    q = Discriminator(Codebook({"held_at": 2}), 0.01)
    q.means[:, 0] = [0.0, 9.0]
    q.reject_weight[:] = 1.0
    ends = np.zeros((60, EFFECT_WIDTH))
    ends[:, 0], ends[:, DISTURBED] = np.linspace(0.0, 0.3, 60), spoilt
    assert (np.diff(q.log_q_of(ends, np.zeros(60, np.intp))) < 0.0).all()


def test_none_of_them_makes_an_end_worth_more_the_nearer_it_is_and_bounds_what_the_outermost_earn() -> None:
    q = Discriminator(Codebook({"held_at": 2}), 0.01, reject_radius=0.03)
    q.means[:, 0] = [-0.2, 0.2]
    ends = np.zeros((3, EFFECT_WIDTH))
    ends[:, 0] = [0.2, 0.24, 0.6]
    ones = np.ones(3, np.intp)
    bells = np.exp(q.log_bell(np.array([[0.4, 0.44, 0.8], [0.0, 0.04, 0.4]]) ** 2))
    loose = bells[1] / bells.sum(0)
    assert np.exp(q.log_q_of(ends, ones)) == pytest.approx(loose)
    assert loose.min() > 0.7, "who it is, is all that counts"
    q.reject_weight[:] = 1.0
    none = np.exp(q.log_bell(np.array(0.03**2)))
    assert np.exp(q.log_q_of(ends, ones)) == pytest.approx(bells[1] / (bells.sum(0) + none))
    assert np.exp(q.log_q(ends, np.zeros(3, np.intp))[:, 1]) == pytest.approx(loose), "who it is stays the same"


def test_far_from_all_codes_log_q_is_finite_with_and_without_none_of_them() -> None:
    q = trained()
    ends = np.full((2, EFFECT_WIDTH), 40.0)
    assert np.isfinite(q.log_q(ends, np.array([0, 1]))[CODES.member]).all()
    q.reject_weight[:] = 1.0
    assert np.isfinite(q.log_q_of(ends, np.array([0, 3]))).all()


def test_a_target_of_its_own_takes_the_place_of_its_codes_mean() -> None:
    q = trained()
    q.reject_weight[:] = 0.5
    rng = np.random.default_rng(1)
    codes = np.array([0, 1, 2, 3, 4, 4, 1])
    asks = CODES.asks[CODES.effect_of[codes]]
    ends = rng.normal(0.0, 0.3, (len(codes), EFFECT_WIDTH)) * np.where(asks, 1.0, 0.05)
    by_means = q.log_q_of(ends, codes)
    assert q.log_q_of(ends, codes, q.means[codes]) == pytest.approx(by_means)
    reached = q.log_q_of(ends, codes, ends * asks)
    assert (reached > by_means).all(), "what is asked for is what was reached"
    away = ends + rng.normal(0.0, 0.02, ends.shape)
    assert (q.log_q_of(ends, codes, away) < reached).all()


def test_a_target_is_worth_what_its_distance_is_among_the_bells_of_all_other_codes() -> None:
    q = Discriminator(Codebook({"held_at": 2}), 0.02)
    q.means[:, 0] = [-0.2, 0.2]
    ends, targets = np.zeros((2, EFFECT_WIDTH)), np.zeros((2, EFFECT_WIDTH))
    ends[:, 0], targets[:, 0] = 0.18, [0.16, 0.18]
    own, other = np.exp(q.log_bell(np.square([0.02, 0.0]))), np.exp(q.log_bell(np.square(0.02)))
    found = np.exp(q.log_q_of(ends, np.zeros(2, np.intp), targets))
    assert found == pytest.approx(own / (own + other))


def test_a_fit_moves_means_to_the_weighted_mean_of_their_effects() -> None:
    q = Discriminator(CODES, 0.05, rate=1.0)
    effects = np.zeros((4, EFFECT_WIDTH))
    effects[:, 0] = [0.1, 0.3, -0.2, 9.0]
    q.fit(effects, np.array([0, 0, 3, 1]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert q.means[:, 0] == pytest.approx([0.15, 0, 0, -0.2, REACH]), "the last is a joint's anchor: open"
    assert not q.means[:, 1:].any()


def test_a_fit_goes_its_rate_of_the_way_and_gets_there() -> None:
    q = Discriminator(CODES, 0.05, rate=0.25)
    effect = np.full((1, EFFECT_WIDTH), 0.4)
    q.fit(effect, np.array([2]), np.ones(1))
    assert q.means[2, :3] == pytest.approx(np.full(3, 0.1))
    for _ in range(60):
        q.fit(effect, np.array([2]), np.ones(1))
    assert q.means[2, :3] == pytest.approx(effect[0, :3])
    assert not q.means[2, 3:].any(), "that the gripper is to leave, and to move nothing else, goes for all codes"


def test_the_loss_is_about_0_for_codes_apart_and_log_k_for_codes_alike() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 200)
    effect_indices = np.zeros(600, np.intp)
    apart, alike = Discriminator(CODES, 0.02), Discriminator(CODES, 0.02)
    apart.means[:3, 0] = [-2, 0, 2]
    assert apart.loss(apart.means[labels], effect_indices, labels, rng) < 0.01
    assert alike.loss(alike.means[labels], effect_indices, labels, rng) == pytest.approx(np.log(3))


def test_state_dict_brings_everything_back_as_a_copy() -> None:
    one, two = trained(), Discriminator(CODES, 1.0)
    state = one.state_dict()
    two.load_state_dict(state)
    assert np.array_equal(two.means, one.means)
    two.means += 1.0
    assert not np.array_equal(two.means, one.means)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), n=st.integers(1, 12), k=st.integers(1, 5))
def test_balance_gives_each_code_the_same_share_of_the_weight(data: st.DataObject, n: int, k: int) -> None:
    log_q = data.draw(arrays(np.float64, (n, k), elements=st.floats(-3, 0)))
    weights = data.draw(arrays(np.float64, (n,), elements=st.floats(0.1, 5)))
    p = balance(log_q, weights, iterations=300)
    assert p.sum(1) == pytest.approx(np.ones(n))
    assert weights @ p == pytest.approx(np.full(k, weights.sum() / k), rel=1e-3)


def test_balance_serves_a_code_that_no_row_likes_and_takes_log_of_0() -> None:
    log_q = np.log(np.array([[0.9, 0.1, 1e-9], [0.8, 0.2, 1e-9], [0.9, 0.1, 1e-9]]))
    log_q[2, 1] = -np.inf
    p = balance(log_q, np.ones(3), iterations=200)
    assert p.sum(0) == pytest.approx(np.ones(3), rel=0.05)


def test_balance_with_the_iterations_of_learning_is_near_that() -> None:
    log_q = np.log(np.random.default_rng(0).dirichlet(np.ones(8), 200))
    assert balance(log_q, np.ones(200)).sum(0) == pytest.approx(np.full(8, 25.0), rel=0.05)


def test_farthest_takes_one_of_each_cluster_and_only_what_is_there() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    effects = np.repeat(centres, 25, axis=0) + rng.normal(0, 0.1, (100, 2))
    chosen = farthest(effects, 4, rng)
    assert sorted(map(tuple, np.round(chosen / 10).astype(int).tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all((effects == c).all(-1).any() for c in chosen)


def test_farthest_keeps_away_from_what_is_taken() -> None:
    effects = np.array([[0.0], [1.0], [5.0]])
    rng = np.random.default_rng(0)
    assert farthest(effects, 1, rng, start=np.array([[5.1]])).tolist() == [[0.0]]
    assert farthest(effects, 2, rng, start=np.array([[5.1], [0.1]])).tolist() == [[1.0], [0.0]]


def test_farthest_gives_as_many_as_asked_for_of_fewer() -> None:
    assert farthest(np.array([[2.0]]), 3, np.random.default_rng(0)).tolist() == [[2.0]] * 3


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "at least one effect"),
        ({"held_at": 1}, "held_at needs at least 2 codes.*got 1"),
        ({"fly": 3}, "unknown effect"),
    ],
)
def test_a_set_of_codes_that_cannot_be_told_apart_is_refused(counts: dict[str, int], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        Codebook(counts)


def test_codes_are_numbered_through_the_effects_and_named_within_them() -> None:
    assert CODES.total == 5
    assert CODES.effect_of.tolist() == [0, 0, 0, 1, 1]
    assert CODES.codes_of(1).tolist() == [3, 4]
    assert [CODES.name(c) for c in range(5)] == ["held_at-00", "held_at-01", "held_at-02", "joint-00", "joint-01"]
    assert CODES.name(4, "drawer") == "drawer-01", "a joint's code has the name of the kind that it serves"
    assert CODES.member.sum(1).tolist() == [3, 2]


def test_what_policies_are_told_of_each_effect_is_that_of_the_effect() -> None:
    assert CODES.descriptors.shape == (2, DESCRIPTOR_WIDTH)
    assert CODES.descriptors.tolist() == [get_effect(n).descriptor.tolist() for n in ("held_at", "joint")]


def test_codes_that_are_passed_over_are_not_drawn_unless_there_is_no_other() -> None:
    rng = np.random.default_rng(0)

    def drawn(*passed: int) -> set[int]:
        mask = np.zeros(CODES.total, bool)
        mask[list(passed)] = True
        return {CODES.draw(0, rng, True, mask) for _ in range(60)}

    assert drawn() == {0, 1, 2}
    assert drawn(1) == {0, 2}
    assert drawn(0, 2) == {1}
    assert drawn(0, 1, 2) == {0, 1, 2}
    assert drawn(3, 4) == {0, 1, 2}
