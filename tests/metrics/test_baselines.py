from __future__ import annotations

import numpy as np
import pytest

from tabletop.metrics.baselines import BASELINES, baseline_episodes, measure_library, untrained
from tabletop.metrics.effective_skills import measure
from tabletop.rollout.engine import Engine
from tabletop.skills.library import Library


def test_what_was_never_trained_has_the_same_form_and_other_weights(library: Library) -> None:
    fresh = untrained(library, 0)
    assert {k: v.shape for k, v in fresh.weights.items()} == {k: v.shape for k, v in library.weights.items()}
    assert not np.array_equal(fresh.weights["layer0.weight"], library.weights["layer0.weight"])
    assert np.array_equal(fresh.weights["layer0.weight"], untrained(library, 0).weights["layer0.weight"])
    assert not np.array_equal(fresh.weights["layer0.weight"], untrained(library, 1).weights["layer0.weight"])


def test_baselines_have_a_tenth_of_the_episodes_and_two_at_least() -> None:
    assert [baseline_episodes(n) for n in (1, 5, 29, 50, 200)] == [2, 2, 2, 5, 20]


@pytest.mark.slow
def test_a_library_is_measured_beside_its_floors(library: Library) -> None:
    with Engine(workers=0) as engine:
        found = measure_library(library, engine, 5, 0)
    assert len(found.samples.labels) == 5 * len(library.skills) == 40
    assert [p.shape for p in found.samples.postures] == [(7, 7)] * 40
    baselines = found.figures.pop("baselines")
    assert (found.figures.pop("episodes"), found.figures.pop("baseline_episodes")) == (5, 2)
    joint = found.figures.pop("joint")
    assert found.figures == measure(found.samples, 0)
    # Four episodes a skill are 32: the commonest category, and no other beside it.
    assert list(joint["categories"]) == ["drawer"]
    assert joint["left_out"]
    assert joint["categories"]["drawer"]["episodes"] == 3 * joint["categories"]["drawer"]["scenes"] == 30
    assert tuple(baselines) == BASELINES
    for baseline in baselines.values():
        assert list(baseline) == ["effective_skills_2cm", "effective_skills_5cm", "bits_2cm"]
        assert 2.0 <= baseline["effective_skills_2cm"] <= library.codes.total
