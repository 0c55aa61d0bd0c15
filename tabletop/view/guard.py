"""Who may open the page: only pages of this very server, and from elsewhere only those who know its token.

viser serves whoever asks. A page of some other site could so reach a server on this machine, by a WebSocket or by a
name that leads to 127.0.0.1. Each request is checked before viser sees it.
"""

from __future__ import annotations

import hmac
import http
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio import server as sockets
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tabletop.errors import TabletopError

__all__ = ["guarded", "is_loopback", "refusal"]

_COOKIE: Final = "tabletop-view"
_HERE: Final = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host's address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(request: Request, token: str | None) -> Response | None:
    """Return why a request is refused, or None where it is not.

    Args:
        request: of a file or of a WebSocket.
        token: that it must bear, in its address or in the cookie that was set for it; None: this machine asks itself.
    """
    hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
    if len(hosts) != 1 or len(origins) > 1:
        return _answer(http.HTTPStatus.FORBIDDEN, "a request has one Host and at most one Origin\n")
    if token is None and urlsplit(f"//{hosts[0]}").hostname not in {h.strip("[]") for h in _HERE}:
        return _answer(http.HTTPStatus.FORBIDDEN, "open this page by the address that was printed\n")
    if origins and urlsplit(origins[0]).netloc != hosts[0]:
        return _answer(http.HTTPStatus.FORBIDDEN, "only pages of this server may speak to it\n")
    if request.headers.get("Upgrade", "").lower() == "websocket" and not origins:
        return _answer(http.HTTPStatus.FORBIDDEN, "a browser says where a WebSocket comes from\n")
    if token is None or _same(_cookie(request), token):
        return None
    address = urlsplit(request.path)
    if _same((parse_qs(address.query).get("token") or [""])[0], token):
        # The token leaves the address, so that it is in no history and in no picture of the page.
        cookie = f"{_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
        return _answer(http.HTTPStatus.SEE_OTHER, "", ("Location", address.path or "/"), ("Set-Cookie", cookie))
    return _answer(http.HTTPStatus.FORBIDDEN, "open this page by the whole address that was printed, token included\n")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie("; ".join(request.headers.get_all("Cookie"))).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _answer(status: http.HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    body = text.encode()
    usual = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("Connection", "close")]
    return Response(status.value, status.phrase, Headers([*usual, *headers]), body)


@contextmanager
def guarded(token: str | None) -> Iterator[None]:
    """Have each request checked that a server gets which is made in the block.

    viser has no setting for it, but asks the websockets library for its server: there the check is put before viser's.

    Raises:
        TabletopError: viser made its server in another way, and nothing would be checked.
    """
    serve, made = sockets.serve, []

    @wraps(serve)
    def checked(*arguments: Any, process_request: Callable[..., Any] | None = None, **others: Any) -> Any:
        def process(connection: sockets.ServerConnection, request: Request) -> Any:
            refused = refusal(request, token)
            if refused is not None:
                return refused
            return process_request(connection, request) if process_request is not None else None

        made.append(True)
        return serve(*arguments, process_request=process, **others)

    sockets.serve = checked  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        sockets.serve = serve  # type: ignore[misc]
    if not made:
        raise TabletopError("this release of viser starts its server in a way that cannot be guarded; see docs/view.md")
