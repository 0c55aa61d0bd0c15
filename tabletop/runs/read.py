"""A run folder's files to one value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from tabletop.errors import TabletopError
from tabletop.files import LARGEST, parse_json, read_text
from tabletop.runs.records import Chains, Discovery, Measurement, Naming, Planning, Record, Robustness
from tabletop.runs.run import Made, Run
from tabletop.runs.store import read_record
from tabletop.yaml_files import read_yaml

__all__ = ["read_metrics", "read_run"]

R = TypeVar("R", bound=Record)
_STAGES: Final[tuple[type[Record], ...]] = (Discovery, Measurement, Naming, Planning, Chains, Robustness)


def _number(value: object) -> float | None:
    """Return a number that charts can be drawn of, and None for anything else (a truth value is no number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST else None


def read_metrics(path: Path) -> tuple[Mapping[str, float], ...]:
    """Return the rows of metrics.jsonl: numbers by name. A last line that is half written is left out.

    Raises:
        TabletopError: it cannot be read, or a line is no JSON object.
    """
    rows = []
    lines = read_text(path, path.name).splitlines()
    for i, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, path.name)
        except TabletopError:
            if i == len(lines):
                break  # a run that was killed, or still goes on, leaves half a last line
            raise TabletopError(f"{path.name} line {i} must be a JSON object, got {line[:60]!r}") from None
        if not isinstance(row, dict):
            raise TabletopError(f"{path.name} line {i} must be a JSON object, got {line[:60]!r}")
        rows.append({k: number for k, v in row.items() if (number := _number(v)) is not None})
    return tuple(rows)


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in _flat(v, f"{prefix}.{k}" if prefix else str(k))]
    return [(prefix, str(value))]


def _made(path: Path) -> Made:
    data = read_yaml(path, path.name)
    if not isinstance(data, Mapping):
        raise TabletopError(f"{path.name} must be a mapping, got {str(data)[:60]!r}")
    command, seed, version = (data.get(k) for k in ("command", "seed", "version"))
    settings = data.get("settings")
    if settings is not None and not isinstance(settings, Mapping):
        raise TabletopError(f"{path.name} settings must be a mapping, got {str(settings)[:60]!r}")
    resumed = data.get("resumed", [])
    if not isinstance(resumed, list):
        raise TabletopError(f"{path.name} resumed must be a list, got {str(resumed)[:60]!r}")
    return Made(
        None if command is None else str(command),
        None if version is None else str(version),
        None if seed is None else str(seed),
        tuple(_flat(settings)) if settings else (),
        tuple(map(str, resumed)),
    )


def read_run(folder: Path, digest: str | None = None) -> Run:
    """Read what a run folder holds; each file may be missing.

    Args:
        folder: the run's.
        digest: of its library, which the files must be of; None: of any.

    Raises:
        TabletopError: no such folder, nothing in it to show, or a file that is damaged or of another format.
    """
    if not folder.is_dir():
        raise TabletopError(f"no run folder {str(folder)!r}; a stage such as 'tabletop discover' makes one")

    def stage(record_type: type[R]) -> R | None:
        path = folder / record_type.FILE
        return read_record(path, record_type, digest) if path.is_file() else None

    metrics = folder / "metrics.jsonl"
    run = Run(
        folder,
        stage(Discovery),
        stage(Naming),
        stage(Planning),
        stage(Chains),
        stage(Robustness),
        read_metrics(metrics) if metrics.is_file() else (),
        _made(folder / "run.yaml") if (folder / "run.yaml").is_file() else None,
        stage(Measurement),
    )
    stages = (run.counted, run.naming, run.planning, run.chains, run.robustness)
    if not any(stages) and not run.metrics:
        names = ", ".join(record_type.FILE for record_type in _STAGES)
        raise TabletopError(f"{str(folder)!r} holds no results to report; there must be one of: {names}")
    return run
