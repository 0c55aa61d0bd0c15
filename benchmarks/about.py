"""What a figure was measured on: the same words in every file of benchmarks/results."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

__all__ = ["about"]


def about(*packages: str) -> dict[str, str | Mapping[str, str | int | None]]:
    """Return the command, the day (UTC), the machine and the versions of packages, for a result's file."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "command": "python benchmarks/" + " ".join(words),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in packages},
    }
