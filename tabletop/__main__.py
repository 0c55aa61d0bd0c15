"""`python -m tabletop` is the command `tabletop`: it listens for signals, and only then imports what takes long."""

from __future__ import annotations

import os
import sys

from tabletop.signals import listen, raising

__all__ = ["main"]


def _open_streams() -> None:
    """Open what this process was started without, for the next file must not take the place of stderr."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def main() -> int:
    """Run the command that the arguments of this process say; return the exit code."""
    listen()
    _open_streams()
    from tabletop.cli import main as command

    with raising():
        return command()


if __name__ == "__main__":
    sys.exit(main())
