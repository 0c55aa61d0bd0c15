"""Record demonstrations of scripted policies as a LeRobot dataset, and read them back.

    python examples/06_lerobot.py data          # a new folder; a number behind it counts the episodes

It needs the extra `demos`. `tabletop demos scripted --tasks push,lift --format lerobot --out data` does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tabletop as tt
from tabletop.demos.lerobot_read import read_lerobot
from tabletop.demos.write import Recording, write_demos
from tabletop.rollout import Engine
from tabletop.rollout.evaluate import scripted


def main(folder: str, episodes: int = 20) -> None:
    """Write the dataset, and print how long its episodes are."""
    tasks = tt.tasks("push,lift")
    recording = Recording("scripted", tasks, range(episodes))
    with Engine() as engine:
        print(write_demos(Path(folder), "lerobot", recording, {t.name: scripted for t in tasks}, engine))
    data = read_lerobot(Path(folder))
    print(f"{len(data.episodes)} episodes of {', '.join(data.tasks)}")
    for name, column in data.frames.items():
        print(f"{name:24} {column.shape}")


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
