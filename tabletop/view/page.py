"""The page: what a person sees and does in the browser, over a session. viser draws it."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, Final

import numpy as np
import viser

from tabletop.demos.recorded import Recorded
from tabletop.errors import TabletopError
from tabletop.progress import tell
from tabletop.view.courses import Courses
from tabletop.view.drawn import Drawn
from tabletop.view.guard import guarded
from tabletop.view.keeping import Keeping
from tabletop.view.panels import Panels
from tabletop.view.session import Session

__all__ = ["Page"]

_PICTURES: Final = 30.0
"""Times a second at which the scene is brought up to date."""
_AGAIN: Final = 2.0
"""s after which it is tried again where it failed."""
_TEXTS: Final = 5.0
"""The same for what is written beside it."""


class _Server(viser.ViserServer):
    """viser's server, which never speaks to others: any browser could ask it for a tunnel to its makers' site."""

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Refuse."""
        return None


def _check_free(host: str, port: int) -> None:
    """Check that a server can listen there: viser would try a thousand other ports, and then wait for ever.

    Raises:
        TabletopError: it cannot.
    """
    try:
        ((family, kind, _, _, address), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
    except UnicodeError as error:
        raise TabletopError(f"cannot listen on {host!r}: {error}; --host takes a name or an address") from None
    except OSError as error:
        raise TabletopError(f"cannot listen on {host}:{port}: {error.strerror}; --port 0 takes any free one") from None


class Page:
    """A server of one page. Close it, or use it as a context."""

    def __init__(
        self,
        session: Session,
        courses: Courses,
        keeping: Keeping,
        host: str,
        port: int,
        token: str | None,
        episodes: Sequence[Recorded] = (),
    ) -> None:
        """Serve it.

        Args:
            session: what is shown; whoever made it closes it.
            courses: what can be asked for.
            keeping: where clips and such are saved.
            host: address to listen on.
            port: 0 for any that is free.
            token: that a browser must bring; None: none, which is for this machine alone.
            episodes: of a dataset that is browsed.

        Raises:
            TabletopError: no server can be made there.
        """
        self.session = session
        self._over = threading.Event()
        self._watching: list[int] = []
        _check_free(host, port)
        # What it prints of itself is kept back: addresses without the token.
        with guarded(token), redirect_stdout(io.StringIO()):
            self.server = _Server(host=host, port=port, label="Tabletop", verbose=False)
        self.server.on_client_connect(lambda client: self._came(client.client_id))
        self.server.on_client_disconnect(lambda client: self._left(client.client_id))
        self.drawn = Drawn(self.server, self._dragged, self._clicked)
        self.panels = Panels(self.server, session, courses, keeping, self.allowed, self.drawn.light, episodes)
        camera = session.shown.scene.camera
        self.server.initial_camera.position = np.array(camera.position)
        self.server.initial_camera.look_at = np.array(camera.target)
        self._thread = threading.Thread(target=self._draw, name="page", daemon=True)
        self._thread.start()

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.server.get_port())

    def close(self) -> None:
        """Stop serving; the session goes on."""
        self._over.set()
        self._thread.join()
        with redirect_stdout(io.StringIO()):
            self.server.stop()

    def allowed(self, client: int | None) -> bool:
        """Return whether a browser drives: the one that has been here longest does, all others watch."""
        return client is not None and self._watching[:1] == [client]

    def _came(self, client: int) -> None:
        self._watching.append(client)
        if len(self._watching) > 1:
            self._tell(client, "Somebody else drives", "You watch. Once they close their page, you may drive.")

    def _left(self, client: int) -> None:
        drove = self.allowed(client)
        self._watching = [c for c in self._watching if c != client]
        if drove:
            self._try(self.session.let_go)
            if self._watching:
                self._tell(self._watching[0], "You drive now", "The one who did has left.")

    def _tell(self, client: int, title: str, body: str) -> None:
        found = self.server.get_clients().get(client)
        if found is not None:
            found.add_notification(title, body, auto_close_seconds=8.0)

    def _dragged(self, name: str, event: Any) -> None:
        if not self.allowed(event.client_id):
            return
        if event.phase == "end":
            self._try(self.session.let_go)
        else:
            self._try(lambda: self.session.drag(name, event.start_position, event.end_position))

    def _clicked(self, name: str, client: int) -> None:
        if self.allowed(client):
            self.panels.choose(name)

    @staticmethod
    def _try(order: Callable[[], None]) -> None:
        try:
            order()
        except TabletopError:
            # The session is over: the page is about to be closed.
            return

    def _draw(self) -> None:
        due = written = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            due = max(now, due + 1 / _PICTURES)
            try:
                self._bring_up_to_date(now, now >= written)
            except Exception as error:
                # A page that stands still helps nobody; what is wrong shows on the terminal.
                tell(f"the page could not be brought up to date: {type(error).__name__}: {error}")
                due = now + _AGAIN
            if now >= written:
                written = now + 1 / _TEXTS

    def _bring_up_to_date(self, now: float, texts: bool) -> None:
        shown = self.session.shown
        self.drawn.draw(shown, now)
        if texts:
            self.panels.write(shown)
