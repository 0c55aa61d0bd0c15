"""Robot skills discovered without reward on a randomised tabletop, then named, chained and perturbed.

    import tabletop as tt

    tt.evaluate("scripted", "push,lift")

Names below are imported when they are first used: importing the package itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` takes a third of the time in which a command does not hear Ctrl-C yet.
if TYPE_CHECKING:
    from typing import Any, Final

    from tabletop.api.front import (
        discover,
        evaluate,
        load_library,
        load_result,
        make_scene,
        measure,
        name_skills,
        perturb,
        plan,
        predicates,
        record,
        tasks,
    )
    from tabletop.api.importing import import_robot, import_thing
    from tabletop.api.project import use_project
    from tabletop.api.robots import check_robot, use_robot
    from tabletop.errors import TabletopError
    from tabletop.rollout.observation_policy import ObservationPolicy
    from tabletop.sim.world import World

__all__ = [
    "ObservationPolicy",
    "TabletopError",
    "World",
    "__version__",
    "check_robot",
    "discover",
    "evaluate",
    "import_robot",
    "import_thing",
    "load_library",
    "load_result",
    "make_scene",
    "measure",
    "name_skills",
    "perturb",
    "plan",
    "predicates",
    "record",
    "tasks",
    "use_project",
    "use_robot",
]

__version__ = "0.1.0"

_ELSEWHERE: Final = {
    "ObservationPolicy": "tabletop.rollout.observation_policy",
    "TabletopError": "tabletop.errors",
    "World": "tabletop.sim.world",
    "check_robot": "tabletop.api.robots",
    "import_robot": "tabletop.api.importing",
    "import_thing": "tabletop.api.importing",
    "use_robot": "tabletop.api.robots",
    "use_project": "tabletop.api.project",
}


def __getattr__(name: str) -> Any:
    """Import what `__all__` names on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'tabletop' has no attribute {name!r}")
    found = getattr(import_module(_ELSEWHERE.get(name, "tabletop.api.front")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
