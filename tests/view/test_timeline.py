from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.state import Layout, State
from tabletop.view.timeline import Moment, Timeline

LAYOUT = Layout((), (), ())


def moment(step: int) -> Moment:
    return Moment(step, step, np.zeros((1, 7), np.float32), State(LAYOUT, np.zeros(LAYOUT.width)))


def test_only_the_last_moments_are_kept() -> None:
    timeline = Timeline(kept=5)
    assert timeline.ends == (0, -1)
    for step in range(12):
        timeline.add(moment(step))
    assert timeline.ends == (7, 11)
    assert timeline.at(9).step == 9
    for gone in (6, 12):
        with pytest.raises(TabletopError, match=f"step 7 to 11, got {gone}"):
            timeline.at(gone)


def test_what_comes_after_a_moment_can_be_forgotten() -> None:
    timeline = Timeline()
    for step in range(6):
        timeline.add(moment(step))
    timeline.cut(3)
    assert timeline.ends == (0, 3)
    timeline.add(moment(4))
    assert timeline.ends == (0, 4)
