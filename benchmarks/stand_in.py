"""A collector that takes the time of real episodes and no processor: what worker processes of scaling.py run.

It is a file of its own, as workers import it: torch they need not.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from tabletop.discovery.collect import Batch, CollectJob, Record
from tabletop.learn.tensors import load_tensors, save_tensors

__all__ = ["keep", "kept", "replay"]

_FILE = "episodes.safetensors"


def keep(folder: Path, batch: Batch) -> None:
    """Write real episodes into a folder, for `replay`."""
    arrays = {}
    for i, record in enumerate(batch):
        for name, value in asdict(record).items():
            text = isinstance(value, str)
            arrays[f"{i}.{name}"] = np.frombuffer(value.encode(), np.uint8) if text else np.asarray(value)
    save_tensors(folder / _FILE, arrays)


@lru_cache(maxsize=1)
def kept(folder: str) -> Batch:
    """Return what `keep` wrote."""
    arrays = load_tensors(Path(folder) / _FILE)
    out = []
    for i in range(1 + max(int(name.partition(".")[0]) for name in arrays)):
        values = {field.name: arrays[f"{i}.{field.name}"] for field in fields(Record)}
        plain = {name: int(values[name]) for name in ("code", "steps")}
        kind = values["entity_kind"].tobytes().decode()
        out.append(Record(**{**values, **plain, "entity_kind": kind}))
    return out


def replay(job: CollectJob, folder: str, step: float, begin: int) -> Batch:
    """Return real episodes in a job's place, after the time that their control steps take; each sleep is noted.

    Args:
        job: which episodes; its numbers pick among those that are kept.
        folder: that `keep` wrote to.
        step: s of one control step.
        begin: number of the first episode that takes time; those before are there at once.
    """
    batch: Batch = []
    for number in range(job.first, job.first + job.count):
        record = kept(folder)[number % len(kept(folder))]
        if number >= begin:
            line = {"begin": time.time(), "seconds": record.steps * step, "steps": record.steps}
            with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            time.sleep(record.steps * step)
        batch.append(record)
    return batch
