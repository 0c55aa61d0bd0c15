"""Discovery: collect whole episodes in worker processes while the learner learns, until the budget is spent.

Rounds of episodes and updates alternate in a fixed pattern. So a budget in steps gives the same library on the same
machine for the same numbers of rounds under way and of threads, and a resumed run goes on as if it had never stopped.
Both are the same for any number of workers up to twelve (rounds.py, learn/device.py); more have more rounds under way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from tabletop.discovery.checkpoint import (
    CHECKPOINTS,
    Budget,
    CheckpointState,
    JobState,
    Pace,
    StartState,
    forget_metrics,
    keep,
    last_state,
    plain_card,
)
from tabletop.discovery.collect import CollectJob, collect
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner
from tabletop.discovery.rounds import Rounds, rounds_for
from tabletop.discovery.start import Start, check_cards, open_start, save_learner, start_state
from tabletop.errors import TabletopError
from tabletop.files import append_json
from tabletop.learn.device import collectors, learner_threads
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.progress import Progress, tell
from tabletop.rollout.engine import Engine, Workers, default_workers
from tabletop.runs.lock import alone_in
from tabletop.runs.store import read_record, write_record
from tabletop.signals import held_back
from tabletop.sim.robot_card import PANDA, robot_in_use
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import LEARNER, Library, save_library
from tabletop.skills.scenes import card_serves

__all__ = ["discover"]


def discover(
    folder: Path,
    settings: DiscoverSettings,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    workers: Workers = None,
    start: str | os.PathLike[str] | None = None,
    resume: bool = False,
    quiet: bool = False,
    begun: Callable[[], None] | None = None,
) -> Library:
    """Discover skills and save them as folder/library.

    From a library on, all begins with what that can do: its codes stay, a share of the rounds rehearses its own cards,
    and no random actions are needed (discovery/start.py).

    Args:
        folder: the run's folder; progress goes to metrics.jsonl and tensorboard/ in it.
        settings: see there.
        minutes: wall-clock budget, or
        steps: budget in control steps (deterministic).
        workers: collecting processes, see Engine; default: `collectors` of learn/device.py.
        start: a library to go on from, by name or path; `going_on_from` makes settings that fit. A resumed run keeps
            its own.
        resume: go on from the folder's checkpoint.
        quiet: no word of progress.
        begun: called once, before the first episode, when nothing can be refused any more.

    Raises:
        TabletopError: no budget or a bad one, a scene card that lacks what the effects need, nothing to resume, a
            run is there already, another process is at work on it, or a library that the settings do not go on from.
    """
    if (minutes is None) == (steps is None):
        raise TabletopError("give a budget: either minutes or steps")
    if minutes is not None and not minutes > 0:
        raise TabletopError(f"minutes must be above 0, got {minutes:g}")
    if steps is not None and steps < 1:
        raise TabletopError(f"steps must be at least 1, got {steps}")
    checkpoint, old = (folder / name for name in CHECKPOINTS)
    if resume and not any((p / "state.json").is_file() for p in (checkpoint, old)):
        raise TabletopError(f"nothing to resume in {str(folder)!r}: it has no checkpoint")
    if not resume and any(p.exists() for p in (checkpoint, old, folder / "library")):
        way = "give another folder (--out), or go on (--resume), in Python resume=True"
        raise TabletopError(f"{str(folder)!r} already holds a run; {way}")
    opened = None if start is None else open_start(start)
    state = start_state(settings, opened, last_state(folder) if resume else None)
    check_cards(settings, state)
    with Engine(collectors(default_workers()) if workers is None else workers) as engine, alone_in(folder) as check:
        if resume and not checkpoint.exists():
            old.rename(checkpoint)
        kept = read_record(checkpoint / CheckpointState.FILE, CheckpointState).pace if resume else None
        pace = _pace(settings, engine, kept)
        with _threads(pace.threads):
            run = _Run(folder, settings, engine, Budget(minutes=minutes, steps=steps), pace, check, state)
            if resume:
                run.restore(checkpoint)
            else:
                if opened is not None:
                    run.take_over(opened, quiet)
                (folder / "metrics.jsonl").unlink(missing_ok=True)
            if begun is not None:
                begun()
            try:
                run.go(quiet)
            finally:
                run.close()
            library = run.library()
        run.save_library(library)
    return library


def _pace(settings: DiscoverSettings, engine: Engine, kept: Pace | None) -> Pace:
    """Return the rounds under way and the threads: a checkpoint's, the settings', or what suits the workers.

    Raises:
        TabletopError: the settings ask for others than the checkpoint has.
    """
    asked = {"rounds_under_way": settings.rounds_under_way, "threads": settings.threads}
    if kept is not None:
        for name, number in asked.items():
            if number not in (None, getattr(kept, name)):
                has = f"the checkpoint was made with {name} {getattr(kept, name)}"
                raise TabletopError(f"{has}; resume with the same, or leave it out, got {number}")
        return kept
    return Pace(
        rounds_under_way=settings.rounds_under_way
        or rounds_for(engine.capacity(), settings.episodes, settings.max_staleness),
        threads=settings.threads or learner_threads(default_workers(), engine.local_workers()),
    )


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Let torch compute on so many threads in here, and NumPy on one: its products are too small for a second."""
    before = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(number)
            yield
    finally:
        torch.set_num_threads(before)


class _Run:
    """One discovery under way."""

    def __init__(
        self,
        folder: Path,
        settings: DiscoverSettings,
        engine: Engine,
        budget: Budget,
        pace: Pace,
        check: Callable[[], None],
        start: StartState | None,
    ) -> None:
        self.folder, self.settings, self.check = folder, settings, check
        self.budget, self.pace = budget, pace
        self.codes = Codebook(settings.counts)
        self.card = find_scene_card(settings.scene)
        self.learner = Learner(self.codes, settings.learner, settings.seed, settings.horizon)
        self.start = start
        self.steps = self.rounds = self.next_episode = 0
        self.minutes = 0.0
        self.pending_updates = 0.0
        self.under_way = Rounds(engine, collect)
        self._tensorboard: Any = None

    # --- the loop ----------------------------------------------------------------------------

    def go(self, quiet: bool) -> None:
        """Collect and learn until the budget is spent.

        A checkpoint is saved at the start, every `save_every` seconds, on Ctrl-C, SIGTERM or SIGHUP, and at the end:
        always between two rounds, as only then the state is one that an uninterrupted run goes through, too.
        """
        minutes, steps = self.budget.minutes, self.budget.steps
        if not self.rounds:
            self.save()
        began = time.monotonic() - self.minutes * 60
        saved = time.monotonic()
        total = round(minutes * 60) if minutes is not None else int(steps or 0)
        bar = Progress(
            "discover",
            total,
            unit="s" if minutes else "steps",
            done=round(self.minutes * 60) if minutes else self.steps,
            shown=not quiet,
        )
        with bar, held_back() as interrupted:
            while (self.steps < steps) if steps else (self.minutes < (minutes or 0.0)):
                self.check()  # Hours for a folder that is gone would be lost.
                if not self.round(interrupted):
                    break
                self.minutes = (time.monotonic() - began) / 60
                bar.reach(round(self.minutes * 60) if minutes else self.steps)
                if self.rounds % 10 == 0:
                    self._report(bar)
                if time.monotonic() - saved > self.settings.save_every:
                    self.save()
                    saved = time.monotonic()
            self.save()
            stopped = interrupted()
        if stopped:
            raise KeyboardInterrupt  # The caller's own handler only took note.

    def round(self, interrupted: Callable[[], bool]) -> bool:
        """Take in one round of episodes, start another, and learn; False where it was interrupted before all that."""
        while len(self.under_way) < self.pace.rounds_under_way:
            self._start()
        found = None if interrupted() else self.under_way.wait(interrupted)
        if found is None:
            return False
        batch, job = found
        self._start()
        self.learner.add(batch, job.embeddings)
        taken = sum(r.steps for r in batch)
        self.steps += taken
        self.rounds += 1
        episodes = self.next_episode - self.pace.rounds_under_way * self.settings.episodes
        if episodes < self.settings.warmup:
            return True
        if not self.learner.ready:
            self.learner.begin()
        self.pending_updates += taken * self.settings.updates
        count, self.pending_updates = int(self.pending_updates), self.pending_updates % 1.0
        self.learner.learn(count)
        return True

    def _start(self) -> None:
        untrained = not self.learner.ready and self.start is None
        random = untrained or self.learner.objective.random
        state = JobState(
            first=self.next_episode,
            random=random,
            effect_weights=self._effect_weights(self._card(self.next_episode)),
            acceptance_probability=self.learner.acceptance_probability(),
            trained=None if self.start is None or self.learner.ready else self.start.codes,
        )
        weights = {} if random else self.learner.sac.actor_arrays()
        self._begin(weights, self.learner.sample_codes(), state)
        self.next_episode += self.settings.episodes

    def _card(self, first: int) -> Mapping[str, Any]:
        """Return the scene card of the round that has that first episode: its own, or one that is rehearsed."""
        rehearsed = None if self.start is None else self.start.card(first // self.settings.episodes)
        return self.card if rehearsed is None else rehearsed

    def _effect_weights(self, card: Mapping[str, Any]) -> tuple[float, ...]:
        """Return the share of episodes of each effect, as the objective has it; 0 for what a card has no things for."""
        weights = [self.settings.effect_weights[name] for name in self.settings.counts]
        chosen = self.learner.objective.effect_weights(weights, list(self.learner.accuracy().values()))
        raw = [
            weight * (self.start is None or card_serves(card, effect))
            for weight, effect in zip(chosen, self.codes.effects, strict=True)
        ]
        return tuple(r / sum(raw) for r in raw)

    def _begin(
        self,
        weights: Mapping[str, npt.NDArray[Any]],
        embeddings: npt.NDArray[np.float64],
        state: JobState,
    ) -> None:
        s = self.settings
        job = CollectJob(
            weights,
            embeddings,
            self.codes,
            self._card(state.first),
            s.seed,
            state.first,
            s.episodes,
            s.horizon,
            state.effect_weights,
            state.acceptance_probability,
            state.random,
            s.starts,
            self.learner.objective.conditioning,
            self.learner.objective.facts,
            s.release,
            state.trained,
        )
        self.under_way.start(job)

    def _report(self, bar: Progress) -> None:
        values = {
            "step": self.steps,
            "minutes": round(self.minutes, 3),
            "episodes": self.next_episode,
            "updates": self.learner.sac.updates,
            **self.learner.progress(),
        }
        append_json(self.folder / "metrics.jsonl", values)
        if self._tensorboard is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            # What an interrupted run wrote after its checkpoint comes again.
            self._tensorboard = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.steps)
        for name, value in values.items():
            self._tensorboard.add_scalar(name, value, self.steps)
        bar.note(
            f"{self.steps} steps, {values['effective']:.1f} effective skills, "
            f"classified correctly {values['accuracy']:.0%}, {values['coverage']} bins"
        )

    def close(self) -> None:
        """Close what is open."""
        if self._tensorboard is not None:
            self._tensorboard.close()

    # --- keeping -----------------------------------------------------------------------------

    def library(self) -> Library:
        """Return the skills as they are now."""
        info = {
            **self.settings.how,
            "seed": self.settings.seed,
            "env_steps": self.steps,
            "minutes": round(self.minutes, 2),
            "updates": self.learner.sac.updates,
            "rounds_under_way": self.pace.rounds_under_way,
            "threads": self.pace.threads,
            **({} if robot_in_use() == PANDA else {"robot": robot_in_use()}),
        }
        if self.start is not None:
            info |= {"from": self.start.digest, "env_steps_before": self.start.env_steps}
            info["rehearsal"] = self.start.rehearsal
        learner = self.learner
        return Library(
            self.codes,
            self.settings.horizon * self.settings.horizon_multiplier,
            learner.sac.actor_arrays(averaged=True),
            learner.objective.skill_embeddings.copy(),
            self.card,
            info,
            learner.objective.conditioning,
            learner.objective.acts,
            self.settings.release,
            () if self.start is None else self.start.cards,
        )

    def take_over(self, start: Start, quiet: bool) -> None:
        """Begin from a library's policy, critics and codes."""
        self.learner.take_over(start, self.settings.hold)
        if start.critics is None and not quiet:
            held = f"its policy holds still for {self.learner.policy_from} updates"
            tell(f"the library has no {LEARNER}: critics begin anew, and {held}")

    def save_library(self, library: Library) -> None:
        """Write the library, and beside it what learning goes on from."""
        save_library(library, self.folder / "library")
        if self.learner.objective.goes_on:
            save_learner(self.folder / "library", library, self.learner.sac, self.learner.objective)

    def save(self) -> None:
        """Write a checkpoint beside the last one, then put it in its place."""
        keep(self.folder, self._write)

    def _state(self) -> CheckpointState:
        return CheckpointState(
            steps=self.steps,
            rounds=self.rounds,
            next_episode=self.next_episode,
            minutes=self.minutes,
            pending_updates=self.pending_updates,
            jobs=tuple(
                JobState(
                    first=j.first,
                    random=j.random,
                    effect_weights=j.effect_weights,
                    acceptance_probability=dict(j.acceptance_probability),
                    trained=j.trained,
                )
                for j in self.under_way.jobs
            ),
            seed=self.settings.seed,
            counts=dict(self.codes.counts),
            # The Panda is left out: runs that were begun before there were other robots go on.
            how={**self.settings.how, **({} if robot_in_use() == PANDA else {"robot": robot_in_use()})},
            budget=self.budget,
            pace=self.pace,
            card=plain_card(self.card),
            start=self.start,
        )

    def _write(self, folder: Path) -> None:
        self.learner.save(folder)
        for i, job in enumerate(self.under_way.jobs):
            save_tensors(folder / f"job{i}.safetensors", {"embeddings": job.embeddings, **job.weights})
        write_record(folder / CheckpointState.FILE, self._state())

    def restore(self, checkpoint: Path) -> None:
        """Go back to a checkpoint, episodes under way included."""
        state = read_record(checkpoint / CheckpointState.FILE, CheckpointState)
        state.check(checkpoint, self._state(), self.settings.scene)
        self.steps, self.rounds, self.next_episode = state.steps, state.rounds, state.next_episode
        self.minutes, self.pending_updates = state.minutes, state.pending_updates
        self.learner.restore(checkpoint)
        forget_metrics(self.folder / "metrics.jsonl", self.steps)
        for i, kept in enumerate(state.jobs):
            weights = load_tensors(checkpoint / f"job{i}.safetensors")
            if "embeddings" not in weights:
                raise TabletopError(f"checkpoint {str(checkpoint)!r} is damaged: job{i} lacks its embeddings")
            self._begin(weights, weights.pop("embeddings"), kept)
