"""What the commands say of a library's joint count on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabletop.words import plural

__all__ = ["joint_lines"]


def joint_lines(joint: Mapping[str, Any], codes: int) -> list[str]:
    """Return the joint count, and a table by category of entity."""
    categories: Mapping[str, Mapping[str, Any]] = joint["categories"]
    left_out = f"; not counted: {', '.join(joint['left_out'])}" if joint["left_out"] else ""
    head = (
        f"{codes} codes, {joint['skills']:.1f} distinct skills ({joint['low']:.1f} .. {joint['high']:.1f}), "
        f"{joint['skills_5cm']:.1f} at 5 cm, mean over {plural(len(categories), 'kind')} of thing{left_out}"
    )
    width = max(4, *map(len, categories))
    lines = [head, f"{'kind':{width}}  codes  scenes  skills   low  high  at 5 cm  right  within 2, 3, 5 cm  10 deg"]
    for name, c in categories.items():
        near = c["precision"]
        shares = "-" if near is None else " ".join(f"{near[f'within_{cm}cm']:5.2f}" for cm in (2, 3, 5))
        turned = "-" if near is None or near["within_10deg"] is None else f"{near['within_10deg']:.2f}"
        lines.append(
            f"{name:{width}}  {c['codes']:5d}  {c['scenes']:6d}  {c['skills']:6.1f}  {c['low']:4.1f}  {c['high']:4.1f}"
            f"  {c['skills_5cm']:7.1f}  {c['right']:5.1f}  {shares:>17}  {turned:>6}"
        )
    return lines
