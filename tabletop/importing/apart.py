"""Work on files of others in a process of its own: what crashes there, or never ends, is one line here."""

from __future__ import annotations

import resource
import warnings
from collections.abc import Callable
from concurrent.futures import TimeoutError as Late
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Final, TypeVar

from tabletop.errors import TabletopError
from tabletop.importing.geometry import trimesh
from tabletop.rollout.workers import WorkerPool

__all__ = ["LONGEST", "Apart"]

Job = TypeVar("Job")
Result = TypeVar("Result")

LONGEST: Final = 120.0
"""s that a file may take."""
_MEMORY: Final = 16 * 2**30
"""Bytes of addresses that the process may have."""


class Apart:
    """A process for one file after another. It starts with the first one; close it, or use it as a context."""

    def __init__(self, longest: float = LONGEST) -> None:
        """Prepare it.

        Args:
            longest: s that a file may take.
        """
        self._longest = longest
        self._pool: WorkerPool | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process at once, at work or not."""
        if self._pool is not None:
            self._pool.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def call(self, function: Callable[[Job], Result], job: Job, what: str) -> Result:
        """Return what a function makes of a job.

        Args:
            function: at the top of a module.
            job: plain values.
            what: it is about, for the message.

        Raises:
            TabletopError: of the function itself; or it crashed, or took too long or too much memory.
        """
        warm, pool = self._pool is not None, self._pool or WorkerPool(1)
        self._pool = pool
        try:
            if not warm:
                # On a busy machine libraries take long to load; that is not the file's fault.
                pool.start(_ready, None).result(LONGEST)
            return pool.start(_limited, (function, job)).result(self._longest)
        except Late:
            self.close()
            raise TabletopError(f"{what}: it takes longer than {self._longest:g} s; simplify it first") from None
        except BrokenProcessPool as error:
            why = pool.why(error).replace("a worker", "what reads it")
            self.close()
            raise TabletopError(f"{what}: {why}") from None
        except MemoryError:
            raise TabletopError(f"{what}: it takes too much memory; simplify it first") from None
        except TabletopError:
            raise
        except BaseException:
            self.close()
            raise


def _ready(_: None) -> None:
    """Load what reads meshes."""
    trimesh()


def _limited(given: tuple[Callable[[Job], Result], Job]) -> Result:
    """Do a job within bounds, and without the warnings of libraries."""
    function, job = given
    with suppress(ValueError, OSError):  # Not all systems have it.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(job)
