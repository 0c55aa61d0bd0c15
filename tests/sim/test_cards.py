"""Cards of kinds: what they say is read, and a card of an older version is told what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.paths import ASSETS
from tabletop.sim import cards


@pytest.fixture
def block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of cards with the block's alone; returns its file."""
    path = tmp_path / "assets" / "objects" / "block.yaml"
    path.parent.mkdir(parents=True)
    path.write_text((ASSETS / "objects" / "block.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(projects, "DATA", tmp_path)
    return path


def test_a_card_says_the_body_type(block: Path) -> None:
    assert {k: c.body_type for k, c in cards._cards.__wrapped__(0).items()} == {"block": "rigid"}


def test_a_card_with_the_old_field_is_told_the_new_one(block: Path) -> None:
    text = block.read_text(encoding="utf-8")
    assert "\nbody_type: " in text
    block.write_text(text.replace("\nbody_type: ", "\nmoves: "), encoding="utf-8")
    with pytest.raises(TabletopError) as caught:
        cards._cards.__wrapped__(0)
    assert str(caught.value) == ("card objects/block.yaml: the field moves is now body_type, as in 'body_type: rigid'")
