"""The kind of discovery that a command line asks for: objective, what it sees, codes, starts, scenes, effects."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

from tabletop.skills.collect import effects_of_card
from tabletop.skills.discover_settings import KINDS, DiscoverSettings, looking_for
from tabletop.skills.settings import LearnerSettings

__all__ = ["discovery_settings"]


def discovery_settings(options: argparse.Namespace, folder: Path) -> DiscoverSettings:
    """Return settings as the options have them; what they leave open is the default's, or a resumed run's.

    Args:
        options: with `seed`, `resume`, and the names in `DiscoverSettings.how`.
        folder: of the run.

    Raises:
        TabletopError: a name that is not known.
    """
    how = {**DiscoverSettings().how, "effects": "all"}
    counts: dict[str, int] = {}
    if options.resume:
        for checkpoint in (folder / "checkpoint", folder / "checkpoint.old"):
            # One that cannot be read is refused with its reason where the run is resumed.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
                how, counts = how | state["how"], dict(state["counts"])
                break
    how |= {name: getattr(options, name) for name in how if getattr(options, name) is not None}
    learner = LearnerSettings(objective=how["objective"], sees=how["sees"], latent=how["latent"])
    if how["effects"] == "all":
        kinds = effects_of_card(how["scene"], KINDS)
    else:
        kinds = tuple(how["effects"].split(","))
    return looking_for(kinds, counts, scene=how["scene"], learner=learner, starts=how["starts"], seed=options.seed)
