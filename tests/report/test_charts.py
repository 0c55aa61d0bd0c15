from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop.report.charts import (
    Series,
    bars,
    code_color,
    interval,
    lines,
    percent,
    rates_beside,
    short,
    ticks,
)
from tabletop.report.maps import Points, heat, scatter, starts_map, strips
from tabletop.report.radar import Ring, radar
from tabletop.report.trees import tree
from tabletop.runs.records import Branch


def parse(svg: str) -> ElementTree.Element:
    """Return the chart as a tree: it must be well formed and have a label."""
    tree = ElementTree.fromstring(svg)
    assert tree.get("role") == "img"
    assert tree.get("aria-label")
    return tree


def inside(svg: str) -> bool:
    """Return whether all the points of all paths lie within the picture."""
    tree = parse(svg)
    _, _, width, height = (float(v) for v in tree.get("viewBox", "").split())
    for path in tree.iter("path"):
        for x, y in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", path.get("d", "").split("h14")[0]):
            if not (-0.1 <= float(x) <= width + 0.1 and -0.1 <= float(y) <= height + 0.1):
                return False
    return True


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (26.5, "26.5"), (0.0312, "0.0312"), (4.0, "4"), (1234.0, "1,234"), (-0.5, "−0.5")),
        *((120_000.0, "120\u00a0k"), (1_060_000.0, "1.06\u00a0M"), (999_800.0, "1\u00a0M"), (math.nan, "–")),
    ],
)
def test_numbers_are_written_as_people_do(value: float, text: str) -> None:
    assert short(value) == text


def test_rates_are_written_in_percent() -> None:
    assert [percent(v) for v in (0.0, 0.876, 1.0, None, math.nan)] == ["0%", "88%", "100%", "–", "–"]


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_even_and_within_the_range(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-6 * span <= v <= low + span * (1 + 1e-6) for v in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[:1] if len(steps) else 0, atol=1e-6 * span)


def test_codes_have_colours_of_their_own() -> None:
    assert len({code_color(i, 32) for i in range(32)}) == 32


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, "#rrggbb", as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#1c2125"], ids=["light", "dark"])
def test_colours_of_codes_stand_out_from_the_page(page: str) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert min(contrast(code_color(i, n), page) for n in (2, 5, 10, 32) for i in range(n)) >= 3


def test_a_radar_has_each_rate_as_far_out_as_it_is_great() -> None:
    svg = radar(["up", "right", "left"], [Ring("a", [1.0, 0.5, None], "#123456")], "three")
    top, right = parse(svg).findall("circle")
    middle_x, middle_y = 240.0, 145.0
    out = [math.hypot(float(c.get("cx", "")) - middle_x, float(c.get("cy", "")) - middle_y) for c in (top, right)]
    assert float(top.get("cx", "")) == pytest.approx(middle_x)
    assert float(top.get("cy", "")) < middle_y
    assert out[0] == pytest.approx(2 * out[1], rel=0.01)
    assert [c.get("data-tip") for c in (top, right)] == ["a, up: 100%", "a, right: 50%"]
    # One line: from the last axis, which has no rate, none goes out.
    assert sum(p.get("class") == "line" for p in parse(svg).iter("path")) == 1


def test_a_tree_marks_the_plan_and_says_how_many_states_lie_below() -> None:
    branches = [Branch(steps=s, states=n) for s, n in (((), 90), (("a b",), 60), (("a b", "c d"), 0), (("c d",), 29))]
    svg = tree(branches, ["a b", "c d"], str.upper)
    ways = [p.get("class") for p in parse(svg).iter("path")]
    assert ways == ["twig chosen", "twig chosen", "twig"]
    bars_ = [float(r.get("width", "")) for r in parse(svg).iter("rect") if r.get("class", "").startswith("bar")]
    assert bars_ == [*sorted(bars_[:2], reverse=True), 1.0, bars_[3]]
    tips = [r.get("data-tip") for r in parse(svg).iter("rect") if r.get("data-tip")]
    assert tips[1] == "A B: the search looked at 60 states from here on, chosen"
    assert tips[3] == "C D: the search looked at 29 states from here on"
    assert parse(svg).get("aria-label") == "The search looked at 90 states and chose A B, then C D"


def test_starts_lie_where_they_were_and_say_how_many_skills_there_are() -> None:
    svg = starts_map([(0.6, 0.2, 3.0), (0.3, -0.2, -0.1)], "two")
    far, near = (c for c in parse(svg).iter("circle") if c.get("class") == "cell")
    assert float(far.get("cx", "")) < float(near.get("cx", ""))  # Left is on the left,
    assert float(far.get("cy", "")) < float(near.get("cy", ""))  # and away from the robot at the top.
    assert far.get("data-tip") == "8 skills, 3 bits\n60 cm away, 20 cm to the left"
    assert near.get("data-tip") == "1 skills, −0.1 bits\n30 cm away, 20 cm to the right"
    assert float(far.get("fill-opacity", "")) > float(near.get("fill-opacity", ""))


def test_rates_side_by_side_leave_a_gap_where_there_is_none() -> None:
    svg = rates_beside([("lift", [(0.5, 0.4, 0.6), None])], [("a", "#111111"), ("b", "#222222")], "rates")
    dots = parse(svg).findall("circle")
    assert [d.get("fill") for d in dots] == ["#111111"]
    assert float(dots[0].get("cx", "")) == pytest.approx(210 + 0.5 * (640 - 210 - 24))
    assert 'data-tip="lift&#10;a: 50% (40% to 60%)&#10;b: no name"' in svg


def test_an_interval_places_rate_band_and_floors_on_one_scale() -> None:
    tree = parse(interval(0.5, 0.25, 1.0, {"random": 0.0}, "half"))
    dot, band = tree.find("circle"), tree.find("rect")
    baseline = tree.findall("line")[1]
    assert dot is not None
    assert band is not None
    assert float(dot.get("cx", "")) == pytest.approx(120)
    assert float(band.get("x", "")) == pytest.approx(63)
    assert float(band.get("x", "")) + float(band.get("width", "")) == pytest.approx(234)
    assert float(baseline.get("x1", "")) == pytest.approx(6)


def test_bars_are_as_long_as_their_values() -> None:
    tree = parse(bars([("this run", 20.0, False), ("random", 5.0, True)], "bars"))
    drawn = [r for r in tree.iter("rect") if r.get("class", "").startswith("bar")]
    long, small = (float(r.get("width", "")) for r in drawn)
    assert long == pytest.approx(4 * small, rel=0.01)


def test_a_line_goes_up_where_its_values_do() -> None:
    svg = lines([Series("a", [0, 1, 2], [0.0, 0.5, 1.0])], "rise", x_name="steps", y_range=(0, 1), rates=True)
    line = next(p for p in parse(svg).iter("path") if p.get("class") == "line")
    heights = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line.get("d", ""))]
    assert heights[0] > heights[1] > heights[2]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert "100%" in svg


def test_a_small_constant_keeps_an_axis_on_which_it_can_be_read() -> None:
    words = [t.text for t in parse(lines([Series("alpha", [0, 1], [0.005, 0.005])], "flat", x_name="x")).iter("text")]
    assert {"0.004", "0.006"} <= set(words)


def test_a_chart_tells_all_lines_values_at_each_place() -> None:
    both = [Series("held_at", [0, 1], [0.1, 0.2]), Series("displaced", [0, 1], [0.3, 0.4])]
    tips = [r.get("data-tip") for r in parse(lines(both, "two", x_name="steps")).iter("rect")]
    assert tips == ["steps 0\nheld_at: 0.1\ndisplaced: 0.3", "steps 1\nheld_at: 0.2\ndisplaced: 0.4"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.integers(1, 9))
def test_no_line_leaves_its_picture(values: list[float], count: int) -> None:
    series = [Series(f"line {i}", list(range(len(values))), [v * i for v in values]) for i in range(count)]
    svg = lines(series, "any", x_name="x")
    assert inside(svg)
    assert "nan" not in svg


def ends(code: int, finals: np.ndarray) -> Points:
    """Return one skill's ends."""
    return Points(f"held_at-{code:02d}", code, finals)


def test_the_map_from_above_has_left_on_the_left_and_away_at_the_top() -> None:
    left, away = np.array([[0.0, 0.2, 0, 0]]), np.array([[0.2, 0.0, 0, 0]])
    svg = scatter([ends(0, left), ends(1, away)], (-2, 0), ("left", "right", "toward", "away"), "map")
    dots = [p.get("d", "")[1:].split("h")[0] for p in parse(svg).iter("path") if p.get("class") == "dots"]
    (x0, y0), (x1, y1) = (tuple(map(float, d.split())) for d in dots)
    assert x0 < x1
    assert y1 < y0


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 12), st.floats(1e-4, 3))
def test_no_dot_of_a_map_leaves_its_picture(seed: int, count: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    skills = [ends(i, rng.normal(0, size, (7, 4))) for i in range(count)]
    assert inside(scatter(skills, (-2, 0), ("left", "right", "toward", "away"), "above"))
    assert inside(scatter(skills, (-2, 2), ("left", "right", "down", "up"), "side"))
    assert inside(strips([Points(e.id, e.code, e.finals[:, :1]) for e in skills], "strip"))


def test_codes_that_end_in_one_place_keep_readable_numbers() -> None:
    skills = [ends(i, np.zeros((5, 4))) for i in range(6)]
    tree = parse(scatter(skills, (-2, 0), ("left", "right", "toward", "away"), "map"))
    places = [(float(t.get("x", "")), float(t.get("y", ""))) for t in tree.iter("text") if t.get("class") == "code"]
    gaps = [math.dist(a, b) for i, a in enumerate(places) for b in places[:i]]
    assert len(places) == 6
    assert min(gaps) > 10


def test_the_heat_map_leaves_out_what_was_not_tried() -> None:
    svg = heat(["a", "b"], ["lift", "push"], [[0.9, math.nan], [0.0, 0.3]], "rates")
    tips = [r.get("data-tip") for r in parse(svg).iter("rect")]
    assert tips == ["a\nlift: 90%", "b\nlift: 0%", "b\npush: 30%"]


def test_names_from_files_cannot_break_out_of_a_chart() -> None:
    bad = '<script>"&'
    for svg in (
        heat([bad], [bad], [[0.5]], bad),
        lines([Series(bad, [0, 1], [0, 1]), Series("b", [0], [1])], bad, x_name=bad),
        bars([(bad, 1.0, False)], bad),
        interval(0.5, None, None, {bad: 0.5}, bad),
    ):
        assert "<script" not in svg
        parse(svg)
