"""Where work runs: the one place that knows about processes."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from tabletop.errors import TabletopError
from tabletop.progress import Progress
from tabletop.rollout.main_module import plain_main
from tabletop.schema import is_whole

__all__ = ["Engine", "Workers", "default_workers"]

Job = TypeVar("Job")
Result = TypeVar("Result")
Workers = int | str | None
"""Processes, 0 for none; or "ray", "ray:4" for a Ray cluster; None for one a core."""

_ATTEMPTS = 3
_MOST = 1024
"""Processes at most."""


def default_workers() -> int:
    """Return how many worker processes suit this machine: one a core."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _begin_worker(parent: int) -> None:
    """Set a worker up: one thread of linear algebra, no ear for Ctrl-C, and a watch for the parent's end.

    Products as small as a policy's gain nothing by a second thread, which waits spinning on a core that another
    worker needs. A pool whose owner was killed outright would wait for ever.
    """
    threadpool_limits(1)
    # Ctrl-C reaches all processes of a terminal; when the workers end is their owner's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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

    A worker that dies takes its unfinished jobs with it; they are run again in a new pool.
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
        self._pool: Executor | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is not None and issubclass(error_type, KeyboardInterrupt) and self._pool is not None:
            # Nobody waits for what is under way.
            for process in multiprocessing.active_children():
                process.terminate()
        self.close()

    def close(self) -> None:
        """Stop the workers; what has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _executor(self) -> Executor:
        if self._pool is None and self.on_ray:
            from tabletop.rollout.on_ray import RayExecutor

            self._pool = RayExecutor(self.workers)
        if self._pool is None:
            # Not forked: a copy of a process that runs torch or PyBullet threads can hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(),)
            )
        return self._pool

    def submit(self, function: Callable[[Job], Result], job: Job) -> Future[Result]:
        """Start one job and return its future. With no workers it runs here, at once.

        Where a worker has died since, the future raises BrokenProcessPool, as those of the jobs under way do: a death
        is met in one place, where results are waited for, whenever it was.
        """
        future: Future[Result] = Future()
        if self.workers == 0:
            future.set_result(function(job))
            return future
        try:
            with plain_main():
                return self._executor().submit(function, job)
        except BrokenProcessPool as error:
            future.set_exception(error)
            return future

    def restart(self) -> None:
        """Throw a broken pool away; the next job starts a new one."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

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
            TabletopError: workers died three times in a row on the same jobs.
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
            start = attempts = 0
            while start < len(chunks):
                try:
                    with plain_main():
                        futures = [self._executor().submit(_chunk, function, c) for c in chunks[start:]]
                    for future in futures:
                        results = future.result()
                        start += 1
                        attempts = 0
                        bar.update(len(results))
                        yield from results
                except BrokenProcessPool:
                    self.restart()
                    attempts += 1
                    if attempts == _ATTEMPTS:
                        raise TabletopError(
                            f"worker processes died {_ATTEMPTS} times on the same jobs; is there enough memory?"
                        ) from None
