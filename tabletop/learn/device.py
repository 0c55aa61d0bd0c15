"""The one place that says where torch computes."""

from __future__ import annotations

import torch

from tabletop.errors import TabletopError

__all__ = ["choose_device", "has_bf16"]


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
