"""Named arrays in a safetensors file: written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tabletop.errors import TabletopError
from tabletop.files import make_folder, writing

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write named arrays (numpy, or torch's on the CPU) to a safetensors file, atomically.

    A reader, or a run resumed after a kill, sees the old file or the new one, never a part.

    Raises:
        TabletopError: it cannot be written (a full disk).
    """
    arrays = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in tensors.items()}
    make_folder(path.parent)
    try:
        with writing(path) as temporary:
            save_file(arrays, temporary)  # For its owner alone; others may read what the folder lets them.
            temporary.chmod(path.parent.stat().st_mode & 0o666)
    except SafetensorError as error:
        raise TabletopError(f"cannot write {str(path)!r}: {error}") from None


def load_tensors(path: Path, what: str | None = None) -> dict[str, npt.NDArray[Any]]:
    """Read what `save_tensors` wrote, as numpy arrays.

    Args:
        path: the file.
        what: it is, for the message; its path by default.

    Raises:
        TabletopError: there is no such file, it is no safetensors file, or numpy has no type for a tensor.
    """
    what = what or repr(str(path))
    if not path.is_file():
        raise TabletopError(f"cannot read {what}: no such file")
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, MemoryError) as error:
        # KeyError and the like: a type that numpy lacks, such as bfloat16.
        why = str(error) if isinstance(error, SafetensorError) else f"a tensor's type must be one of numpy's ({error})"
        raise TabletopError(f"cannot read {what}: it must be a safetensors file; {why}") from None
