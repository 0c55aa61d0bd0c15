"""What a newcomer's first run came to, from the folder that it left: nothing is run here.

    time make demo
    python benchmarks/demo.py runs/demo --seconds 760 --out benchmarks/results/demo.json

Seconds are those of `time`, in a clean clone, installation included.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from about import about

from tabletop.files import read_json, write_whole


def main() -> None:
    """Read the run's summary, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, default=Path("demo.json"))
    arguments = parser.parse_args()
    summary = read_json(arguments.run / "summary.json", "summary.json")
    result = {
        **about("pybullet", "torch", "numpy"),
        "command": "make demo",
        "seconds": arguments.seconds,
        "discover": summary["discover"],
        "named": summary["name"]["named_tasks"],
        "plan": summary["plan"],
    }
    write_whole(arguments.out, (json.dumps(result, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
