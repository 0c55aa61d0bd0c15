from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop.errors import TabletopError
from tabletop.metrics.information import (
    BIT,
    capacity,
    entropy,
    gaussian_entropy,
    gaussian_kl,
    kl,
    mutual_information,
    sample_entropy,
)


def binary(e: float) -> float:
    """Return the entropy of a coin in bits."""
    return float(entropy([e, 1 - e])) / BIT


@st.composite
def channels(draw: st.DrawFn) -> np.ndarray:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    raw = [[draw(st.floats(0, 1)) for _ in range(columns)] for _ in range(rows)]
    array = np.array(raw) + np.eye(rows, columns) * 1e-3 + 1e-6
    return array / array.sum(1, keepdims=True)


# --- entropy ----------------------------------------------------------------------------------


def test_entropy_of_equal_chances_is_the_log_of_their_number() -> None:
    assert entropy(np.full(8, 1 / 8)) / BIT == pytest.approx(3)
    assert entropy([0.0, 1.0, 0.0]) == 0
    assert entropy([[0.5, 0.5], [1.0, 0.0]]) == pytest.approx([np.log(2), 0])


def test_entropy_of_a_geometric_distribution() -> None:
    # H = 2 bits at p = 1/2 (Cover & Thomas, problem 2.1).
    p = 0.5 ** np.arange(1, 60)
    assert entropy(np.append(p, 1 - p.sum())) / BIT == pytest.approx(2)


def test_entropy_of_a_gaussian_is_that_of_its_axes() -> None:
    one = 0.5 * np.log(2 * np.pi * np.e)
    assert gaussian_entropy(np.eye(3)) == pytest.approx(3 * one)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert gaussian_entropy(turn @ np.diag([4.0, 9.0]) @ turn.T) == pytest.approx(2 * one + np.log(2 * 3))


@pytest.mark.parametrize("d", [1, 3])
def test_entropy_of_samples_nears_that_of_the_gaussian_they_are_from(d: int) -> None:
    points = np.random.default_rng(0).normal(0, 0.3, (4000, d))
    assert sample_entropy(points) == pytest.approx(gaussian_entropy(0.09 * np.eye(d)), abs=0.06)


def test_entropy_of_samples_of_a_box_is_the_log_of_its_volume() -> None:
    points = np.random.default_rng(1).uniform(0, 1, (4000, 2)) * [0.5, 0.2]
    assert sample_entropy(points) == pytest.approx(np.log(0.1), abs=0.06)


def test_entropy_of_samples_in_one_place_is_refused() -> None:
    with pytest.raises(TabletopError, match="no density"):
        sample_entropy(np.zeros((9, 2)))
    with pytest.raises(TabletopError, match="from 1 to one less than the 3 samples, got 4"):
        sample_entropy(np.eye(3))


# --- divergence -------------------------------------------------------------------------------


def test_divergence_is_none_from_itself_and_differs_both_ways() -> None:
    p, q = [0.5, 0.5], [0.9, 0.1]
    assert kl(p, p) == 0
    assert kl(p, q) == pytest.approx(0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1))
    assert kl(q, p) == pytest.approx(0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5))


def test_leaving_a_mode_out_is_infinitely_bad_one_way_only() -> None:
    both, left = [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]
    assert kl(both, left) == np.inf
    assert kl(left, both) == pytest.approx(np.log(2))


def test_the_best_gaussian_covers_both_modes_one_way_and_seeks_one_the_other_way() -> None:
    # p: bells of width 1 at -4 and 4. KL(p || q) is least at p's own moments, KL(q || p) on either bell.
    x = np.linspace(-14, 14, 1401)

    def bell(mean: float, width: float) -> np.ndarray:
        density = np.exp(-0.5 * ((x - mean) / width) ** 2) + 1e-300
        return density / density.sum()

    p = 0.5 * (bell(-4, 1) + bell(4, 1))
    grid = [(m, s) for m in np.arange(-5, 5.5, 0.5) for s in np.arange(0.5, 6, 0.25)]
    covering = min(grid, key=lambda g: float(kl(p, bell(*g))))
    seeking = min(grid, key=lambda g: float(kl(bell(*g), p)))
    assert covering == (0.0, pytest.approx(np.sqrt(1 + 16), abs=0.25))
    assert (abs(seeking[0]), seeking[1]) == (4.0, 1.0)


def test_divergence_of_gaussians_on_a_line() -> None:
    # log(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2
    expected = np.log(3 / 2) + (4 + 25) / 18 - 0.5
    assert gaussian_kl([1.0], [[4.0]], [6.0], [[9.0]]) == pytest.approx(expected)


def test_divergence_of_gaussians_matches_the_sum_over_a_grid() -> None:
    p, q = (np.array([0.2, -0.1]), np.array([[1.0, 0.3], [0.3, 0.5]])), (np.zeros(2), np.diag([2.0, 1.0]))
    axis = np.linspace(-12, 12, 601)
    at = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)

    def density(mean: np.ndarray, cov: np.ndarray) -> np.ndarray:
        away = at - mean
        out = np.exp(-0.5 * np.einsum("ni,ij,nj->n", away, np.linalg.inv(cov), away))
        return out / out.sum()

    assert gaussian_kl(*p, *q) == pytest.approx(kl(density(*p), density(*q)), rel=1e-6)
    assert gaussian_kl(*q, *p) == pytest.approx(kl(density(*q), density(*p)), rel=1e-6)
    both = gaussian_kl(np.stack([p[0], q[0]]), np.stack([p[1], q[1]]), *q)
    assert both == pytest.approx([gaussian_kl(*p, *q), 0])


# --- mutual information and capacity ----------------------------------------------------------


def test_mutual_information_is_none_if_independent_and_all_if_equal() -> None:
    assert mutual_information(np.outer([0.3, 0.7], [0.2, 0.5, 0.3])) == pytest.approx(0, abs=1e-12)
    assert mutual_information(np.diag([0.5, 0.25, 0.25])) / BIT == pytest.approx(1.5)
    # Cover & Thomas, example 2.2.1: I(X; Y) = 0.375 bits.
    joint = np.array([[4, 2, 1, 1], [2, 4, 1, 1], [2, 2, 2, 2], [8, 0, 0, 0]]) / 32
    assert mutual_information(joint) / BIT == pytest.approx(0.375)


def test_what_next_to_never_happens_tells_next_to_nothing() -> None:
    """The product of its marginals is less than the least number above 0."""
    assert mutual_information(np.diag([1.0, 1e-200])) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("e", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_capacity_of_the_binary_symmetric_channel(e: float) -> None:
    found, inputs = capacity([[1 - e, e], [e, 1 - e]], 1e-9)
    assert found / BIT == pytest.approx(1 - binary(e), abs=1e-8)
    assert inputs == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("e", [0.0, 0.2, 0.7, 1.0])
def test_capacity_of_the_binary_erasure_channel(e: float) -> None:
    assert capacity([[1 - e, e, 0], [0, e, 1 - e]], 1e-9)[0] / BIT == pytest.approx(1 - e, abs=1e-8)


@pytest.mark.parametrize("e", [0.0, 0.1, 0.5, 0.9])
def test_capacity_of_the_z_channel(e: float) -> None:
    expected = np.log2(1 + (1 - e) * e ** (e / (1 - e)))
    found, inputs = capacity([[1, 0], [e, 1 - e]], 1e-9)
    assert found / BIT == pytest.approx(expected, abs=1e-8)
    uniform = mutual_information(0.5 * np.array([[1, 0], [e, 1 - e]]))
    assert uniform <= found + 1e-9
    if e == 0.5:
        assert inputs == pytest.approx([0.6, 0.4], abs=1e-4)


def test_capacity_of_a_noisy_typewriter() -> None:
    # 26 keys, each prints itself or the next: log 13 (Cover & Thomas, section 7.1.3).
    letters = 0.5 * (np.eye(26) + np.roll(np.eye(26), 1, axis=1))
    assert capacity(letters)[0] == pytest.approx(np.log(13))


def test_an_input_that_only_confuses_is_not_used() -> None:
    found, inputs = capacity([[1, 0], [0, 1], [0.5, 0.5]])
    assert found == pytest.approx(np.log(2), abs=1e-4)
    assert inputs[2] < 1e-3


@settings(max_examples=60, deadline=None)
@given(channels())
def test_capacity_is_at_least_what_equal_inputs_carry_and_at_most_what_could_be(channel: np.ndarray) -> None:
    found, inputs = capacity(channel, 1e-3, 100_000)
    assert inputs.sum() == pytest.approx(1)
    assert found == pytest.approx(mutual_information(inputs[:, None] * channel), abs=1e-9)
    assert mutual_information(channel / len(channel)) - 1e-3 <= found <= np.log(min(channel.shape)) + 1e-9


@pytest.mark.parametrize("p", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], []])
def test_what_is_no_distribution_is_refused(p: list[float]) -> None:
    for refused in (lambda: entropy(p), lambda: kl(p, p), lambda: capacity([p]), lambda: mutual_information([p])):
        with pytest.raises(TabletopError, match="must be probabilities"):
            refused()


def test_a_flat_gaussian_and_a_capacity_that_needs_more_steps_are_refused() -> None:
    with pytest.raises(TabletopError, match="positive definite"):
        gaussian_entropy(np.zeros((2, 2)))
    with pytest.raises(TabletopError, match="not known to 1e-12 nats after 3 steps"):
        capacity([[1, 0], [0.5, 0.5]], 1e-12, 3)
