"""The kind of discovery that a command line asks for: objective, what it sees, codes, starts."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

from tabletop.skills.discover import DiscoverSettings
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
    how = DiscoverSettings().how
    if options.resume:
        for checkpoint in (folder / "checkpoint", folder / "checkpoint.old"):
            # One that cannot be read is refused with its reason where the run is resumed.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                how |= json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["how"]
                break
    how |= {name: getattr(options, name) for name in how if getattr(options, name) is not None}
    learner = LearnerSettings(objective=how["objective"], sees=how["sees"], latent=how["latent"])
    return DiscoverSettings(learner=learner, starts=how["starts"], seed=options.seed)
