"""The one place that says where torch computes, and how a machine's cores are shared with those that collect."""

from __future__ import annotations

from typing import Final

import torch

from tabletop.errors import TabletopError

__all__ = ["choose_device", "collectors", "has_bf16", "learner_threads"]

_MOST_THREADS: Final = 4
"""A second one makes updates 1.2 (bfloat16) to 1.3 times (float32) as fast: half of one is too small to be shared."""
_MOST_COLLECTORS: Final = 12
"""They are more than any learner on a CPU keeps up with, and have as many rounds under way as one has."""


def learner_threads(cores: int, workers: int) -> int:
    """Return how many threads suit a learner: a quarter of the cores, at most 4, and none that a worker needs.

    They wait spinning for each other, so with too few cores two are slower than one.

    Args:
        cores: of this machine.
        workers: processes that are at work on it as well.

    >>> [learner_threads(cores, 6) for cores in (2, 4, 8, 16, 64)]
    [1, 1, 2, 4, 4]
    >>> learner_threads(8, workers=8)
    1
    """
    return max(1, min(_MOST_THREADS, cores // 4, cores - workers))


def collectors(cores: int) -> int:
    """Return how many worker processes suit a machine whose learner learns meanwhile.

    With few cores it is one a core: a learner that waits for episodes leaves its core to them, and one that does not
    lets the workers wait.

    >>> [collectors(cores) for cores in (1, 2, 4, 8, 64)]
    [1, 2, 4, 6, 12]
    """
    threads = learner_threads(cores, 0)
    return min(_MOST_COLLECTORS, cores if threads == 1 else cores - threads)


def choose_device(name: str = "auto") -> torch.device:
    """Return the device to learn on: "auto" is the first CUDA GPU where there is one, else the CPU.

    Raises:
        TabletopError: a device that torch does not know or this machine lacks.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise TabletopError(f"device must be auto, cpu, cuda or cuda:<number>; got {name!r}")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TabletopError(f"device {name!r} cannot be used ({reason}); take auto or cpu") from None
    return device


def has_bf16() -> bool:
    """Return whether this processor multiplies matrices of bfloat16 itself (AVX-512 BF16 or AMX)."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
