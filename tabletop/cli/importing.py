"""`tabletop import`: things of one's own, into a project."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabletop.api.importing import import_file, import_robot
from tabletop.cli.show import say
from tabletop.errors import TabletopError
from tabletop.files import read_text
from tabletop.importing.apart import Apart
from tabletop.importing.objects import Options
from tabletop.progress import track

__all__ = ["import_command"]


def import_command(options: argparse.Namespace) -> None:
    """Import files, one by one; what was imported before one that fails stays.

    Raises:
        TabletopError: a name is given to several files, or a file is none that can be had.
    """
    if options.name is not None and len(options.files) > 1:
        raise TabletopError(f"--name takes one file, got {len(options.files)}")
    if options.as_robot:
        _robots(options)
        return
    given = Options(
        options.name, options.units, options.scale, options.up, options.density, options.mass, fixed=options.fixed
    )
    with Apart() as apart:
        cards = [
            import_file(Path(file), given, replace=options.replace, apart=apart)
            for file in track(options.files, "import")
        ]
    pages = [card.with_suffix("") / "index.html" for card in cards]
    lines = []
    for card, page in zip(cards, pages, strict=True):
        guessed = [
            line.removeprefix("# ") for line in read_text(card, "the card").splitlines() if line.startswith("# ")
        ]
        lines += [str(card), *(f"  {line}" for line in guessed), f"  pictures, and where it is held: {page}"]
    say(options, {"cards": [str(card) for card in cards], "pages": [str(page) for page in pages]}, lines)


def _robots(options: argparse.Namespace) -> None:
    """Draft the cards of robots."""
    cards = [import_robot(file, name=options.name, replace=options.replace) for file in track(options.files, "import")]
    lines = [
        f"{card}  (drafted: its comments say what to check; then 'tabletop robots check {card.stem}')" for card in cards
    ]
    say(options, {"cards": [str(card) for card in cards]}, lines)
