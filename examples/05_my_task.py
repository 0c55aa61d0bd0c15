"""Write a task of your own as a card, and see whether a scripted policy does it.

python examples/05_my_task.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import tabletop as tt
from tabletop.control import ScriptedPolicy, read_steps
from tabletop.logic import load_registry
from tabletop.rollout.policy import Policy
from tabletop.sim.scene import Scene

CARD = """
description: Lift the block by 12 cm, hold it, and leave the bowl where it is.
scene:
  entities: {block: block, bowl: bowl}
success: lifted(block, 12 cm) and held(block) and undisturbed(bowl)
horizon: 60
counterexample: lifted(block, 5 cm) and held(block)
"""
STEPS = "- grasp: block\n- lift: {height: 14 cm}\n"


def main(episodes: int = 10) -> None:
    """Print how often the steps do the task, beside random actions."""
    with TemporaryDirectory() as folder:
        tasks = Path(folder) / "tasks"
        card, script = tasks / "own" / "lift-12.yaml", Path(folder) / "steps.yaml"
        card.parent.mkdir(parents=True)
        card.write_text(CARD, encoding="utf-8")
        script.write_text(STEPS, encoding="utf-8")
        task, steps = load_registry(tasks)["lift-12"], read_steps(script)

    def scripted(task: object, scene: Scene) -> Policy:
        return ScriptedPolicy(steps)

    for policy in (scripted, "random"):
        print(tt.evaluate(policy, task, episodes=episodes, workers=0))


if __name__ == "__main__":
    main()
