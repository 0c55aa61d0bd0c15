"""`tabletop measure`: how many skills a library has, and what they carry as a channel from code to effect."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tabletop.api.folder import folder_for
from tabletop.api.measuring import measurement, measuring_within
from tabletop.api.stages import write_discovery
from tabletop.metrics.baselines import measure_library
from tabletop.progress import tell
from tabletop.report.measured import write_measured
from tabletop.rollout.engine import Engine
from tabletop.runs.lock import alone_in
from tabletop.runs.records import Measurement
from tabletop.runs.store import record_data, write_record
from tabletop.skills.library import Library, find_library, load_library

__all__ = ["measure_and_plot"]


def measure_and_plot(options: argparse.Namespace) -> dict[str, Any]:
    """Measure a library; write measure.json and measure.html; return what --json prints.

    A run that was discovered with --no-measure gets its discover.json, too.

    Raises:
        TabletopError: no such library, or it is damaged.
    """
    path = find_library(options.library)
    library = load_library(path)
    folder = Path(options.out) if options.out else _beside(path, options.library)
    with alone_in(folder):
        return _measure(options, path, library, folder)


def _measure(options: argparse.Namespace, path: Path, library: Library, folder: Path) -> dict[str, Any]:
    """Measure the library that lies at a path, and write what comes of it into a folder that is held."""
    with Engine(options.workers) as engine:
        plan = measuring_within(library, engine, options.seed, options.episodes, options.minutes)
        tell(plan.announcement())
        found = measure_library(library, engine, plan.episodes, options.seed)
    record = measurement(library, found, options.library, options.seed)
    if path == folder / "library" and not (folder / "discover.json").exists():
        write_discovery(folder, library, found)
    write_record(folder / Measurement.FILE, record)
    result = record_data(record)
    return {**result, "page": str(write_measured(folder, result))}


def _beside(path: Path, name: str) -> Path:
    """Return the run folder that a library lies in, or runs/NAME for one from elsewhere."""
    return path.parent if path.name == "library" and Path(name).exists() else folder_for(Path(name))
