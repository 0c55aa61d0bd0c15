"""Being told to stop: Ctrl-C (SIGINT), SIGTERM and SIGHUP are one thing, and none of them is ever a traceback.

A command imports this before anything that takes long, so it must stay light: not even `typing` is imported.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, Final, NoReturn

__all__ = ["STOPS", "Stopped", "held_back", "in_words", "leave", "listen", "raising", "shielded", "undisturbed"]

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a process to stop."""
_SAME: Final = 1.0
"""s in which a second signal belongs to the first: a shell, the kernel and a queue may each send one."""


class Stopped(KeyboardInterrupt):
    """A command was told to stop; what handles Ctrl-C handles this."""

    def __init__(self, number: int) -> None:
        """Keep the signal.

        Args:
            number: of the signal.
        """
        super().__init__()
        self.number = number


def in_words(number: int) -> str:
    """Return what a signal did, in words."""
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


_heard: tuple[int, float] | None = None
"""The first signal of a command, and when it came."""
_raising = False


def listen() -> None:
    """Answer the signals of a command from now on: one line, and an exit code of 128 and the signal's number.

    Until `raising` they end it at once, as nothing is under way. A signal that is ignored stays so (nohup).
    """
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _answer)
    sys.unraisablehook = _not_lost


@contextmanager
def raising() -> Iterator[None]:
    """Raise `Stopped` at the first signal in here; whatever that becomes on its way out, the command ends by it."""
    global _raising
    try:
        _raising = True
        yield
    except BaseException:
        if _heard is not None:
            leave(_heard[0])
        raise
    finally:
        _raising = False


def leave(number: int) -> NoReturn:
    """End this process at once, with its children and a line."""
    for child in _children():
        child.kill()
    try:
        os.write(2, f"tabletop: {in_words(number)}\n".encode())
    finally:
        os._exit(128 + number)


def _answer(number: int, frame: FrameType | None) -> None:
    global _heard
    if _heard is not None and time.monotonic() - _heard[1] < _SAME:
        return
    first, _heard = _heard is None, (number, time.monotonic())
    # An exception in the middle of an import may arrive as another one, or not at all.
    if _raising and first and (_children() or not _imports(frame)):
        raise Stopped(number)
    leave(number)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _children() -> list[Any]:
    known = getattr(sys.modules.get("multiprocessing"), "active_children", None)
    return known() if known is not None else []


def _not_lost(unraisable: sys.UnraisableHookArgs) -> None:
    """End the command where a `Stopped` came in a place that cannot raise, such as a finalizer."""
    if isinstance(unraisable.exc_value, Stopped):
        leave(unraisable.exc_value.number)
    sys.__unraisablehook__(unraisable)


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Hold the first signal back until the end, and give a function that says whether there was one.

    A second one, more than a second later, acts at once. The handler that was there before says how a signal acts;
    where there was none, the process exits in order. Outside the main thread, which hears no signal, nothing is held.

    Raises:
        BaseException: at the end, what the handler raises.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    first: tuple[int, float] | None = None

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = (number, time.monotonic())
        elif time.monotonic() - first[1] >= _SAME:
            _act(number, before[number], frame)

    found: dict[int, Any] = {number: signal.getsignal(number) for number in STOPS}
    before = {number: handler for number, handler in found.items() if handler not in {signal.SIG_IGN, None}}
    try:
        for number in before:
            signal.signal(number, note)
        yield lambda: first is not None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if first is not None:
            _act(first[0], before[first[0]], None)


def _act(number: int, handler: Any, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
    else:
        raise SystemExit(128 + number)


@contextmanager
def shielded() -> Iterator[None]:
    """Start processes in here: the signals reach none that is not ready, and this one only at the end.

    New processes inherit the mask of this thread, which blocks the signals; they open it themselves.
    """
    with held_back():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the handlers back that were there before, whatever a library sets in here."""
    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
