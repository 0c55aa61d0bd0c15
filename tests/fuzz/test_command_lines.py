"""Commands with something that cannot be: one line, exit code 2, and nothing written."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop.cli import main
from tabletop.cli.parser import build_parser
from tabletop.errors import TabletopError

NUMBERS: Final = st.sampled_from(
    ["-1", "-9999999999999999999", "9" * 30, "9" * 5_000, "nan", "inf", "-inf", "1e400", "", " ", "0x10", "1,5", "½"]
)
PATHS: Final = ["..", ".", "/", "a/" * 2_000, "../../etc/passwd", "/dev/null/x", "~nobody/x", "ghost.py", "ghost.zip"]
WORDS: Final = [
    "",
    " ",
    "a\0b",
    "bad\udcff",
    "x" * 5_000,
    "{0}",
    "%s",
    "💥",
    "\n",
    "\x1b[31m",
    "[",
    ",",
    "-",
    "pusH",
    "lift,,",
]
NAMES: Final = st.sampled_from(PATHS + WORDS) | st.text(max_size=20).map(lambda text: text.replace("-", "_")).filter(
    lambda text: not text.strip().isdigit()  # `--workers=7` is fine.
)
FREE: Final = {"out", "json", "help", "version", "resume", "all", "measure", "physics", "seconds"}
"""Options that may have any value, or none."""
NEED_NO_MORE: Final = {"predicates", "new", "objects", "robots", "libraries"}


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (found,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {name: parser for name, parser in found.choices.items() if name not in NEED_NO_MORE}


@st.composite
def lines(draw: st.DrawFn, name: str, parser: argparse.ArgumentParser) -> list[str]:
    """Draw the arguments of a command, of which at least one cannot be."""
    options = [a for a in parser._actions if a.option_strings and a.dest not in FREE]
    words = [draw(NAMES) for a in parser._actions if not a.option_strings and a.nargs != "?"]
    words = [word if word not in GOOD else "ghost" for word in words]
    wrong = draw(st.lists(st.sampled_from(options), min_size=0 if words else 1, max_size=3)) if options else []
    for option in wrong:
        if option.nargs == 0:
            words.append(option.option_strings[0])
            continue
        value = draw(NUMBERS if option.type in {int, float} else NAMES)
        words.append(f"{option.option_strings[0]}={value}")
    if draw(st.booleans()) and any(a.dest == "out" for a in parser._actions):
        words.append(f"--out={draw(NAMES)}")
    return [name, *draw(st.permutations(words))]


GOOD: Final = {".", ""}


PROFILE: Final = settings.get_profile("fuzz" if settings.get_current_profile_name() == "fuzz" else "few")


@pytest.mark.parametrize("name", commands(), ids="tabletop {}".format)
def test_what_cannot_be_is_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tally: Any
) -> None:
    monkeypatch.chdir(tmp_path)

    @settings(PROFILE)
    @given(lines(name, commands()[name]))
    def give(words: list[str]) -> None:
        tally.give(words, refusal(words, capfd), bad=True)
        assert not list(tmp_path.iterdir())

    give()


def refusal(words: list[str], capfd: pytest.CaptureFixture[str]) -> Callable[[], None]:
    """Return what runs a command and raises what it says."""

    def run() -> None:
        capfd.readouterr()
        code = main(words)
        out, err = capfd.readouterr()
        if code == 2:
            assert out == ""
            assert err.startswith("tabletop: ")
            assert err.endswith("\n")
            raise TabletopError(err.removeprefix("tabletop: ").removesuffix("\n"))

    return run
