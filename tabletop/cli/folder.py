"""The run folder of a command: which it is, and the note of how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["new_folder", "note"]


def new_folder(options: argparse.Namespace) -> Path:
    """Return the folder that `tabletop discover` or `run` makes."""
    return Path(options.out or ("runs/demo" if options.command == "run" else f"runs/{options.seed}"))


def note(folder: Path, options: argparse.Namespace) -> None:
    """Write run.yaml: the command, version and settings that made a folder, or went on with it."""
    from tabletop.api.folder import note_made
    from tabletop.skills.library import find_library, load_library

    left_out = {"command", "json", "resume"}
    settings = {k: v for k, v in vars(options).items() if k not in left_out and v is not None}
    start = None
    if "start" in settings:
        settings["from"] = settings.pop("start")
        start = load_library(find_library(settings["from"])).digest
    resumed = getattr(options, "resume", False)
    words = ["tabletop", options.command, *([options.run] if hasattr(options, "run") else []), *["--resume"] * resumed]
    words += [f"--{k.replace('_', '-')} {v}" for k, v in settings.items() if k not in {"run", "measure"}]
    words += [] if settings.get("measure", True) else ["--no-measure"]
    note_made(folder, " ".join(words), options.seed, settings, resumed, start)
