"""Rounds of episodes under way: how many there are, who runs them, and that none is lost.

A round is started with the policy's weights of that moment and learned from when all rounds before it have been. So
with R rounds under way its weights are R rounds of learning old, whoever runs it and however long that takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from typing import Final

from tabletop.discovery.collect import Batch, CollectJob
from tabletop.rollout.engine import Engine, Losses, WorkersLost

__all__ = ["LEAST_UNDER_WAY", "Rounds", "rounds_for", "shared_out"]

LEAST_UNDER_WAY: Final = 2
"""Rounds under way where workers are few: one is run while the learner works on the one before."""
_SPARE: Final = 2
"""Episodes under way for each worker, and parts of a round: workers that are done find another, as episodes differ."""


def rounds_for(workers: int, episodes: int, most: int) -> int:
    """Return how many rounds are under way: twice as many episodes as workers, in whole rounds, and 2 at least.

    Args:
        workers: that run episodes.
        episodes: of a round.
        most: rounds that weights may be old.

    >>> [rounds_for(workers, 12, 16) for workers in (0, 1, 12, 13, 64, 1000)]
    [2, 2, 2, 3, 11, 16]
    """
    return min(most, max(LEAST_UNDER_WAY, -(-_SPARE * workers // episodes)))


def shared_out(job: CollectJob, workers: int) -> list[CollectJob]:
    """Return a round's job in parts of nearly the same size, for workers to run at the same time.

    An episode depends on its number alone, so the parts' episodes are those of the whole. One worker gets it whole.
    """
    parts = 1 if workers < 2 else min(job.count, _SPARE * workers)
    firsts = [job.first + i * job.count // parts for i in range(parts + 1)]
    return [replace(job, first=a, count=b - a) for a, b in pairwise(firsts)]


class Rounds:
    """Rounds under way, oldest first. What has not begun is dropped with the engine.

    Nothing is cancelled here. A process pool that breaks gives its waiting futures an error, and one that is cancelled
    already takes none.
    """

    def __init__(self, engine: Engine, collect: Callable[[CollectJob], Batch]) -> None:
        """Begin with none.

        Args:
            engine: that runs them.
            collect: runs a job's episodes.
        """
        self.jobs: deque[CollectJob] = deque()
        self._engine, self._collect, self._workers = engine, collect, engine.capacity()
        self._parts: deque[list[tuple[CollectJob, Future[Batch]]]] = deque()

    def __len__(self) -> int:
        return len(self.jobs)

    def start(self, job: CollectJob) -> None:
        """Start a round behind those that are under way."""
        self.jobs.append(job)
        self._parts.append([self._begun(part) for part in shared_out(job, self._workers)])

    def wait(self, interrupted: Callable[[], bool]) -> tuple[Batch, CollectJob] | None:
        """Return the oldest round's episodes and its job, once they are there; it is under way no longer.

        Where workers were lost, what they had not finished is run again.

        Args:
            interrupted: asked now and then; once it says True, None is returned, and all stay under way.

        Raises:
            TabletopError: workers were lost three times in a row.
        """
        losses = Losses()
        while True:
            batch: Batch = []
            try:
                for _, future in self._parts[0]:
                    found = self._engine.wait(future, interrupted)
                    if found is None:
                        return None
                    batch += found
            except WorkersLost as error:
                if interrupted():
                    return None
                self._engine.restart()
                losses.count(error)
                self._parts = deque([self._kept_or_begun(*part) for part in parts] for parts in self._parts)
                continue
            self._parts.popleft()
            return batch, self.jobs.popleft()

    def _begun(self, job: CollectJob) -> tuple[CollectJob, Future[Batch]]:
        return job, self._engine.submit(self._collect, job)

    def _kept_or_begun(self, job: CollectJob, future: Future[Batch]) -> tuple[CollectJob, Future[Batch]]:
        finished = future.done() and not future.cancelled() and future.exception() is None
        return (job, future) if finished else self._begun(job)
