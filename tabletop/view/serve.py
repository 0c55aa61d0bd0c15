"""`tabletop view`: serve the page until it is told to stop."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tabletop.demos.recorded import is_dataset, read_recorded
from tabletop.errors import TabletopError
from tabletop.naming import open_library
from tabletop.rollout.policy_file import is_policy_file, load_policy_file
from tabletop.sim.generate import generate
from tabletop.sim.scene import load_scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view.courses import Courses
from tabletop.view.episodes import again
from tabletop.view.guard import is_loopback
from tabletop.view.keeping import Keeping
from tabletop.view.page import Page
from tabletop.view.session import Session

__all__ = ["serve"]

_SHIPPED: Final = "default"


def serve(
    what: str,
    *,
    card: str,
    seed: int,
    scene: str | Path | None = None,
    policy: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    out: str | Path = "view",
    ready: Callable[[str], None],
    over: threading.Event | None = None,
) -> None:
    """Serve the page of a scene until `over` is set, or Ctrl-C.

    Args:
        what: run folder or library whose skills can be asked for; or a recorded dataset, beside the library that ships.
        card: scene card to begin with.
        seed: of the first scene.
        scene: path of a saved scene to begin with, instead.
        policy: a policy file of the user's own, such as "policy.py:make".
        host: address to listen on. Where others can reach it, the address of the page holds a token.
        port: 0 for any that is free.
        out: folder that clips and such are saved in.
        ready: called with the address of the page once it is served.
        over: set to end it.

    Raises:
        TabletopError: no such library, dataset, card, scene or policy file, or the address is taken.
    """
    if policy is not None:
        if not is_policy_file(policy):
            raise TabletopError(f"--policy takes a file such as policy.py:make, got {policy!r}")
        load_policy_file(policy)  # Refused before anything is served.
    episodes = read_recorded(Path(what)) if Path(what).is_dir() and is_dataset(Path(what)) else []
    courses = Courses(open_library(_SHIPPED if episodes else what), policy)
    if scene is not None:
        first = load_scene(scene)
    else:
        ours = next((episode for episode in episodes if episode.scene is not None), None)
        first = again(ours)[0] if ours is not None else generate(find_scene_card(card), seed)
    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    keeping = Keeping(Path(out))
    with Session(first) as session, Page(session, courses, keeping, host, port, token, episodes) as page:
        ready(f"http://{host}:{page.port}/" + ("" if token is None else f"?token={token}"))
        (over or threading.Event()).wait()
