from __future__ import annotations

import numpy as np
import pytest

from tabletop.metrics.channel import channel, channels, siblings, synergies
from tabletop.metrics.effective_skills import Samples
from tabletop.metrics.information import BIT
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH


def at(places: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and effects along one axis: one list of places a code."""
    labels = np.repeat(np.arange(len(places)), [len(p) for p in places])
    return labels, np.concatenate([np.array(p) for p in places])[:, None]


def samples(places: list[list[float]], each: int = 0) -> Samples:
    labels, effects = at(places)
    wide = np.zeros((len(labels), EFFECT_WIDTH))
    wide[:, :1] = effects
    rng = np.random.default_rng(0)
    postures = [rng.normal(size=(each, 7)).astype(np.float32) for _ in labels] if each else []
    return Samples(Codebook({"joint": len(places)}), labels, wide, wide, [np.ones(1)] * len(labels), postures)


def test_codes_with_a_bin_of_their_own_carry_all_there_is_to_tell() -> None:
    found = channel(*at([[0.1 * i] * 40 for i in range(8)]), seed=0)
    assert (found.codes, found.bins) == (8, 8)
    assert (found.entropy_bits, found.noise_bits) == pytest.approx((3, 0))
    assert (found.information_bits, found.empowerment_bits) == pytest.approx((3, 3))
    assert found.codes_in_use == pytest.approx(8)
    assert found.chance_bits < 0.5


def test_codes_that_do_the_same_carry_what_chance_does() -> None:
    found = channel(*at([[0.0, 0.1, 0.2, 0.3] * 10] * 5), seed=0)
    assert (found.entropy_bits, found.noise_bits) == pytest.approx((2, 2))
    assert (found.information_bits, found.empowerment_bits) == pytest.approx((0, 0))
    assert 0 < found.chance_bits < 0.3


def test_bins_are_centred_on_no_effect_at_all() -> None:
    assert channel(*at([[-0.024, 0.0, 0.024], [0.026, 0.05, 0.074]]), seed=0).bins == 2


def test_a_code_that_tells_little_is_drawn_less_than_alike() -> None:
    # A Z channel: one code always ends at 0, the other at 0 in half of the cases. Capacity log2(5/4) = 0.3219 bits.
    found = channel(*at([[0.0] * 40, [0.0, 0.1] * 20]), seed=0)
    assert found.empowerment_bits == pytest.approx(np.log2(5 / 4), abs=2e-3)
    assert found.information_bits == pytest.approx(0.3113, abs=1e-3)
    assert 1.9 < found.codes_in_use < 2


def test_few_episodes_a_code_are_mostly_chance() -> None:
    labels = np.repeat(np.arange(20), 4)
    found = channel(labels, np.random.default_rng(0).uniform(-0.3, 0.3, (80, 3)), seed=0)
    assert found.empowerment_bits > 3
    assert found.chance_bits == pytest.approx(found.empowerment_bits, abs=0.3)


def test_each_effect_is_a_channel_of_its_own() -> None:
    codes = Codebook({"held_at": 2, "joint": 2})
    effects = np.zeros((80, EFFECT_WIDTH))
    effects[:, 0] = np.repeat([0.0, 0.2, 0.0, 0.0], 20)
    effects[:, 3] = np.repeat([0.0, 0.0, 0.0, 9.0], 20)  # beyond a joint's one number
    found = channels(Samples(codes, np.repeat(np.arange(4), 20), effects, effects, []), 0)
    assert list(found) == ["held_at", "joint"]
    assert found["held_at"]["information_bits"] == 1.0
    assert found["joint"]["information_bits"] == 0.0


def test_siblings_are_as_far_as_gaussians_of_their_moments() -> None:
    # Both as wide as the noise alone: KL = (m1 - m2)^2 / (2 sigma^2), either way.
    found = siblings(samples([[0.0] * 5, [0.1] * 5]), sigma=0.05)
    assert found == {
        name: {"seeking_bits": round(2 / BIT, 3), "covering_bits": round(2 / BIT, 3)}
        for name in ("joint-00", "joint-01")
    }


def test_a_narrow_skill_among_wide_siblings_is_cheap_to_seek_and_dear_to_cover() -> None:
    wide = list(np.linspace(-0.3, 0.3, 21))
    one = siblings(samples([[0.0] * 21, wide, wide]))["joint-00"]
    assert one["covering_bits"] > 10 * one["seeking_bits"] > 0


def test_synergies_count_directions_of_postures_and_of_whole_movements() -> None:
    given = samples([[0.0] * 30, [0.1] * 30], each=5)
    rng = np.random.default_rng(1)
    axes, start = np.linalg.qr(rng.normal(size=(7, 7)))[0][:2], rng.normal(size=7)
    for posture in given.postures:
        # A straight way of random length in two directions, from one place.
        posture[:] = start + np.arange(5)[:, None] * (rng.normal(size=2) @ axes)
    found = synergies(given)
    assert list(found) == ["postures", "movements/joint"]
    assert found["postures"]["components_95"] == found["movements/joint"]["components_95"] == 2
    assert (found["postures"]["of"], found["movements/joint"]["of"]) == (7, 35)
    assert sum(found["postures"]["shares"][:2]) == pytest.approx(1, abs=1e-3)
