from __future__ import annotations

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from tabletop.view.guard import is_loopback, refusal


def asked(path: str = "/", **headers: str) -> Request:
    return Request(path, Headers([(name.replace("_", "-"), value) for name, value in headers.items()]))


SOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}


def test_this_machine_opens_the_page_without_a_token() -> None:
    assert refusal(asked(Host="127.0.0.1:8080"), None) is None
    assert refusal(asked(Host="localhost:8080", Origin="http://localhost:8080", **SOCKET), None) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8080"},
        {"Host": "127.0.0.1:8080", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1:8080", "Origin": "null", **SOCKET},
        {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:9999", **SOCKET},
        {"Host": "127.0.0.1:8080", **SOCKET},
        {},
    ],
    ids=["a name that leads here", "another site", "a file", "another port", "no browser", "no host"],
)
def test_pages_of_others_cannot_speak_to_it(headers: dict[str, str]) -> None:
    refused = refusal(asked(**headers), None)
    assert refused is not None
    assert refused.status_code == 403


def test_from_elsewhere_the_token_is_asked_for_once_and_then_kept_out_of_the_address() -> None:
    here = {"Host": "robot.lab:8080"}
    assert refusal(asked(**here), "secret").status_code == 403  # type: ignore[union-attr]
    assert refusal(asked("/?token=wrong", **here), "secret").status_code == 403  # type: ignore[union-attr]
    moved = refusal(asked("/?token=secret", **here), "secret")
    assert moved is not None
    assert (moved.status_code, moved.headers["Location"]) == (303, "/")
    cookie = moved.headers["Set-Cookie"].partition(";")[0]
    assert "HttpOnly" in moved.headers["Set-Cookie"]
    assert "SameSite=Strict" in moved.headers["Set-Cookie"]
    assert refusal(asked(Cookie=cookie, **here), "secret") is None
    assert refusal(asked(Cookie="tabletop-view=other", **here), "secret").status_code == 403  # type: ignore[union-attr]
    socket = asked(Cookie=cookie, Origin="http://robot.lab:8080", **SOCKET, **here)
    assert refusal(socket, "secret") is None


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("lab", False)]
)
def test_which_addresses_only_this_machine_can_reach(host: str, here: bool) -> None:
    assert is_loopback(host) is here
