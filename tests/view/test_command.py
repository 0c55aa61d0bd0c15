"""The command, as one types it."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tabletop.cli.main import main


def get(port: int, **headers: str) -> int:
    """Return the status of the page, asked for once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers=headers)
    return connection.getresponse().status


def test_it_prints_its_address_serves_there_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tabletop", "view", "--port", "0", "--seed", "3"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"open http://127\.0\.0\.1:(\d+)/ in a browser; Ctrl-C ends it\n", line)
            assert found is not None, line
            assert get(int(found[1])) == 200
            assert get(int(found[1]), Host="evil.example") == 403
        finally:
            process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert error == "tabletop: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere"),
        (["--card", "nocard"], "nocard"),
        (["--policy", "scripted"], "--policy takes a file such as policy.py:make"),
        (["--policy", "nowhere.py:make"], "nowhere.py"),
        (["--host", "203.0.113.9", "--port", "0"], "cannot listen on 203.0.113.9:0"),
        (["--host", "..", "--port", "0"], "cannot listen on '..': "),
        (["--port", "70000"], "--port must be a whole number from 0 to 65535, got 70000"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
