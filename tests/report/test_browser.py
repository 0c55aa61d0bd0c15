"""The page in a real browser. Not collected where there is none (conftest.py)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from tabletop.report import write_comparison, write_report
from tabletop.runs.read import read_run

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Still pictures: a busy machine without a graphics card takes long to draw each frame of many films.
    *("--force-prefers-reduced-motion", "--window-size=1280,1000"),
]
WATCH = """<script>
window.faults = [];
addEventListener("error", (e) => faults.push(e.message));
addEventListener("securitypolicyviolation", (e) => faults.push("blocked " + e.blockedURI));
</script>"""
ACT = """<script>
addEventListener("load", () => {
const told = {};
const cards = () => Array.from(document.querySelectorAll(".gallery .card")).filter((c) => !c.hidden);
told.first = cards().map((c) => c.dataset.rate).join(" ");
const search = document.querySelector("[data-filter]");
search.value = "drawer-open";
search.dispatchEvent(new Event("input"));
told.found = cards().map((c) => c.querySelector("h3").textContent).join(",");
search.value = "";
const sort = document.querySelector("[data-sort]");
sort.value = "name";
sort.dispatchEvent(new Event("change"));
told.names = cards().map((c) => c.dataset.name).join(",");
const at = {bubbles: true, clientX: 9, clientY: 9};
document.querySelector(".rates .hit").dispatchEvent(new PointerEvent("pointermove", at));
told.tip = document.getElementById("tip").hidden ? "" : document.getElementById("tip").textContent;
document.querySelector(".dots").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
told.focus = document.querySelectorAll("#ends.focus .dots.on").length;
told.pictures = Array.from(document.images).every((i) => i.complete && i.naturalWidth > 0);
document.getElementById("pause").click();
told.paused = Array.from(document.querySelectorAll(".moving source")).every((s) => s.media === "all");
told.wide = document.documentElement.scrollWidth > innerWidth;
told.faults = faults.join("; ");
for (const key in told) document.body.setAttribute("data-told-" + key, told[key]);
});
</script>"""


def chromium(page: Path, profile: Path, *more: str) -> str:
    """Open a page in a fresh browser and return what it prints."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
        browser.close()


@pytest.fixture
def pages(run_folder: Path, tmp_path: Path) -> dict[str, Path]:
    """Return the report of a run, and the page that sets it beside another one."""
    other = Path(shutil.copytree(run_folder, tmp_path / "other"))
    both = write_comparison([run_folder, other], tmp_path / "both.html")
    return {"report": write_report(run_folder), "comparison": both}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_finds_nothing_that_keeps_anybody_out(tab: Tab, pages: dict[str, Path], name: str, scheme: Any) -> None:
    tab.emulate_media(color_scheme=scheme)
    tab.goto(pages[name].as_uri())
    tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert Axe().run(tab).generate_report() == "Found 0 accessibility violations:\n"


def test_axe_would_find_what_is_hard_to_read_or_has_no_text(tab: Tab, pages: dict[str, Path]) -> None:
    tab.emulate_media(color_scheme="light")
    tab.goto(pages["comparison"].as_uri())
    tab.evaluate("document.querySelector('h1').style.color = '#cccccc'")
    tab.evaluate("document.querySelector('svg').removeAttribute('aria-label')")
    found = Axe().run(tab).generate_snapshot()
    assert "color-contrast" in found
    assert "svg-img-alt" in found


def test_a_plan_stands_beside_its_film(tab: Tab, pages: dict[str, Path]) -> None:
    tab.goto(pages["report"].as_uri())
    cards = tab.locator("#plans .plan:has(.replay)")
    assert cards.count() > 0
    for i in range(cards.count()):
        film, words = cards.nth(i).locator(".film").bounding_box(), cards.nth(i).locator("h3").bounding_box()
        assert film is not None
        assert words is not None
        assert film["x"] + film["width"] <= words["x"]
        assert film["y"] < words["y"] + words["height"] < film["y"] + film["height"]


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_each_mark_of_a_chart_is_told_by_keyboard(tab: Tab, pages: dict[str, Path], name: str) -> None:
    tab.goto(pages[name].as_uri())
    chart = tab.locator("svg.radar")
    chart.focus()
    marks = chart.evaluate("c => Array.from(c.querySelectorAll('[data-tip]'), m => m.dataset.tip)")
    assert len(marks) >= 8
    for text in marks:
        tab.keyboard.press("ArrowRight")
        assert tab.locator("#tip").text_content() == text
    assert tab.locator("#tip").is_visible()
    assert chart.locator(".at").count() == 1
    tab.keyboard.press("Escape")
    assert not tab.locator("#tip").is_visible()


def test_on_paper_all_is_unfolded_dark_on_light_and_on_the_page(
    tab: Tab, pages: dict[str, Path], tmp_path: Path
) -> None:
    tab.emulate_media(color_scheme="dark", media="print")
    tab.goto(pages["report"].as_uri())
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details:not([open])").count() == 0
    shown = "e => getComputedStyle(e).getPropertyValue('background-color')"
    assert tab.locator("body").evaluate(shown) == "rgb(250, 248, 244)"
    assert not tab.locator("nav").is_visible()
    cards = tab.locator(".gallery .card")
    assert all(cards.nth(i).is_visible() for i in range(cards.count()))
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("details[open]").count() == 0
    paper = tab.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 3
    tab.emulate_media(color_scheme="light", media="screen")


def test_the_page_works_in_a_browser(run_folder: Path, tmp_path: Path) -> None:
    text = write_report(run_folder).read_text(encoding="utf-8")
    page = tmp_path / "watched.html"
    page.write_text(text.replace("<style>", WATCH + "<style>", 1).replace("</body>", ACT + "</body>", 1))
    dom = chromium(page, tmp_path / "profile", "--dump-dom")
    told = dict(re.findall(r'data-told-(\w+)="([^"]*)"', dom))
    assert told["faults"] == ""
    rates = [float(r) for r in told["first"].split()]
    assert len(rates) > 3
    assert rates == sorted(rates, reverse=True)
    assert told["found"]
    assert set(told["found"].split(",")) == {"drawer-open"}
    names = told["names"].split(",")
    assert len(names) == len(rates)
    assert names == sorted(names)
    naming = read_run(run_folder).naming
    assert naming is not None
    task, skill = max(naming.best().items(), key=lambda pair: pair[1].success)
    assert told["tip"].startswith(f"{task}: {round(100 * skill.success)}%")
    assert int(told["focus"]) >= 1
    assert told["paused"] == "true"
    assert told["pictures"] == "true"
    assert told["wide"] == "false"
    assert "What the robot found out" in dom
    assert "Skills with a name" in dom


@pytest.mark.parametrize(("scheme", "low", "high"), [(1, 200, 256), (0, 0, 70)], ids=["light", "dark"])
def test_the_page_is_drawn_in_the_scheme_the_reader_prefers(
    run_folder: Path, tmp_path: Path, scheme: int, low: int, high: int
) -> None:
    picture = tmp_path / "page.png"
    prefer = f"--blink-settings=preferredColorScheme={scheme}"
    chromium(write_report(run_folder), tmp_path / "profile", prefer, f"--screenshot={picture}")
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    assert pixels.shape == (1000, 1280, 3)
    assert low <= np.median(pixels) < high
    assert pixels.std() > 15
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500


def test_a_film_can_be_turned_in_three_dimensions(tab: Tab, run_folder: Path) -> None:
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("requestfailed", lambda request: faults.append(request.url))
    tab.goto(write_report(run_folder).as_uri())
    holder = tab.locator(".replay").first
    holder.locator("button").click()
    canvas = holder.locator("canvas")
    assert int(canvas.get_attribute("data-drawn") or 0) > 200
    first = canvas.screenshot()
    canvas.focus()
    tab.keyboard.press("ArrowLeft")
    from_elsewhere = canvas.screenshot()
    assert from_elsewhere != first
    holder.locator("input").focus()
    for _ in range(9):
        tab.keyboard.press("ArrowRight")
    assert canvas.screenshot() != from_elsewhere
    holder.locator("button").click()
    assert holder.locator("canvas").count() == 0
    assert faults == []
