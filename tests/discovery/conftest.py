from __future__ import annotations

import pytest

from tabletop.discovery import learner as module
from tabletop.discovery.objectives import Window


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """Return the windows that learners learn from, as they come."""
    found: list[Window] = []

    def watched(*arguments: object) -> Window:
        found.append(Window(*arguments))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(module, "Window", watched)
    return found
