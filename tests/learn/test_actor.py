from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.learn.actor import NetworkSpec, NumpyActor
from tabletop.learn.sac import SAC, SACSettings

SPECS = [NetworkSpec(11), NetworkSpec(7, others=3, other_width=4, encoded=8)]


def batch(spec: NetworkSpec, size: int = 20) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(size, spec.observation_size)).astype(np.float32)
    rows = x[:, spec.ego :].reshape(size, spec.others, spec.other_width)
    rows[..., :1] = rows[..., :1] > -0.5
    x[:, spec.ego :] = rows.reshape(size, -1)
    return x


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("spec", SPECS)
def test_numpy_actor_equals_the_torch_actor(spec: NetworkSpec, deterministic: bool) -> None:
    sac = SAC(spec, 5, SACSettings(hidden=(32, 24), bf16=False, algorithm="td3" if deterministic else "sac"), seed=1)
    actor, x = NumpyActor(sac.actor_arrays()), batch(spec)
    expected = sac.act(x, deterministic=True).numpy()
    np.testing.assert_allclose(actor.mean(x), expected, atol=1e-5)
    np.testing.assert_allclose(actor.mean(x[3]), expected[3], atol=1e-5)


@pytest.mark.parametrize("deterministic", [False, True])
def test_numpy_samples_have_the_torch_samples_distribution(deterministic: bool) -> None:
    spec = SPECS[1]
    sac = SAC(spec, 2, SACSettings(hidden=(32, 24), bf16=False, algorithm="td3" if deterministic else "sac"), seed=1)
    x = np.repeat(batch(spec, 1), 20000, 0)
    ours = NumpyActor(sac.actor_arrays()).sample(x, np.random.default_rng(2))
    theirs = sac.act(x).numpy()
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.02)
    np.testing.assert_allclose(np.quantile(ours, [0.1, 0.9], 0), np.quantile(theirs, [0.1, 0.9], 0), atol=0.02)


def test_samples_repeat_for_the_same_generator_and_stay_in_bounds() -> None:
    sac = SAC(SPECS[0], 5, SACSettings(hidden=(16,)), seed=1)
    actor, x = NumpyActor(sac.actor_arrays()), batch(SPECS[0])
    first = actor.sample(x, np.random.default_rng(5))
    np.testing.assert_array_equal(first, actor.sample(x, np.random.default_rng(5)))
    assert np.abs(first).max() <= 1.0
    assert not np.array_equal(first, actor.sample(x, np.random.default_rng(6)))


def test_collecting_needs_no_torch() -> None:
    code = "import sys, tabletop.learn.actor, tabletop.learn.replay; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_observation_of_the_wrong_width_is_refused() -> None:
    actor = NumpyActor(SAC(11, 5, SACSettings(hidden=(16,)), seed=1).actor_arrays())
    with pytest.raises(TabletopError, match="11 columns"):
        actor.mean(np.zeros(12, dtype=np.float32))


def test_a_spec_without_columns_is_refused() -> None:
    with pytest.raises(TabletopError, match="needs ego, encoded >= 1"):
        NetworkSpec(0)
