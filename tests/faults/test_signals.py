"""A command that is told to stop says one line and exits with the signal's code, whatever it imports just then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AT_IMPORT = """
import os, sys
name, number, *arguments = sys.argv[1:]
def watch(event, found):
    if event == "import" and found[0] == name:
        os.kill(os.getpid(), int(number))
sys.addaudithook(watch)
sys.argv = ["tabletop", *arguments]
from tabletop.__main__ import main
sys.exit(main())
"""


def stopped_at(module: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", AT_IMPORT, module, str(int(number)), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("module", ["tabletop.cli", "argparse", "msgspec", "tabletop.logic", "numpy"])
def test_ctrl_c_at_an_import_is_one_line(module: str) -> None:
    done = stopped_at(module, signal.SIGINT, "tasks")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "tabletop: interrupted\n")


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")])
def test_other_signals_have_codes_of_their_own(number: int, name: str) -> None:
    done = stopped_at("numpy", number, "tasks")
    assert (done.returncode, done.stderr) == (128 + number, f"tabletop: stopped by {name}\n")


def test_an_ignored_signal_stays_ignored() -> None:
    line = f"exec {sys.executable} -c '{AT_IMPORT}' numpy {int(signal.SIGHUP)} tasks --tasks lift"
    done = subprocess.run(
        ["sh", "-c", f"trap '' HUP; {line}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_without_streams_does_its_work(closed: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m tabletop scene --out {tmp_path}/scene {closed}"
    done = subprocess.run(["sh", "-c", command], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False)
    assert done.returncode == 0
    assert sorted(p.name for p in (tmp_path / "scene").iterdir()) == ["scene.png", "scene.yaml"]
