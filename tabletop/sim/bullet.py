"""PyBullet without the line that it writes: the one place that imports it.

Its C code writes "pybullet build time: ..." to the process's standard error when it is imported. No setting turns
that off, and `sys.stderr` never sees it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from tabletop.errors import TabletopError
from tabletop.paths import ASSETS

__all__ = ["connect", "hushed", "p"]

_STDERR: Final = 2
_LONGEST: Final = 900
"""Bytes of the path of assets/ at most: PyBullet takes names of 1,023 bytes."""
_SAID: Final = b"pybullet build time:"


@contextmanager
def _without_build_time() -> Iterator[None]:
    """Hold back what the block writes to file descriptor 2; then write all of it but PyBullet's line."""
    with ExitStack() as stack:
        try:
            real = os.dup(_STDERR)
            stack.callback(os.close, real)
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:
            # Standard error is closed, or nothing can be held anywhere: the line may be written.
            yield
            return
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(real, _STDERR)
            held.seek(0)
            with suppress(OSError):
                os.write(_STDERR, b"".join(line for line in held if not line.startswith(_SAID)))


with _without_build_time():
    import pybullet as p


@contextmanager
def hushed() -> Iterator[None]:
    """Drop what PyBullet's C code writes to standard output and error in the block, such as warnings about a file."""
    with ExitStack() as stack:
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, nowhere)
            kept = [(number, os.dup(number)) for number in (1, _STDERR)]
        except OSError:
            yield
            return
        sys.stdout.flush()
        for number, copy in kept:
            os.dup2(nowhere, number)
            stack.callback(os.close, copy)
        try:
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)


def connect() -> int:
    """Return the number of a new client.

    Raises:
        TabletopError: PyBullet has no more of them (1,024 a process), or the package's path is too long for it.
    """
    longest = len(os.fsencode(ASSETS))
    if longest > _LONGEST:
        raise TabletopError(
            f"the package must lie at a path of at most {_LONGEST} bytes, or PyBullet crashes; got {longest}"
        )
    client: int = p.connect(p.DIRECT)
    if client < 0:
        raise TabletopError("PyBullet has no room for another world; close some that are not needed")
    # Files of assets/shapes go by their names alone. PyBullet crashes on a path with other signs than ASCII in a list
    # of names, and keeps each name that it is given for ever; its search path may hold any sign.
    p.setAdditionalSearchPath(str(ASSETS / "shapes"), physicsClientId=client)
    return client
