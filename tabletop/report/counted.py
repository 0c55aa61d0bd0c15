"""The joint count on a page: how many distinct skills there are on each kind of thing, and how exact they are."""

from __future__ import annotations

from tabletop.report.charts import bars, percent, short
from tabletop.report.html import details, figure, nice, section, table
from tabletop.report.maps import starts_map
from tabletop.runs.counts import CategoryCount, JointCount
from tabletop.words import plural

__all__ = ["count_section", "count_tile", "empowerment"]


def _bars(joint: JointCount) -> str:
    rows = [(f"{nice(name)} {c.codes}", round(c.skills, 1), False) for name, c in joint.categories.items()]
    spoken = ", ".join(f"{name} {short(value)}" for name, value, _ in rows)
    return bars([*rows, ("doing nothing", 1.0, True)], f"Distinct skills by kind of thing: {spoken}")


def count_tile(joint: JointCount) -> str:
    """Return the key number of a library: its distinct skills, the mean over kinds of thing."""
    kinds = plural(len(joint.categories), "kind")
    return (
        f'<div class="tile"><p class="tile-label">Distinct skills on a thing, mean over {kinds}</p>'
        f'<p class="tile-value">{joint.skills:.1f}<small> {joint.low:.1f} to {joint.high:.1f}</small></p>'
        f"{_bars(joint)}</div>"
    )


def _near(c: CategoryCount) -> list[str]:
    p = c.precision
    if p is None:
        return ["–"] * 5
    turned = "–" if p.within_10deg is None else percent(p.within_10deg)
    return [f"{100 * p.median:.1f} cm", *(percent(v) for v in (p.within_2cm, p.within_3cm, p.within_5cm)), turned]


def count_section(joint: JointCount) -> str:
    """Return the count by kind of thing, with precision and reliability."""
    body = figure("At 2 cm, 15° and 5% of a joint", _bars(joint), "After each name: the codes that can attend to it.")
    cells = [
        [
            nice(name),
            *(str(v) for v in (c.codes, c.scenes)),
            *(f"{v:.1f}" for v in (c.skills, c.low, c.high, c.skills_5cm, c.skills_alike, c.right)),
            str(c.coverage),
        ]
        for name, c in joint.categories.items()
    ]
    head = ["kind", "codes", "scenes", "skills", "low", "high", "at 5 cm", "codes alike", "decoded right", "bins"]
    folded = details("The same as a table", table(head, cells))
    near = [[nice(name), *_near(c), *_reliable(c)] for name, c in joint.categories.items()]
    words = ["kind", "median miss", "within 2 cm", "3 cm", "5 cm", "10°", "alone", "one thing near", "two or more"]
    folded += details("How near to their targets skills end", table(words, near))
    left_out = f" Not counted, for want of episodes: {', '.join(map(nice, joint.left_out))}." if joint.left_out else ""
    lead = (
        "All skills that can attend to a thing run in the same scenes. A decoder, fitted on other scenes, says from "
        "what became of the thing which skill it was. Doing nothing counts as one for all of them." + left_out
    )
    return section("count", "How many distinct skills", lead, f'<div class="panels">{body}</div>{folded}')


def empowerment(joint: JointCount) -> str:
    """Return from where on the table how many skills could be told apart; "" where that is not known."""
    known = {name: c for name, c in joint.categories.items() if c.starts}
    if not known:
        return ""
    panels, rows = "", []
    for name, c in known.items():
        skills = [2.0 ** max(0.0, bits) for *_, bits in c.starts]
        label = f"Distinct skills on {nice(name)} by where it starts: {min(skills):.1f} to {max(skills):.1f}"
        panels += figure(nice(name).capitalize(), starts_map(c.starts, label))
        rows += [[nice(name), f"{100 * x:.0f} cm", f"{100 * y:+.0f} cm", f"{bits:.2f}"] for x, y, bits in c.starts]
    lead = (
        "A dot is a scene, at the place where the thing starts. Its number says how many skills could be told apart by"
        " what became of the thing from there: the empowerment of that start, two to the power of its bits. A scene"
        " alone says little; look for where on the table numbers are low."
    )
    folded = details("The same as a table", table(["kind", "away", "to the left", "bits"], rows))
    return section("empowerment", "From where, how much", lead, f'<div class="panels">{panels}</div>{folded}')


def _reliable(c: CategoryCount) -> list[str]:
    """Return the share of episodes within 5 cm of the target, by how many other things were near at the start."""
    found = (c.reliability.get(name) for name in ("0", "1", "2 or more"))
    return ["–" if one is None else f"{percent(one[0])} of {one[1]}" for one in found]
