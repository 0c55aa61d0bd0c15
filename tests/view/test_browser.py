"""The page as a person uses it, in a real browser. Not collected where there is none (conftest.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import viser
from playwright.sync_api import Browser, Locator, sync_playwright
from playwright.sync_api import Page as Tab
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tabletop.demos import Recording, read_recorded, write_demos
from tabletop.logic import load_registry, parse
from tabletop.naming import open_library
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import BUILTIN_POLICIES
from tabletop.sim.generate import generate
from tabletop.sim.scene import load_scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view.courses import Courses
from tabletop.view.keeping import Keeping
from tabletop.view.page import Page
from tabletop.view.session import Session

Until = Callable[..., None]
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run"]
SCENE = generate(find_scene_card("planning"), 1)
DRAWN = "n => new Promise(done => { const draw = () => n-- ? requestAnimationFrame(draw) : done(); draw(); })"
"""Waits until the page has been drawn n times."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    courses = Courses(open_library("default"))
    keeping = Keeping(tmp_path_factory.mktemp("kept"))
    with Session(SCENE) as session, Page(session, courses, keeping, "127.0.0.1", 0, None) as page:
        yield page


@pytest.fixture(scope="module")
def opened(served: Page, browser: Browser) -> Iterator[Tab]:
    tab = browser.new_page(viewport={"width": 900, "height": 640})
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(f"http://127.0.0.1:{served.port}/")
    tab.get_by_role("button", name="Run the skill").wait_for()
    yield tab
    tab.close()
    assert faults == []


@pytest.fixture
def tab(opened: Tab, served: Page, until: Until) -> Tab:
    """Return the page, the robot dropped in anew."""
    number = served.session.shown.number
    served.session.speed(4.0)
    served.session.drop_in(SCENE)
    until(lambda: served.session.shown.number > number and served.session.shown.now.step > 0)
    until(lambda: served.panels.number == served.session.shown.number)  # Else what is chosen would be forgotten.
    opened.get_by_role("tab", name="Do").click()
    return opened


def choose(tab: Tab, label: str, value: str) -> None:
    box = tab.get_by_label(label, exact=True).first
    box.click()
    box.fill(value)
    tab.get_by_role("option", name=value).first.click()


def goal(tab: Tab) -> Locator:
    """Return where goals are typed: viser ties no label to it."""
    return tab.locator("xpath=//*[text()='Goal']/following::input[1]")


def press(tab: Tab, name: str) -> None:
    tab.get_by_role("button", name=name, exact=True).click()


def text(tab: Tab) -> str:
    return tab.locator("body").inner_text()


def on_screen(served: Page, tab: Tab, point: Any) -> tuple[float, float]:
    """Return where a point of the world is on the screen, px, from the camera that the browser says it has."""
    (client,) = served.server.get_clients().values()
    camera = client.camera
    w, x, y, z = camera.wxyz
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    right, down, ahead = turn.T @ (np.asarray(point) - camera.position)
    box = tab.locator("canvas").first.bounding_box()
    assert box is not None
    scale = box["height"] / 2 / np.tan(camera.fov / 2)
    return box["x"] + box["width"] / 2 + scale * right / ahead, box["y"] + box["height"] / 2 + scale * down / ahead


def pixels(tab: Tab) -> Any:
    """Return what the table looks like, (height, width, 3): no controls beside it, and no notes above it."""
    picture = cv2.imdecode(np.frombuffer(tab.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return picture[picture.shape[0] // 2 :, : picture.shape[1] // 2].astype(int)


def still(tab: Tab) -> Any:
    """Return the same once it no longer changes; time is counted in what is drawn, as a busy machine draws late."""
    last, now = None, pixels(tab)
    while last is None or not np.array_equal(last, now):
        tab.wait_for_timeout(500)
        tab.evaluate(DRAWN, 8)
        last, now = now, pixels(tab)
    return now


def test_a_skill_is_chosen_by_name_run_and_seen_to_succeed(served: Page, tab: Tab, until: Until) -> None:
    choose(tab, "Skill", "drawer-open")
    press(tab, "Run the skill")
    until(lambda: served.session.shown.title == "drawer-open drawer")
    until(lambda: "asked for open(drawer) (it holds)" in text(tab))
    assert float(served.session.shown.now.state.entity("drawer", "fraction")) > 0.8


def test_a_thing_that_is_chosen_is_offered_the_skills_that_work_on_it(served: Page, tab: Tab, until: Until) -> None:
    choose(tab, "Thing", "drawer")
    until(lambda: "lift (78%)" not in served.panels._skill.options)
    until(lambda: served.panels._skill.value.startswith("drawer-"))
    box = tab.get_by_label("Skill", exact=True).first
    box.click()
    assert tab.get_by_role("option", name="drawer-open (98%)").count() == 1
    assert tab.get_by_role("option", name="lift (78%)").count() == 0
    tab.keyboard.press("Escape")
    choose(tab, "Thing", "red")
    until(lambda: "lift (78%)" in served.panels._skill.options)
    box.click()
    assert tab.get_by_role("option", name="lift (78%)").count() == 1
    tab.keyboard.press("Escape")


def test_a_block_that_is_dragged_with_the_mouse_moves(served: Page, tab: Tab, until: Until) -> None:
    start = served.session.shown.now.state.entity("blue", "position")
    x, y = on_screen(served, tab, start)
    far_x, far_y = on_screen(served, tab, start + np.array([0.0, -0.12, 0.0]))
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move((x + far_x) / 2, (y + far_y) / 2, steps=6)
    tab.mouse.move(far_x, far_y, steps=6)
    until(lambda: served.session.shown.now.state.entity("blue", "position")[1] < start[1] - 0.06)
    tab.mouse.up()
    until(lambda: served.session._pull is None)


def test_the_arm_is_shoved_while_it_opens_a_drawer_and_the_clip_saved(served: Page, tab: Tab, until: Until) -> None:
    session = served.session
    choose(tab, "Skill", "drawer-open")
    press(tab, "Run the skill")
    until(lambda: session.shown.ran >= 3)
    session.play(False)  # So that the arm is where it was aimed at, however slow the machine is.
    until(lambda: not session.shown.playing)
    tab.wait_for_timeout(300)
    x, y = on_screen(served, tab, session.shown.now.state.robot("gripper_position") + np.array([0.0, 0.0, 0.1]))
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 80, y + 10, steps=10)
    until(lambda: session._pull is not None and session._pull.name == "gripper")
    step = session.shown.now.step
    session.play(True)
    until(lambda: session.shown.now.step > step + 2)
    tab.mouse.up()
    until(lambda: session._pull is None)
    until(lambda: not session.shown.title)
    # A shove may keep it from opening: what is said has to be what is so.
    state = session.shown.now.state
    opened = parse("open(drawer)", session.shown.scene.names).holds(state, state)
    outcome = "it holds" if opened else "it does not hold"
    assert session.shown.said[-1].endswith(f"asked for open(drawer) ({outcome})")
    pushes = [a for name, a in session.snapshot().history if name == "push" and a[0] == "gripper"]
    assert max(np.linalg.norm(force) for _, force, _ in pushes) > 20
    tab.get_by_role("tab", name="Time").click()
    before = len(list(served.panels.keeping.folder.glob("clip-*.webp")))
    press(tab, "Save a clip")
    until(lambda: len(list(served.panels.keeping.folder.glob("clip-*.webp"))) > before, 120)


def test_a_goal_that_is_typed_is_planned_for_and_reached(served: Page, tab: Tab, until: Until) -> None:
    goal(tab).fill("open(drawer) and on(red, blue)")
    choose(tab, "With skills", "scripted")
    press(tab, "Plan and go")
    until(lambda: len(served.session.shown.log) >= 2, 120)
    until(lambda: "1. " in text(tab) or "done" in text(tab))
    until(lambda: "asked for open(drawer) and on(red, blue) (it holds)" in text(tab), 120)


def test_a_wrong_goal_shows_where_it_is_wrong(served: Page, tab: Tab, until: Until) -> None:
    goal(tab).fill("open(drawr)")
    press(tab, "Plan and go")
    until(lambda: "^" in text(tab))
    assert served.session.shown.title == ""
    goal(tab).fill("")


def test_the_past_is_looked_at_and_gone_on_from(served: Page, tab: Tab, until: Until) -> None:
    until(lambda: served.session.shown.now.step > 20)
    served.session.play(False)
    until(lambda: not served.session.shown.playing)
    last = served.session.shown.now.step
    until(lambda: not served.panels._played)  # Until then the slider is brought to the present again and again.
    until(lambda: served.panels._moment.value == last)
    tab.get_by_role("tab", name="Time").click()
    tab.get_by_role("button", name="One step").wait_for()  # Else the slider of the tab before is still there.
    tab.get_by_role("slider").locator("visible=true").first.focus()
    for back in range(1, 6):
        tab.keyboard.press("ArrowLeft")
        until(lambda n=back: served.session.shown.now.step == last - n)
    until(lambda: "An earlier moment" in text(tab))
    press(tab, "Go on from here")
    until(lambda: served.session.shown.playing and served.session.shown.now.step < last + 40)
    until(lambda: "gone back" not in text(tab))


def test_clip_scene_and_episode_are_saved(served: Page, tab: Tab, until: Until) -> None:
    until(lambda: served.session.shown.now.step > 12)
    served.session.play(False)
    until(lambda: not served.session.shown.playing)
    step, state = served.session.shown.now.step, served.session.shown.now.state
    tab.get_by_role("tab", name="Time").click()
    folder: Path = served.panels.keeping.folder
    number = len(list(folder.glob("clip-*.webp"))) + 1
    clip = folder / f"clip-{number:03d}.webp"
    press(tab, "Save a clip")
    until(clip.is_file, 120)
    video = cv2.imreadanimation(str(clip))
    assert len(video[1].frames) == step + 1
    press(tab, "Save the episode")
    until((folder / "episode-001.npz").is_file)
    with np.load(folder / "episode-001.npz", allow_pickle=False) as kept:
        assert np.array_equal(kept["states"][-1], state.values)
        assert kept["columns"].tolist() == list(state.layout.columns)
        assert kept["actions"].shape == (step, 5)
    tab.get_by_role("tab", name="Scene").click()
    press(tab, "Save the scene")
    until((folder / "scene-001.yaml").is_file)
    assert load_scene(folder / "scene-001.yaml") == SCENE


def test_each_named_skill_has_a_button_that_runs_it_live(served: Page, tab: Tab, until: Until) -> None:
    named = [o for o in Courses(open_library("default")).offered() if o.rate is not None]
    tab.get_by_role("tab", name="Skills").click()
    buttons = tab.get_by_role("button").all_inner_texts()
    assert {o.title for o in named} <= set(buttons)
    for offered in named[2::12]:
        number = served.session.shown.number
        press(tab, offered.title)
        until(lambda n=number: served.session.shown.number > n and served.session.shown.ran > 3)
        word = offered.title.partition(" (")[0]
        assert served.session.shown.title.startswith(word)
        until(lambda: not served.session.shown.title)


def test_a_map_shows_where_a_thing_can_be_taken(served: Page, tab: Tab, until: Until) -> None:
    choose(tab, "Thing", "red")
    tab.get_by_role("tab", name="Skills").click()
    box = tab.get_by_role("checkbox").locator("visible=true").first
    served.session.play(False)
    until(lambda: not served.session.shown.playing)

    def switched(on: bool) -> Any:
        box.click()
        until(lambda: ("skills take red to" in text(tab)) is on)
        return still(tab)

    def changed(one: Any, other: Any) -> float:
        return float((np.abs(one - other).max(axis=2) > 40).mean())

    def comes_and_goes() -> bool:
        # A busy machine draws later than it says so: then one of the pictures is an old one, and all is done again.
        drawn, bare, again, gone = (switched(on) for on in (True, False, True, False))
        lines = changed(drawn, bare)
        return 0.003 < lines < 0.2 and changed(again, drawn) < 0.003 and changed(gone, bare) < 0.003

    # Lines and dots come onto the table, and go.
    until(comes_and_goes, 240.0)


def test_a_thing_is_brought_to_where_its_ghost_is(served: Page, tab: Tab, until: Until) -> None:
    choose(tab, "Thing", "blue")
    press(tab, "Bring the thing there")
    until(lambda: "show a target first" in text(tab))
    press(tab, "Show a target to drag")
    until(lambda: served.panels.ghost is not None)
    ghost = served.panels.ghost
    assert ghost is not None
    ghost.position = tuple(np.asarray(ghost.position) + np.array([0.0, -0.1, 0.0]))  # As a drag of its arrows does.
    press(tab, "Bring the thing there")
    until(lambda: served.session.shown.title.startswith("put blue at"))
    until(lambda: not served.session.shown.title)


def test_a_second_one_only_watches(served: Page, tab: Tab, browser: Browser, until: Until) -> None:
    other = browser.new_page(viewport={"width": 700, "height": 500})
    other.goto(f"http://127.0.0.1:{served.port}/")
    other.get_by_role("button", name="Stop").wait_for()
    press(other, "Run the skill")
    until(lambda: "Somebody else drives" in text(other))
    assert served.session.shown.title == ""
    other.close()


def test_what_no_page_would_send_is_refused(served: Page, tab: Tab, tmp_path: Path, until: Until) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("a secret\n")
    handle, number = served.panels.card, served.session.shown.number
    tab.get_by_role("tab", name="Scene").click()
    for value in (str(card), 3):
        update = {"type": "GuiUpdateMessage", "uuid": handle._impl.uuid, "updates": {"value": value}}
        protocol = Subprotocol(f"viser-v{viser.__version__}")
        address = f"127.0.0.1:{served.port}"
        with connect(f"ws://{address}/", origin=Origin(f"http://{address}"), subprotocols=[protocol]) as socket:
            socket.send(msgspec.msgpack.encode(update))
            until(lambda v=value: handle.value == str(v))
        press(tab, "Drop the robot in")
        until(lambda: "that is none of the choices" in text(tab))
        tab.evaluate("document.querySelectorAll('.mantine-Notification-closeButton').forEach(e => e.click())")
        until(lambda: "that is none of the choices" not in text(tab))
    handle.value = "planning"
    assert served.session.shown.number == number
    assert "secret" not in text(tab)


def test_pages_of_others_get_no_word_in(served: Page, browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "other.html"
    page.write_text("<p>a page of another site</p>")
    other = browser.new_page()
    other.goto(page.as_uri())
    code = f"""() => new Promise((done) => {{
        const socket = new WebSocket("ws://127.0.0.1:{served.port}/", ["viser-v1.1.1"]);
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    }})"""
    assert other.evaluate(code) == "refused"
    answer = other.request.get(f"http://127.0.0.1:{served.port}/", headers={"Host": "evil.example"})
    assert answer.status == 403
    assert "address that was printed" in answer.text()
    other.close()


def test_somebody_elses_episodes_are_looked_at_frame_by_frame(browser: Browser, tmp_path: Path, until: Until) -> None:
    for module in ("pyarrow", "av"):
        pytest.importorskip(module)
    task = load_registry()["reach"]
    recording = Recording("scripted", (task,), range(41, 43), cameras=("scene",), size=(96, 72))
    with Engine(0) as engine:
        write_demos(tmp_path / "set", "lerobot", recording, {"reach": BUILTIN_POLICIES["scripted"]}, engine)
    first, second = read_recorded(tmp_path / "set")
    theirs = [replace(first, scene=None, success=None), replace(second, scene=None, success=False)]
    with (
        Session(SCENE) as session,
        Page(session, Courses(open_library("default")), Keeping(tmp_path), "127.0.0.1", 0, None, theirs) as page,
    ):
        tab = browser.new_page(viewport={"width": 900, "height": 1400})
        tab.goto(f"http://127.0.0.1:{page.port}/")
        tab.get_by_role("button", name="The next failure", exact=True).wait_for()
        assert tab.get_by_role("button", name="Run it again").count() == 0
        assert "2 episodes, the task done at the end of 0; of 1 it is not said" in text(tab)
        dx, last = first.actions[:, 0], len(first.actions) - 1
        until(lambda: f"Frame 0 of {last}, 0.0 s: dx {dx[0]:.3f}" in text(tab))
        picture = tab.get_by_text("observation.images.scene").locator("xpath=following::img[1]")
        before = picture.get_attribute("src")
        press(tab, "Play")
        until(lambda: f"Frame {last} of {last}, {last / 10:.1f} s: dx {dx[-1]:.3f}" in text(tab))
        until(lambda: picture.get_attribute("src") != before)
        press(tab, "The next failure")
        until(lambda: f"Frame 0 of {len(second.actions) - 1}, 0.0 s: dx {second.actions[0, 0]:.3f}" in text(tab))
        assert session.shown.title == ""
        tab.close()
