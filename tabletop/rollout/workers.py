"""Worker processes: how one begins, what it is handed, when it is stuck, and why it ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Final, TypeVar

from threadpoolctl import threadpool_limits

from tabletop.errors import TabletopError
from tabletop.files import read_text
from tabletop.projects import active, use_project
from tabletop.rollout.main_module import plain_main
from tabletop.signals import STOPS, shielded
from tabletop.sim.robot_card import robot_in_use, use_robot

__all__ = ["STALLED", "Idleness", "WorkerPool"]

Job = TypeVar("Job")
Result = TypeVar("Result")

STALLED: Final = 600.0
"""s without a result while no worker does anything, after which all are taken for stuck and replaced."""
_WORKING: Final = 0.1
"""s of processor time in which workers have done something: a machine may be slow, and a policy wait for another one.
What a worker at rest takes for its watch is a tenth of it in ten minutes."""
_PATIENCE: Final = 10.0
"""s that workers get to finish what nobody waits for any more."""
_CRASHES: Final = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


_amiss: list[TabletopError] = []
"""Why this worker cannot work, if it cannot."""


def _begin(parent: int, projects: Sequence[Path], robot: str) -> None:
    """Set a worker up: one thread of linear algebra, no ear for Ctrl-C, and a watch for the parent's end.

    Products as small as a policy's gain nothing by a second thread, which waits spinning on a core that another
    worker needs. A pool whose owner was killed outright would wait for ever.
    """
    threadpool_limits(1)
    # Ctrl-C and a closed terminal reach all its processes; when the workers end is their owner's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        for root in projects:
            use_project(root)
        use_robot(robot)
    except TabletopError as error:  # A project that went meanwhile. Raised here it would end the worker without a word.
        _amiss.append(error)


def _packed(function: Callable[[Any], Any], job: Any) -> bytes:
    try:
        return bytes(ForkingPickler.dumps((function, job)))
    except TabletopError:
        raise
    except Exception as error:
        raise TabletopError(
            f"what goes to worker processes must be importable by name; {_line(error)}; write it at the top of a"
            " module, or of a script with if __name__ == '__main__':, or run it with workers=0"
        ) from None


def _run(packed: bytes) -> Any:
    """Do a job in a worker. It is unpacked here, as what goes wrong in the pool's own unpacking ends the worker."""
    if _amiss:
        raise _amiss[0]
    try:
        function, job = ForkingPickler.loads(packed)
    except Exception as error:
        raise TabletopError(
            f"a worker process cannot load what it is given; {_line(error)}; it must be importable there, or run it"
            " with workers=0"
        ) from None
    try:
        return function(job)
    except SystemExit as error:
        raise TabletopError(f"code that a worker process ran called sys.exit({error.code!r})") from None
    except Exception as error:
        try:
            ForkingPickler.loads(ForkingPickler.dumps(error))
        except Exception:
            raise RuntimeError(_line(error)) from None  # This one arrives.
        raise


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


class _Spawn(SpawnContext):
    """Starts processes anew, and remembers them. Forked ones can hang: torch and PyBullet run threads."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802
        process = SpawnContext.Process(*arguments, **named)
        self.started.append(process)
        return process


class WorkerPool(ProcessPoolExecutor):
    """A pool of processes that says why it broke, and that ends in a bounded time."""

    def __init__(self, workers: int) -> None:
        """Prepare the pool; processes start with the first jobs.

        Args:
            workers: processes.
        """
        self._context = _Spawn()
        roots = [project.root for project in active()]
        with shielded():
            # The tracker of semaphores ignores SIGINT and SIGTERM; a SIGHUP that is blocked here is blocked there.
            resource_tracker.ensure_running()
        super().__init__(
            workers, mp_context=self._context, initializer=_begin, initargs=(os.getpid(), roots, robot_in_use())
        )

    def start(self, function: Callable[[Job], Result], job: Job) -> Future[Result]:
        """Start a job and return the future of its result.

        Raises:
            TabletopError: function or job cannot be sent to another process.
            BrokenProcessPool: a worker has died since.
        """
        with shielded(), plain_main():
            return self.submit(_run, _packed(function, job))

    def used(self) -> float | None:
        """Return the s of processor time that the workers took so far; None where the system does not say."""
        ticks = 0
        for process in self._context.started:
            try:
                fields = read_text(Path(f"/proc/{process.pid}/stat"), "what a worker took").rpartition(")")[2].split()
            except TabletopError:
                if not Path("/proc/self/stat").exists():
                    return None
                continue  # It has ended.
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End the workers at once, those that are stopped too."""
        for process in self._context.started:
            if process.is_alive():
                process.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the workers; where they are waited for, those that do not end soon are killed."""
        if not wait:
            super().shutdown(wait, cancel_futures=cancel_futures)
            return
        timer = threading.Timer(_PATIENCE, self.kill)
        timer.start()
        try:
            super().shutdown(cancel_futures=cancel_futures)
        finally:
            timer.cancel()

    def why(self, error: BrokenProcessPool) -> str:
        """Return why a worker ended. The pool is closed after it.

        Args:
            error: that a future raised.
        """
        self.shutdown(wait=True, cancel_futures=True)
        if error.__cause__ is not None:
            *_, line = str(error.__cause__).strip("'\n").splitlines()
            return f"what a worker returned could not be read: {line}"
        codes = [p.exitcode for p in self._context.started if p.exitcode is not None]
        # The pool ends those that are left by SIGTERM.
        return _cause(next((c for c in codes if c not in {0, -signal.SIGTERM}), -signal.SIGTERM))


def _cause(code: int) -> str:
    """Return what an exit code says of a worker's end."""
    if code > 0:
        printed = "; what it printed above says why" if code == 1 else ""
        return f"a worker ended with exit code {code}{printed}"
    name = signal.Signals(-code).name
    if code == -signal.SIGKILL:
        return f"a worker was killed by {name}, as the system does where memory runs out"
    return f"a worker crashed with {name}" if -code in _CRASHES else f"a worker was ended by {name}"


class Idleness:
    """Tells from looks at a pool, one after another, whether its workers do nothing."""

    def __init__(self, pool: WorkerPool) -> None:
        """Begin with a first look.

        Args:
            pool: of the workers.
        """
        self._pool = pool
        self._used, self._idle = pool.used(), 0.0

    def lasts(self, since: float) -> bool:
        """Return whether it lasts STALLED s by now.

        Args:
            since: s since the last look. Where all of it slept (a suspended machine, Ctrl-Z) there are no looks.
        """
        used = self._pool.used()
        if used is None or self._used is None or used - self._used >= _WORKING:
            self._used, self._idle = used, 0.0
        else:
            self._idle += since
        return self._idle >= STALLED
