"""The run folder of a command: which it is, and the note of how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabletop import __version__
from tabletop.files import as_utf8, write_whole
from tabletop.yaml_files import yaml_text

__all__ = ["new_folder", "note"]


def new_folder(options: argparse.Namespace) -> Path:
    """Return the folder that `tabletop discover` or `run` makes."""
    return Path(options.out or ("runs/demo" if options.command == "run" else f"runs/{options.seed}"))


def note(folder: Path, options: argparse.Namespace) -> None:
    """Write run.yaml: the command, version and settings that made a folder."""
    settings = {k: v for k, v in vars(options).items() if k not in {"command", "json"} and v is not None}
    words = " ".join(f"--{k} {v}" for k, v in settings.items() if k not in {"run", "resume", "measure"})
    words += "" if settings.get("measure", True) else " --no-measure"
    card = {
        "command": f"tabletop {options.command} {getattr(options, 'run', '')} {words}".replace("  ", " ").strip(),
        "version": __version__,
        "seed": options.seed,
        "settings": settings,
    }
    write_whole(folder / "run.yaml", yaml_text(as_utf8(card)))
