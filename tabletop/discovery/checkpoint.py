"""Checkpoints of a discovery: what one holds beside the learner, and how it is kept whole through kills."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.files import parse_json, read_text, write_whole, writing_folder
from tabletop.runs.records import Count, Rate, RunFile
from tabletop.runs.store import read_record

__all__ = [
    "CHECKPOINTS",
    "Budget",
    "CheckpointState",
    "JobState",
    "Pace",
    "StartState",
    "forget_metrics",
    "keep",
    "last_state",
    "plain_card",
]

CHECKPOINTS: Final = ("checkpoint", "checkpoint.old")
"""Folders in a run's that it can go on from; the second only if a kill came while the first was put in its place."""


@dataclass(frozen=True, kw_only=True)
class JobState:
    """Episodes that were under way; their weights are in a file of their own."""

    first: Count
    random: bool
    effect_weights: tuple[Rate, ...]
    """Share of the episodes of each effect."""
    acceptance_probability: Mapping[str, Rate]
    trained: Count | None = None
    """Codes from this one on act at random, see CollectJob."""

    def __post_init__(self) -> None:
        """Check that the shares are those of all episodes."""
        if abs(sum(self.effect_weights) - 1.0) > 1e-6:
            raise ValueError(f"effect_weights must sum to 1, got {list(self.effect_weights)}")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a run may spend: one of the two."""

    minutes: float | None = None
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What the result of a budget in steps depends on beside the settings. It is fixed when a run begins."""

    rounds_under_way: Annotated[int, Meta(ge=1)] = 2
    """Rounds of episodes under way while the learner works on the one before: so old are the weights in rounds."""
    threads: Annotated[int, Meta(ge=1)] = 1
    """Threads that the learner computes on: others sum in another order."""


@dataclass(frozen=True, kw_only=True)
class StartState:
    """The library that a run began from."""

    digest: str
    """`Library.digest`."""
    cards: tuple[Any, ...]
    """Scene cards that are rehearsed: the library's, as far as they are not the run's own."""
    rehearsal: Rate
    """Share of the rounds that is drawn from them."""
    codes: Annotated[int, Meta(ge=1)]
    """Of the library; they are the first ones."""
    env_steps: Count
    """Control steps that the library had learned from."""
    hidden: Annotated[tuple[Annotated[int, Meta(ge=1, le=8192)], ...], Meta(min_length=1, max_length=16)]
    """Width of each hidden layer of its network."""
    flat: bool
    """Whether that reads the other things one by one, see LearnerSettings."""
    horizon: Annotated[int, Meta(ge=1, le=10_000)]
    """Control steps that its skills act for while they are learned."""

    def card(self, number: int) -> Any:
        """Return the card that a round rehearses, by its number; None where it is the run's own."""
        before, after = int(number * self.rehearsal), int((number + 1) * self.rehearsal)
        return self.cards[before % len(self.cards)] if self.cards and after > before else None


@dataclass(frozen=True, kw_only=True)
class CheckpointState(RunFile):
    """state.json of a checkpoint."""

    FILE: ClassVar[str] = "state.json"
    MADE_BY: ClassVar[str] = "tabletop discover --out another folder"

    steps: Count
    rounds: Count
    next_episode: Count
    minutes: Annotated[float, Meta(ge=0)]
    pending_updates: Rate
    jobs: tuple[JobState, ...]
    seed: Count
    counts: Mapping[str, Count]
    """Codes of each effect."""
    how: Mapping[str, str]
    """What decides which discovery it is."""
    budget: Budget
    card: Any
    """The scene card."""
    pace: Pace = Pace()
    """Of runs that were begun before it was noted: two rounds, one thread."""
    start: StartState | None = None
    """The library that it began from; None: from nothing."""

    def __post_init__(self) -> None:
        """Check that the jobs are of all effects."""
        if any(len(job.effect_weights) != len(self.counts) for job in self.jobs):
            raise ValueError(f"effect_weights must be {len(self.counts)} shares, one an effect")

    def check(self, checkpoint: Path, like: CheckpointState, scene: str) -> None:
        """Check that a run with other settings does not go on from here.

        Args:
            checkpoint: the folder, for messages.
            like: a state of the run that is to go on.
            scene: name of its scene card.

        Raises:
            TabletopError: seed, codes, settings or scene card are others.
        """
        if (self.seed, dict(self.counts)) != (like.seed, dict(like.counts)):
            raise TabletopError(
                f"checkpoint {str(checkpoint)!r} was made with seed {self.seed} and codes {dict(self.counts)}; "
                f"resume with the same, got {like.seed} and {dict(like.counts)}"
            )
        if self.start != like.start:
            theirs, ours = (
                f"library {s.digest[:12]}, rehearsal {s.rehearsal:g}" if s else "nothing"
                for s in (self.start, like.start)
            )
            raise TabletopError(
                f"checkpoint {str(checkpoint)!r} began from {theirs}; resume with the same, or leave it out, got {ours}"
            )
        if dict(self.how) != dict(like.how):
            theirs, ours = (", ".join(f"{k} {v}" for k, v in how.items()) for how in (self.how, like.how))
            raise TabletopError(
                f"checkpoint {str(checkpoint)!r} was made with {theirs}; resume with the same, got {ours}"
            )
        if self.card != like.card:
            raise TabletopError(
                f"scene card {scene!r} has changed since checkpoint {str(checkpoint)!r} was made; "
                "put it back as it was, or begin another run (--out)"
            )


def plain_card(card: Mapping[str, Any]) -> Any:
    """Return a scene card as it comes back from JSON."""
    return parse_json(json.dumps(card, default=str), "scene card")


def last_state(folder: Path) -> CheckpointState | None:
    """Return what a run's last checkpoint says of it; None if there is none that can be read."""
    for name in CHECKPOINTS:
        try:
            return read_record(folder / name / CheckpointState.FILE, CheckpointState)
        except TabletopError:
            continue
    return None


def keep(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a checkpoint beside the last one, then put it in its place.

    Args:
        folder: the run's.
        write: writes a checkpoint's files into a folder.
    """
    target, old = (folder / name for name in CHECKPOINTS)
    with writing_folder(target) as temporary:
        write(temporary)
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def forget_metrics(path: Path, steps: int) -> None:
    """Drop the lines of metrics.jsonl that were written after a checkpoint: they will be written again.

    Args:
        path: the file, there or not.
        steps: control steps at the checkpoint.
    """
    if not path.is_file():
        return
    kept = []
    for line in read_text(path, path.name).splitlines():
        try:
            if parse_json(line, path.name)["step"] <= steps:
                kept.append(line + "\n")
        except (TabletopError, KeyError, TypeError):
            continue  # cut short by the kill
    write_whole(path, "".join(kept))
