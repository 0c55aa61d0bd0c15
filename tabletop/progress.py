"""Progress of long work: a bar with the time left on a terminal, and elsewhere a line a minute on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TextIO, TypeVar

from tqdm import tqdm

__all__ = ["EVERY", "Progress", "Pulse", "tell", "time_text", "track"]

Item = TypeVar("Item")

EVERY: Final = 60.0
"""s from one line to the next where there is no terminal."""


def time_text(seconds: float) -> str:
    """Return a time in words of at most two units.

    >>> time_text(610.0)
    '10 min'
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under 1 min"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


class Pulse:
    """When the next line is due: one clock for all bars of a process, so that many short jobs in a row say something.

    Bars may be nested. The outermost begins a line, and those inside it follow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, stream: TextIO | None = None) -> None:
        """Start without any bar.

        Args:
            clock: gives s from any moment on.
            stream: where lines and bars go; stderr by default.
        """
        self.clock = clock
        self._stream = stream
        self._bars: list[Progress] = []
        self._seen = self._said = float("-inf")

    @property
    def stream(self) -> TextIO | None:
        """Where lines and bars go; None where this process has no stderr."""
        return sys.stderr if self._stream is None else self._stream

    @property
    def on_terminal(self) -> bool:
        """Whether bars can be drawn there."""
        return self.stream is not None and self.stream.isatty()

    def say(self, text: str) -> None:
        """Print a line now, above the bars where there are any. A stream that nobody reads any more ends no work."""
        if self.stream is not None:
            with suppress(OSError):
                tqdm.write(text, file=self.stream)
                self.stream.flush()

    def begin(self, bar: Progress) -> None:
        """Take in a bar. After a minute in which none was at work the next line is due a minute later."""
        now = self.clock()
        if not self._bars and now - self._seen > EVERY:
            self._said = now
        self._seen = now
        self._bars.append(bar)

    def beat(self) -> None:
        """Print a line if one is due and there is no terminal."""
        self._seen = self.clock()
        if self._seen - self._said >= EVERY and self._bars:
            self._said = self._seen
            if not self.on_terminal:
                self.say("; ".join(bar.line() for bar in self._bars))

    def end(self, bar: Progress) -> None:
        """Let go of a bar."""
        self._seen = self.clock()
        self._bars = [b for b in self._bars if b is not bar]


_PULSE: Final = Pulse()


class Progress:
    """How far one piece of work is. Use it as a context.

    On a terminal it draws a bar; elsewhere it prints a line a minute, such as
    "discover: 1200 of 1800 s (67 %), 10 min left". Work of less than a minute prints no line. Nothing goes to stdout.

    >>> with Progress("measure", 3) as bar:
    ...     bar.update()
    """

    def __init__(
        self, label: str, total: int, *, unit: str = "", done: int = 0, shown: bool = True, pulse: Pulse | None = None
    ) -> None:
        """Begin with nothing drawn.

        Args:
            label: what the work is.
            total: how much of it there is, in `unit`.
            unit: "s", "steps", "runs", ...; "" for plain numbers.
            done: how much of it was done before.
            shown: False for no word at all.
            pulse: the clock and the stream; those of the process by default.
        """
        self.label, self.total, self.unit, self.done = label, total, unit, done
        self._first, self._note, self._shown = done, "", shown
        self._pulse = pulse or _PULSE
        self._began = self._pulse.clock()
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Progress:
        if self._shown:
            self._began = self._pulse.clock()
            self._pulse.begin(self)
            if self._pulse.on_terminal:
                self._bar = tqdm(
                    total=self.total,
                    initial=self.done,
                    unit=self.unit or "it",
                    desc=self.label,
                    leave=False,
                    file=self._pulse.stream,
                )
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._pulse.end(self)
        if self._bar is not None:
            self._bar.close()

    def update(self, count: int = 1) -> None:
        """Count as much more as done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """Say how much is done, in all."""
        if self._bar is not None:
            self._bar.update(done - self.done)
        self.done = done
        if self._shown:
            self._pulse.beat()

    def note(self, text: str) -> None:
        """Set what stands behind the time left."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text)

    def line(self) -> str:
        """Return label, done of total, share, time left (once that is known) and the note."""
        share = f" ({self.done / self.total:.0%})".replace("%", " %") if self.total else ""
        parts = [f"{self.label}: {self.done} of {self.total}{f' {self.unit}' if self.unit else ''}{share}"]
        gained = self.done - self._first
        if gained > 0:
            left = (self._pulse.clock() - self._began) * max(0, self.total - self.done) / gained
            parts.append(f"{time_text(left)} left")
        return ", ".join([*parts, *([self._note] if self._note else [])])


def track(items: Sequence[Item], label: str, *, unit: str = "", pulse: Pulse | None = None) -> Iterator[Item]:
    """Yield the items one after another; each counts as done when the next is asked for.

    Args:
        items: what is worked on.
        label: what the work is.
        unit: of the items; "" for plain numbers.
        pulse: the clock and the stream; those of the process by default.
    """
    with Progress(label, len(items), unit=unit, pulse=pulse) as bar:
        for item in items:
            yield item
            bar.update()


def tell(text: str) -> None:
    """Print a line on stderr at once, above the bars where there are any."""
    _PULSE.say(text)
