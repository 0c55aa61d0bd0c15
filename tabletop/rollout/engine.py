"""Where work runs: the one place that knows about processes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tabletop.errors import TabletopError
from tabletop.progress import Progress, tell, time_text
from tabletop.rollout.workers import STALLED, Idleness, WorkerPool
from tabletop.schema import is_whole

if TYPE_CHECKING:
    from tabletop.rollout.on_ray import RayExecutor

__all__ = ["Engine", "Losses", "Workers", "WorkersLost", "default_workers"]

Job = TypeVar("Job")
Result = TypeVar("Result")
Workers = int | str | None
"""Processes, 0 for none; or "ray", "ray:4" for a Ray cluster; None for one a core."""

_ATTEMPTS = 3
_LOOK = 1.0
"""s from one look at workers that take their time to the next."""
_MOST = 1024
"""Processes at most."""


def default_workers() -> int:
    """Return how many worker processes suit this machine: one a core."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class WorkersLost(Exception):
    """Worker processes ended or got stuck; the message is the cause."""


def _chunk(function: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    return [function(job) for job in jobs]


def _ray_workers(workers: int | str) -> int:
    """Return the number in "ray:4", one a core for "ray", and a number as it is."""
    if not isinstance(workers, str):
        return workers
    name, _, count = workers.partition(":")
    if name != "ray" or (count and not count.isdecimal()) or count == "0" or workers == "ray:":
        raise TabletopError(f"workers must be a number, 'ray' or 'ray:N' with N from 1, got {workers!r}")
    if importlib.util.find_spec("ray") is None:
        raise TabletopError(
            "workers on Ray need the extra: pip install -e '.[ray]' beside setup.py; or give a number of processes"
        )
    return int(count) if count else default_workers()


class Engine:
    """Maps a function over jobs on worker processes, in order, whatever their number and wherever they are.

    A worker that dies or gets stuck takes its unfinished jobs with it; they are run again in a new pool.
    Use it as a context, or close it.
    """

    def __init__(self, workers: Workers = None) -> None:
        """Prepare the pool (processes start with the first job).

        Args:
            workers: processes; 0 runs everything in this one; default: one a core. "ray" runs jobs on the Ray cluster
                that RAY_ADDRESS names, or on one of its own here, with one process a core or, as "ray:4", so many.

        Raises:
            TabletopError: workers below 0, or a word that says nothing.
        """
        self.on_ray = isinstance(workers, str)
        self.workers = default_workers() if workers is None else _ray_workers(workers)
        if not is_whole(self.workers, 0, _MOST):
            raise TabletopError(f"workers must be 0 (this process) to {_MOST}, got {self.workers!r}")
        self._workers = workers
        self._pool: WorkerPool | RayExecutor | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is not None and not issubclass(error_type, Exception) and isinstance(self._pool, WorkerPool):
            self._pool.kill()  # Nobody waits for what is under way.
        self.close()

    def close(self) -> None:
        """Stop the workers; what has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def capacity(self) -> int:
        """Return how many jobs run at once: as many as a Ray cluster has room for where "ray" names no number.

        Raises:
            TabletopError: there is no such cluster.
        """
        return self._ray().capacity() if self._workers == "ray" else self.workers

    def local_workers(self) -> int:
        """Return how many workers share this machine's cores. Those of a Ray cluster may be on others.

        Raises:
            TabletopError: there is no such cluster.
        """
        return self._ray().local() if self.on_ray else self.workers

    def _ray(self) -> RayExecutor:
        """Return the executor on Ray; where there is none yet it is connected."""
        from tabletop.rollout.on_ray import RayExecutor

        if not isinstance(self._pool, RayExecutor):
            self._pool = RayExecutor(self.workers)
        return self._pool

    def submit(self, function: Callable[[Job], Result], job: Job) -> Future[Result]:
        """Start one job and return its future. With no workers it runs here, at once.

        Where a worker has died since, the future raises BrokenProcessPool, as those of the jobs under way do: a death
        is met in one place, `wait`, whenever it was.

        Raises:
            TabletopError: the job cannot be sent to another process.
        """
        future: Future[Result] = Future()
        if self.workers == 0:
            future.set_result(function(job))
            return future
        if self.on_ray:
            return self._ray().submit(function, job)
        if not isinstance(self._pool, WorkerPool):
            self._pool = WorkerPool(self.workers)
        try:
            return self._pool.start(function, job)
        except BrokenProcessPool as error:
            future.set_exception(error)
            return future

    def wait(self, future: Future[Result], unless: Callable[[], bool] = lambda: False) -> Result | None:
        """Return what a future of `submit` gives, once it is there.

        Args:
            future: of this engine.
            unless: asked now and then; once it says True, None is returned.

        Raises:
            WorkersLost: workers died or got stuck (rollout/workers.py). `restart` comes next.
            Exception: whatever the function raises.
        """
        pool = self._pool if isinstance(self._pool, WorkerPool) else None
        idleness = None if pool is None or future.done() else Idleness(pool)
        while not wait([future], timeout=_LOOK).done:
            if unless():
                return None
            if idleness is not None and idleness.lasts(_LOOK):
                raise WorkersLost(f"workers did nothing for {time_text(STALLED)}")
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise WorkersLost(str(error) if pool is None else pool.why(error)) from None

    def restart(self) -> None:
        """Throw a broken pool away; the next job starts a new one."""
        if isinstance(self._pool, WorkerPool):
            self._pool.kill()
        self.close()

    def map(
        self,
        function: Callable[[Job], Result],
        jobs: Iterable[Job],
        *,
        chunk: int = 4,
        label: str | None = None,
    ) -> Iterator[Result]:
        """Yield function(job) for each job, in the jobs' order.

        Args:
            function: importable by name, its arguments and results pickle.
            jobs: what to run it on.
            chunk: jobs handed to a worker at once.
            label: of the progress bar or line (tabletop/progress.py); there is none without it.

        Raises:
            TabletopError: workers were lost three times in a row on the same jobs, or jobs cannot be sent to them.
            Exception: whatever the function raises.
        """
        todo = list(jobs)
        with Progress(label or "", len(todo), shown=label is not None) as bar:
            if self.workers == 0:
                for job in todo:
                    yield function(job)
                    bar.update()
                return
            chunks = [todo[i : i + chunk] for i in range(0, len(todo), chunk)]
            start, losses = 0, Losses()
            while start < len(chunks):
                futures = [self.submit(partial(_chunk, function), c) for c in chunks[start:]]
                try:
                    for future in futures:
                        results = self.wait(future) or []
                        start += 1
                        losses = Losses()
                        bar.update(len(results))
                        yield from results
                except WorkersLost as error:
                    self.restart()
                    losses.count(error)


class Losses:
    """Counts how often workers were lost on the same jobs; the third time ends it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._number = 0

    def count(self, error: WorkersLost) -> None:
        """Count one and say so.

        Raises:
            TabletopError: it is the third.
        """
        self._number += 1
        if self._number == _ATTEMPTS:
            raise TabletopError(f"worker processes were lost {_ATTEMPTS} times on the same jobs: {error}") from None
        tell(f"{error}; the jobs under way are run again by new workers")
