"""Demonstrations: episodes of a policy, recorded so that they can be learned from and run again bit for bit."""

from __future__ import annotations

from tabletop.demos.record import Demonstration, demonstrate, observations_of
from tabletop.demos.recorded import Recorded, is_dataset, read_recorded
from tabletop.demos.replay import Playback, replay
from tabletop.demos.write import FORMATS, Recording, write_demos

__all__ = [
    "FORMATS",
    "Demonstration",
    "Playback",
    "Recorded",
    "Recording",
    "demonstrate",
    "is_dataset",
    "observations_of",
    "read_recorded",
    "replay",
    "write_demos",
]
