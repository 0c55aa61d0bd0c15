from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.metrics.synergies import pca


def test_components_are_the_axes_that_the_rows_were_made_of() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0][:3]
    weights = rng.normal(size=(5000, 3)) * [3.0, 2.0, 1.0]
    found = pca(weights @ axes + 7.0)
    assert found.shares[:3] == pytest.approx(np.array([9, 4, 1]) / 14, abs=0.02)
    assert np.abs((found.axes[:3] * axes).sum(1)) == pytest.approx([1, 1, 1], abs=1e-2)
    assert found.mean == pytest.approx([7] * 6, abs=0.2)
    assert not found.shares[3:].any()


@pytest.mark.parametrize(("share", "count"), [(0.5, 1), (0.89, 2), (0.9, 3), (1.0, 3)])
def test_the_share_says_how_many_components(share: float, count: int) -> None:
    # Variances 12 : 5 : 2 (rows are pairs at both ends of each axis).
    ends = np.sqrt([12.0, 5.0, 2.0]) * np.eye(3)
    found = pca(np.concatenate([ends, -ends]))
    assert found.shares == pytest.approx(np.array([12, 5, 2]) / 19)
    assert found.count(share) == count


def test_what_never_varies_has_no_components_and_one_row_is_refused() -> None:
    assert pca(np.full((5, 3), 0.1)).count() == 0
    with pytest.raises(TabletopError, match="at least 2 rows"):
        pca(np.zeros((1, 3)))
