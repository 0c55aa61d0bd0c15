"""How live the page of `tabletop view` is: pictures, the time from a drag to its effect, all named skills, memory.

    python benchmarks/view.py --out benchmarks/results/view.json
    python benchmarks/view.py --minutes 30 --out view_memory.json

Server and browser (Chromium without a window, drawing by its processor) run on this one machine, physics in real time.

"pictures" a second are updates of the scene that reach the browser while a skill runs, and "drawn" those that the
browser draws in the same time. "control" is the share of real time's control steps that were taken. A "delay" is the
time from the mouse's first move in the browser to the sending of the first picture in which the thing that it drags has
moved by a tenth of a millimetre; --drags of them. The browser draws it with its next frame.

Then each named skill of the library is run live from its button in the gallery, at four times real time. It counts as
done where what its task asks for holds once it has ended. With --minutes the robot acts on for so long, and the memory
of this process is read once a minute, when as much as is kept of the past is.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from about import about
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.naming import open_library
from tabletop.progress import tell
from tabletop.sim.generate import generate
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view import Session
from tabletop.view.courses import Courses
from tabletop.view.keeping import Keeping
from tabletop.view.page import Page

FLAGS: Final = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run")
MOVED: Final = 1e-4
WATCH: Final = """() => { window.frames_drawn = 0; window.first_move = null;
    const move = () => { window.first_move ??= performance.timeOrigin + performance.now(); };
    addEventListener("pointermove", move, true);
    const next = () => { window.frames_drawn += 1; requestAnimationFrame(next); };
    requestAnimationFrame(next); }"""


def until(true: Callable[[], object], seconds: float, tab: Tab) -> bool:
    """Wait until something is true, the browser's events being taken meanwhile; return whether it came true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        tab.wait_for_timeout(1)
    return True


def on_screen(page: Page, tab: Tab, point: Any) -> tuple[float, float]:
    """Return where a point of the world is on the screen, px."""
    (client,) = page.server.get_clients().values()
    camera = client.camera
    w, x, y, z = camera.wxyz
    right = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)])
    down = np.array([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)])
    away = np.asarray(point) - camera.position
    ahead = float(away @ np.cross(right, down))
    box = tab.locator("canvas").first.bounding_box()
    if box is None:
        raise TabletopError("the page shows no scene")
    scale = box["height"] / 2 / np.tan(camera.fov / 2) / ahead
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle[0] + scale * float(away @ right), middle[1] + scale * float(away @ down)


def liveness(page: Page, tab: Tab, received: list[float], drags: int) -> dict[str, Any]:
    """Measure pictures, control steps and drags."""
    session = page.session
    tab.evaluate(WATCH)
    scene = session.shown.scene
    session.begin(Courses(open_library("default")).skill("drawer-open", None, scene))
    until(lambda: session.shown.ran > 3, 30, tab)
    begun, pictures, step = time.monotonic(), len(received), session.shown.now.step
    drawn = tab.evaluate("frames_drawn")
    tab.wait_for_timeout(5000)
    took = time.monotonic() - begun
    found: dict[str, Any] = {
        "pictures": (len(received) - pictures) / took,
        "drawn": (tab.evaluate("frames_drawn") - drawn) / took,
        "control": (session.shown.now.step - step) * session.settings.control_step / took,
    }
    session.end()
    delays = [d for i in range(drags) if (d := _drag(page, tab, i)) is not None]
    quantiles = np.quantile(delays, [0.5, 0.9, 1.0]).tolist() if delays else [None] * 3
    return {
        **found,
        "drags": len(delays),
        "delay": dict(zip(("median", "nine_of_ten", "most"), quantiles, strict=True)),
    }


def _drag(page: Page, tab: Tab, number: int) -> float | None:
    """Return the s from the mouse's move, in the browser, to the sending of the block's first move; None: none."""
    session = page.session
    before = session.shown.number
    session.drop_in(session.shown.scene)
    until(lambda: session.shown.number > before and session.shown.now.step > 8 + number % 7, 30, tab)
    shown = session.shown
    start = shown.now.state.entity("blue", "position")
    frame = next(piece.frame for piece in shown.pieces if piece.label == "blue")
    x, y = on_screen(page, tab, start)
    tab.mouse.move(x, y)
    tab.mouse.down()
    still, sent = page.drawn.sent[frame].copy(), []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.0005):
            if np.linalg.norm(page.drawn.sent[frame, :3] - still[:3]) > MOVED:
                sent.append(time.time())
                return

    watching = threading.Thread(target=watch)
    watching.start()
    tab.evaluate("() => { window.first_move = null; }")
    tab.mouse.move(x + 40, y + 10, steps=2)
    until(lambda: sent, 5, tab)
    done.set()
    watching.join()
    begun = tab.evaluate("first_move")
    tab.mouse.up()
    return sent[0] - begun / 1000 if sent and begun else None


def _begun(session: Session, number: int) -> bool:
    return session.shown.number > number and bool(session.shown.title)


def gallery(page: Page, tab: Tab) -> list[dict[str, Any]]:
    """Run each named skill from its button; return what came of it."""
    session, out = page.session, []
    session.speed(4.0)
    tab.get_by_role("tab", name="Skills", exact=True).click()
    for offered in Courses(open_library("default")).offered():
        if offered.rate is None:
            continue
        number = session.shown.number
        tab.get_by_role("button", name=offered.title, exact=True).click()
        begun = until(partial(_begun, session, number), 30, tab)
        ended = begun and until(lambda: not session.shown.title, 90, tab)
        done = bool(ended) and "(it holds)" in session.shown.said[-1]
        tell(f"{offered.title}: {'done' if done else session.shown.said[-1] if ended else 'did not end'}")
        out.append({"skill": offered.id, "title": offered.title, "ran": bool(ended), "done": done})
    return out


def memory(page: Page, tab: Tab, minutes: float) -> list[float]:
    """Let the robot act on, and return this process's memory, MiB, once a minute."""
    session, courses, out = page.session, Courses(open_library("default")), []
    end, due = time.monotonic() + 60 * minutes, time.monotonic() + 60
    names = [offered.id for offered in courses.offered() if offered.rate is not None]
    turn = 0
    while time.monotonic() < end:
        if not session.shown.title:
            turn += 1
            try:
                session.begin(courses.skill(names[turn % len(names)], None, session.shown.scene))
            except TabletopError:
                continue
        tab.wait_for_timeout(500)
        if time.monotonic() >= due:
            due += 60
            status = Path("/proc/self/status").read_text(encoding="ascii")
            out.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
            tell(f"{out[-1]:.0f} MiB after {len(out)} min, {threading.active_count()} threads")
    return out


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drags", type=int, default=20, help="to time (default 20)")
    parser.add_argument("--no-gallery", action="store_true", help="leave the skills out")
    parser.add_argument("--minutes", type=float, help="watch the memory for so long instead")
    parser.add_argument("--out", required=True, help="file for the figures")
    options = parser.parse_args()
    scene, courses = generate(find_scene_card("planning"), 1), Courses(open_library("default"))
    received: list[float] = []
    with (
        Session(scene) as session,
        Page(session, courses, Keeping(Path("view")), "127.0.0.1", 0, None) as page,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        tab = browser.new_page(viewport={"width": 900, "height": 640})
        if options.minutes is None:  # A list that grows is no part of what is measured.
            tab.on("websocket", lambda s: s.on("framereceived", lambda _: received.append(time.monotonic())))
        tab.goto(f"http://127.0.0.1:{page.port}/")
        tab.get_by_role("button", name="Stop").wait_for()
        tab.wait_for_timeout(3000)
        if options.minutes is None:
            found: dict[str, Any] = liveness(page, tab, received, options.drags)
            if not options.no_gallery:
                found["gallery"] = gallery(page, tab)
        else:
            found = {"memory": memory(page, tab, options.minutes)}
        browser.close()
    write_whole(Path(options.out), json.dumps({**found, **about("viser", "pybullet", "numpy")}, indent=2) + "\n")
    print(json.dumps({k: v for k, v in found.items() if k != "gallery"}, indent=2))
    if "gallery" in found:
        rows = found["gallery"]
        print(f"{sum(r['ran'] for r in rows)} of {len(rows)} ran, {sum(r['done'] for r in rows)} did it")


if __name__ == "__main__":
    main()
