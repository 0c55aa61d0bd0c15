"""A page in a real browser, and sessions without one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
WHY_NOT = f"tests/view/test_browser.py is left out: it opens the page in a browser and {CHROMIUM} is not there"
collect_ignore = [] if CHROMIUM.exists() else ["test_browser.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which test was left out, and why."""
    if collect_ignore:
        terminalreporter.write_line(WHY_NOT)


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., None]:
    return until
