"""A ring of transitions in numpy: the learner draws rows by index and relabels them as it likes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.learn.tensors import load_tensors, save_tensors

__all__ = ["Replay"]

Rows = Mapping[str, npt.NDArray[Any]]
Indices = npt.NDArray[np.int64]


class Replay:
    """The last `capacity` rows of named fields.

    Args:
        capacity: rows kept; the oldest are overwritten.
        fields: per name the shape of one row and its dtype ("float32").
    """

    def __init__(self, capacity: int, fields: Mapping[str, tuple[tuple[int, ...], npt.DTypeLike]]) -> None:
        if capacity < 1 or not fields:
            raise TabletopError(f"a replay needs capacity >= 1 and a field; got {capacity} and {sorted(fields)}")
        self.capacity = capacity
        self.added = 0
        self._rows: dict[str, npt.NDArray[Any]] = {
            name: np.zeros((capacity, *shape), dtype) for name, (shape, dtype) in fields.items()
        }

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return all rows of a field, (capacity, ...), the ring itself: what is written there stays."""
        return self._rows[name]

    def add(self, rows: Rows) -> Indices:
        """Append n rows, (n, ...) a field, and return where they went, (n,).

        Raises:
            TabletopError: if a field is missing, unknown or of another length, or n exceeds the capacity.
        """
        if set(rows) != set(self._rows):
            raise TabletopError(f"the replay's fields are {sorted(self._rows)}; got {sorted(rows)}")
        lengths = {len(value) for value in rows.values()}
        if len(lengths) != 1 or max(lengths) > self.capacity:
            raise TabletopError(f"rows added together have one length up to {self.capacity}; got {sorted(lengths)}")
        indices = (self.added + np.arange(lengths.pop())) % self.capacity
        for name, value in rows.items():
            self._rows[name][indices] = value
        self.added += len(indices)
        return indices

    def sample(self, n: int, rng: np.random.Generator) -> Indices:
        """Return n indices drawn uniformly with replacement, (n,)."""
        if not self.added:
            raise TabletopError("an empty replay has nothing to sample")
        return rng.integers(len(self), size=n)

    def get(self, indices: Indices) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the rows at these indices, (n, ...) a field."""
        return {name: value.take(indices, axis=0) for name, value in self._rows.items()}

    def save(self, path: Path) -> None:
        """Write the rows held to a safetensors file, atomically."""
        held = {f"row.{name}": value[: len(self)] for name, value in self._rows.items()}
        save_tensors(path, {"added": np.array(self.added, dtype=np.int64), **held})

    def restore(self, path: Path) -> None:
        """Take over what `save` wrote, from a replay of the same capacity and fields.

        Raises:
            TabletopError: if the file does not fit this replay.
        """
        stored = load_tensors(path)
        added = int(stored.get("added", np.array(0)))
        held = min(added, self.capacity)
        for name, value in self._rows.items():
            rows = stored.get(f"row.{name}")
            if rows is None or rows.shape != (held, *value.shape[1:]) or rows.dtype != value.dtype:
                got = "nothing" if rows is None else f"{rows.dtype} {rows.shape}"
                wanted = f"{value.dtype} {(held, *value.shape[1:])}"
                raise TabletopError(f"the replay in {path} needs 'row.{name}' as {wanted}; got {got}")
        for name, value in self._rows.items():
            value[:held] = stored[f"row.{name}"]
        self.added = added
