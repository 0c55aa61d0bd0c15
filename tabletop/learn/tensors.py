"""Named arrays in a safetensors file: written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tabletop.errors import TabletopError

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write named arrays (numpy, or torch's on the CPU) to a safetensors file, atomically.

    A reader, or a run resumed after a kill, sees the old file or the new one, never a part.

    Raises:
        TabletopError: it cannot be written (a full disk).
    """
    arrays = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(arrays, temporary)
        os.replace(temporary, path)
    except SafetensorError as error:
        raise TabletopError(f"cannot write {str(path)!r}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def load_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what `save_tensors` wrote, as numpy arrays.

    Raises:
        TabletopError: if there is no such file, or it is no safetensors file.
    """
    if not path.is_file():
        raise TabletopError(f"no file of weights at {path}")
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise TabletopError(f"{path} is not a safetensors file: {error}") from None
