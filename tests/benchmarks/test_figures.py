"""The figures in README and docs are what the files in benchmarks/results say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import figures
import pytest
import yaml

INDEX: list[dict[str, Any]] = yaml.safe_load((figures.RESULTS / "index.yaml").read_text(encoding="utf-8"))
WITH_FILE = [(e, table, name) for e in INDEX if "file" in e for table, name in e["tables"].items()]


@pytest.mark.parametrize("page", figures.PAGES)
def test_a_page_says_what_the_results_say(page: str) -> None:
    text = (figures.ROOT / page).read_text(encoding="utf-8")
    assert "<!-- figures: " in text
    assert figures.written(text, INDEX) == text, "run: python benchmarks/figures.py"


def test_every_figure_has_its_command_and_its_day() -> None:
    for entry in INDEX:
        assert re.match(r"(tabletop|python benchmarks/\w+\.py|make) ?", entry["command"]), entry
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d", str(entry["date"])), entry
        assert ("text" in entry) != ("file" in entry), entry
        if "file" not in entry:
            assert set(entry["tables"].values()) == {"text"}, entry
            assert entry.get("physics") == "before", "a figure is kept as a file"


def changed(value: Any) -> Any:
    """Return a result with every number another one."""
    if isinstance(value, Mapping):
        return {k: changed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [changed(v) for v in value]
    return value * 0.5 if isinstance(value, float) else value + 1 if type(value) is int else value


@pytest.mark.parametrize(("entry", "table", "name"), WITH_FILE, ids=[f"{e['file']}-{n}" for e, _, n in WITH_FILE])
def test_a_figure_follows_its_file(
    entry: dict[str, Any], table: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = figures.read(entry["file"])
    text = figures.FIGURES[name](result)
    assert text in "\n".join(figures.rows(table, INDEX))
    (tmp_path / entry["file"]).write_text(json.dumps(changed(result)), encoding="utf-8")
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    assert text not in "\n".join(figures.rows(table, [entry]))
