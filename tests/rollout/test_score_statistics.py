"""Interquartile mean and the stratified bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.rollout.statistics import Statistic, iqm, mean, sign_flips, stratified_interval


def trim_mean(scores: list[float]) -> float:
    """scipy.stats.trim_mean(scores, 0.25), which rliable's aggregate_iqm calls, spelled out."""
    cut = int(0.25 * len(scores))
    kept = sorted(scores)[cut : len(scores) - cut]
    return sum(kept) / len(kept)


def test_iqm_of_eight_is_the_mean_of_the_middle_four() -> None:
    assert iqm([100.0, 1, 2, 3, 4, 5, 6, -50]) == pytest.approx((2 + 3 + 4 + 5) / 4)


@pytest.mark.parametrize("n", range(1, 14))
def test_iqm_is_rliables_trimmed_mean(n: int) -> None:
    scores = np.random.default_rng(n).normal(size=n)
    assert iqm(scores) == pytest.approx(trim_mean(scores.tolist()))


def test_iqm_keeps_leading_axes() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 2, 9))
    assert iqm(scores).shape == (3, 2)
    assert iqm(scores)[1, 1] == pytest.approx(iqm(scores[1, 1]))


@pytest.mark.parametrize("nothing", [[], 3.0])
def test_iqm_of_nothing_is_refused(nothing: object) -> None:
    with pytest.raises(TabletopError, match="list of scores"):
        iqm(nothing)  # type: ignore[arg-type]


def test_bootstrap_interval_of_a_mean_is_the_normal_one() -> None:
    scores = np.random.default_rng(1).normal(2.0, 3.0, size=400)
    low, high = stratified_interval([scores], resamples=8000)
    half = 1.96 * scores.std() / np.sqrt(400)
    assert low == pytest.approx(scores.mean() - half, abs=0.03)
    assert high == pytest.approx(scores.mean() + half, abs=0.03)


def test_strata_are_resampled_by_themselves() -> None:
    # All the spread is between the strata: resampling within them must show none.
    assert stratified_interval([[0.0] * 5, [1.0] * 15]) == (0.75, 0.75)
    assert stratified_interval([[0.0] * 5 + [1.0] * 15])[0] < 0.7


def test_confidence_widens_and_statistic_is_used() -> None:
    scores = [np.random.default_rng(2).exponential(size=60)]
    narrow, wide = (stratified_interval(scores, mean, confidence=c) for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    low, high = stratified_interval(scores, iqm)
    assert low < float(iqm(scores[0])) < high < float(mean(scores[0])) + 0.2


def test_the_seed_decides_the_draws() -> None:
    scores = [np.random.default_rng(3).normal(size=20)]
    assert stratified_interval(scores, seed=5) == stratified_interval(scores, seed=5)
    assert stratified_interval(scores, seed=5) != stratified_interval(scores, seed=6)


def test_bootstrap_errors_state_the_rule() -> None:
    for strata in ([], [[1.0], []]):
        with pytest.raises(TabletopError, match="every stratum"):
            stratified_interval(strata)
    with pytest.raises(TabletopError, match="resamples must be 1 or more"):
        stratified_interval([[1.0]], resamples=0)
    with pytest.raises(TabletopError, match="confidence between 0 and 1"):
        stratified_interval([[1.0]], confidence=1.0)


SCORES = (
    (0.537, 0.151, 0.246, 0.179, 0.214),
    (0.235, 0.115, 0.666, 0.41, 0.334),
    (0.598, 0.324, 0.383, 0.766, 0.381),
    (0.569, 0.984, 0.4, 0.693, 0.709),
    (0.596, 0.73, 0.761, 0.514, 0.486),
    (0.614, 1.116, 0.843, 1.005, 1.16),
    (1.289, 1.113, 1.018, 0.984, 0.919),
    (0.936, 1.044, 0.817, 1.08, 1.494),
)
"""Five runs of each of eight tasks."""


@pytest.mark.parametrize(
    ("tasks", "statistic", "point", "interval"),
    [
        (8, iqm, 0.6774, (0.60685, 0.74855)),
        (8, mean, 0.685325, (0.63295, 0.74010)),
        (1, iqm, 0.213, (0.16033, 0.44)),
        (1, mean, 0.2654, (0.1748, 0.4072)),
    ],
)
def test_points_and_intervals_are_those_of_rliable(
    tasks: int, statistic: Statistic, point: float, interval: tuple[float, float]
) -> None:
    """rliable 1.2.0: get_interval_estimates with reps=50000, aggregate_iqm and aggregate_mean, of these scores."""
    strata = SCORES[:tasks]
    assert float(statistic(np.concatenate(strata))) == pytest.approx(point, abs=1e-6)
    assert stratified_interval(strata, statistic, resamples=50_000) == pytest.approx(interval, abs=0.004)


def test_five_pairs_that_agree_have_the_least_chance_that_five_can() -> None:
    assert sign_flips([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 32)
    assert sign_flips([-1.0, -2.0, -3.0, -4.0, -5.0]) == pytest.approx(2 / 32)
    assert sign_flips([0.0] * 90 + [1.0] * 5) == pytest.approx(2 / 32)
    assert sign_flips([0.0, 0.0]) == 1.0
    # 1 + 2 - 3 = 0: no signs bring the sum nearer to 0.
    assert sign_flips([1.0, 2.0, -3.0]) == 1.0
    # |sum| >= 4 of 1, 2, 3 with signs: 6, 4, -4, -6 of eight.
    assert sign_flips([-1.0, 2.0, 3.0]) == pytest.approx(4 / 8)


def test_many_pairs_are_tested_by_draws_that_agree_with_all_signs() -> None:
    differences = np.random.default_rng(3).normal(0.3, 1.0, 14)
    assert sign_flips(differences, draws=4000) == pytest.approx(sign_flips(differences, draws=2**14), abs=0.03)
    assert sign_flips(np.ones(40)) < 1e-3


def test_no_pairs_are_no_test() -> None:
    with pytest.raises(TabletopError, match="needs differences"):
        sign_flips([])
