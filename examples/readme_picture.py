"""Put the clips of a run's named skills side by side in one animated picture (the README's).

python examples/readme_picture.py runs/demo docs/skills.webp
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tabletop.report import read_clip, write_clip
from tabletop.report.clips import caption
from tabletop.runs.records import Naming
from tabletop.runs.store import read_record

COLUMNS, ROWS = 5, 3


def main(run: Path, out: Path) -> None:
    """Take the best-named skill of each task, most reliable first."""
    best = [s for s in read_record(run / Naming.FILE, Naming).best().values() if s.clip]
    chosen = sorted(best, key=lambda s: (-s.success, s.title))[: COLUMNS * ROWS]
    columns = min(COLUMNS, len(chosen))
    chosen = chosen[: len(chosen) // columns * columns]
    clips = [[caption(f, s.title) for f in _frames(run / str(s.clip))] for s in chosen]
    length = max(len(c) for c in clips)
    padded = [c + [c[-1]] * (length - len(c)) for c in clips]
    frames = [
        np.concatenate(
            [np.concatenate([c[t] for c in padded[i : i + columns]], axis=1) for i in range(0, len(padded), columns)]
        )
        for t in range(length)
    ]
    write_clip(frames, out, fps=10, quality=60)


def _frames(path: Path) -> list[np.ndarray]:
    """Return a clip's frames at ten a second; the encoder merges equal ones into longer ones."""
    frames, durations = read_clip(path)
    return [f for f, d in zip(frames, durations, strict=True) for _ in range(max(1, round(min(d, 1000) / 100)))]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
