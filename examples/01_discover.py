"""Discover skills without reward, count them, name them, and film the best.

python examples/01_discover.py runs/first          # an hour; a number behind it is a budget in control steps
"""

from __future__ import annotations

import sys

import tabletop as tt


def main(folder: str, steps: int | None = None) -> None:
    """Discover into a folder, for 30 minutes or for a number of control steps."""
    if steps is None:
        skills = tt.discover(folder, minutes=30)
        print(tt.measure(skills, minutes=8))
        names = tt.name_skills(skills, minutes=20)
    else:
        skills = tt.discover(folder, steps=steps, effects=["joint"], scene="discovery")
        print(tt.measure(skills, episodes=2))
        names = tt.name_skills(skills, episodes=2)
    names.save(folder)
    print(names)
    for skill in names.named()[:1] or names.skills[:1]:
        print(tt.record(skill.id, f"{folder}/best.webp", library=folder))


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
