from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tabletop import progress
from tabletop.progress import Progress, Pulse, time_text, track
from tabletop.rollout.engine import Engine


class Hands:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def paper() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def pulse(hands: Hands, paper: io.StringIO) -> Pulse:
    return Pulse(hands, paper)


def test_a_line_a_minute_says_done_total_share_and_time_left(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    with Progress("discover", 1800, unit="s", pulse=pulse) as bar:
        for second in range(1, 1201):
            hands.now += 1
            bar.reach(second)
    lines = paper.getvalue().splitlines()
    assert len(lines) == 20
    assert lines[0] == "discover: 60 of 1800 s (3 %), 29 min left"
    assert lines[-1] == "discover: 1200 of 1800 s (67 %), 10 min left"


def test_work_of_less_than_a_minute_prints_nothing(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    with Progress("scenes", 59, pulse=pulse) as bar:
        for _ in range(59):
            hands.now += 1
            bar.update()
    assert paper.getvalue() == ""


def test_many_short_jobs_in_a_row_say_a_line_a_minute(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    for task in range(9):
        with Progress(f"task {task}", 2, pulse=pulse) as bar:
            for _ in range(2):
                hands.now += 10
                bar.update()
    assert paper.getvalue().splitlines() == [f"task {i}: 2 of 2 (100 %), under 1 min left" for i in (2, 5, 8)]


def test_after_a_pause_the_minute_begins_anew(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    for _ in range(2):
        with Progress("short", 1, pulse=pulse) as bar:
            hands.now += 50
            bar.update()
        hands.now += 600
    assert paper.getvalue() == ""


def test_what_is_inside_a_longer_piece_of_work_follows_it(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    for name in track(["push", "pull", "lift"], "evaluate", unit="tasks", pulse=pulse):
        with Progress(name, 4, pulse=pulse) as bar:
            for _ in range(4):
                hands.now += 10
                bar.update()
    assert paper.getvalue().splitlines() == [
        "evaluate: 1 of 3 tasks (33 %), 2 min left; pull: 2 of 4 (50 %), under 1 min left",
        "evaluate: 2 of 3 tasks (67 %), 1 min left; lift: 4 of 4 (100 %), under 1 min left",
    ]


def test_what_was_done_before_does_not_count_for_the_speed(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    with Progress("discover", 1000, unit="steps", done=900, pulse=pulse) as bar:
        hands.now += 120
        bar.note("3.5 effective skills")
        bar.reach(920)
    assert paper.getvalue() == "discover: 920 of 1000 steps (92 %), 8 min left, 3.5 effective skills\n"


def test_before_anything_is_done_no_time_is_guessed(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    with Progress("plan", 3, pulse=pulse) as bar:
        hands.now += 60
        bar.update(0)
    assert paper.getvalue() == "plan: 0 of 3 (0 %)\n"


def test_a_terminal_gets_a_bar_and_no_lines(hands: Hands) -> None:
    screen = Terminal()
    with Progress("measure", 3, pulse=Pulse(hands, screen)) as bar:
        hands.now += 120
        bar.update(3)
    assert "measure:" in screen.getvalue()
    assert "0/3" in screen.getvalue()
    assert "left" not in screen.getvalue()


def test_what_is_not_shown_says_nothing(hands: Hands, paper: io.StringIO, pulse: Pulse) -> None:
    with Progress("quiet", 3, shown=False, pulse=pulse) as bar:
        hands.now += 600
        bar.update(3)
    assert paper.getvalue() == ""
    assert bar.done == 3


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "under 1 min"), (89, "1 min"), (600, "10 min"), (7140, "119 min"), (7500, "2 h 5 min")]
)
def test_times_are_written_in_minutes_and_hours(seconds: float, words: str) -> None:
    assert time_text(seconds) == words


def ticking(hands: Hands, job: int) -> int:
    hands.now += 30
    return job


@pytest.mark.parametrize("label", ["jobs", None])
def test_an_engine_tells_its_progress_under_the_label_and_on_stderr_only(
    hands: Hands, label: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_PULSE", Pulse(hands))
    with Engine(0) as engine:
        assert list(engine.map(partial(ticking, hands), range(4), label=label)) == [0, 1, 2, 3]
    out, err = capsys.readouterr()
    assert out == ""
    lines = ["jobs: 2 of 4 (50 %), 1 min left", "jobs: 4 of 4 (100 %), under 1 min left"]
    assert err.splitlines() == (lines if label else [])


def test_only_one_module_draws_bars() -> None:
    root = Path(progress.__file__).parents[1]
    files = [p for folder in ("tabletop", "benchmarks", "examples") for p in (root / folder).rglob("*.py")]
    uses: Callable[[Path], bool] = lambda path: "import tqdm" in path.read_text(encoding="utf-8")  # noqa: E731
    assert [p.name for p in files if uses(p)] == ["progress.py"]
