"""An executor on a Ray cluster: the extra `ray`, chosen by `--workers ray`.

Ray has no `concurrent.futures.Executor` of its own (ray-project/ray#29456); its tasks do all that one needs, running
those of a dead worker again among it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from threadpoolctl import threadpool_limits

from tabletop.errors import TabletopError
from tabletop.projects import Packed, packed, use_packed
from tabletop.signals import undisturbed
from tabletop.sim.robot_card import robot_in_use, using_robot

__all__ = ["RayExecutor"]

_ATTEMPTS: Final = 3
"""Workers that may die on one job."""


@lru_cache(maxsize=1)
def _one_thread() -> None:
    threadpool_limits(1)


def _call(projects: Sequence[Packed], robot: str, function: Callable[..., Any], *arguments: Any) -> Any:
    _one_thread()
    use_packed(projects)
    with using_robot(robot):
        return function(*arguments)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for the processes that are started meanwhile: they import what this one can."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class RayExecutor(Executor):
    """Runs each job as a Ray task: on the cluster that RAY_ADDRESS names, or on one of its own on this machine."""

    def __init__(self, workers: int) -> None:
        """Connect to the cluster, or start one.

        Args:
            workers: processes of a cluster of its own; a cluster that is there has as many as it has.

        Raises:
            TabletopError: there is no such cluster.
        """
        with _environment("RAY_USAGE_STATS_ENABLED", "0"):  # Nothing is sent anywhere.
            import ray

        self._ray, self._own = ray, not ray.is_initialized()
        address = os.environ.get("RAY_ADDRESS")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._own and address:
            try:
                with undisturbed():
                    ray.init(address=address, **quiet)
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise TabletopError(f"no Ray cluster at RAY_ADDRESS={address!r}: {reason}") from None
        elif self._own:
            path = os.pathsep.join(p for p in sys.path if p)
            with _environment("PYTHONPATH", path), _environment("RAY_USAGE_STATS_ENABLED", "0"), undisturbed():
                ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        self._task = ray.remote(num_cpus=1, max_retries=_ATTEMPTS - 1)(_call)
        self._open: set[Any] = set()
        self._projects, self._robot = ray.put(packed()), robot_in_use()

    def capacity(self) -> int:
        """Return how many jobs the cluster runs at once, as it is now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def local(self) -> int:
        """Return how many of them run on this machine."""
        here = self._ray.get_runtime_context().get_node_id()
        return sum(int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["NodeID"] == here)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Start a job; its future has what the function returns or raises, as a process pool's would."""
        if named:
            raise TabletopError("a job on Ray takes positional arguments only")
        reference = self._task.remote(self._projects, self._robot, function, *arguments)
        self._open.add(reference)
        out: Future[Any] = Future()
        out.set_running_or_notify_cancel()

        def arrived(found: Future[Any]) -> None:
            self._open.discard(reference)
            errors = self._ray.exceptions
            try:
                out.set_result(found.result())
            except errors.RayTaskError as error:
                out.set_exception(error.cause)
            except errors.WorkerCrashedError as error:
                why = str(error).splitlines()[0]
                out.set_exception(TabletopError(f"Ray workers died {_ATTEMPTS} times on the same job: {why}"))
            except Exception as error:
                out.set_exception(TabletopError(f"Ray lost a job: {(str(error) or repr(error)).splitlines()[0]}"))

        reference.future().add_done_callback(arrived)
        return out

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what is under way, where that is asked for, and leave the cluster; one of its own ends."""
        for reference in list(self._open):
            if cancel_futures:
                self._ray.cancel(reference, force=True)
            elif wait:
                self._ray.wait([reference])
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()
