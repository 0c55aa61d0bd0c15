"""The page of `tabletop measure`: a library's figures beside their baselines, as charts with a table under each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import log10
from pathlib import Path
from typing import Any, Final

from tabletop.files import write_whole
from tabletop.report.charts import Series, bars, code_color, lines, short
from tabletop.report.counted import count_section, count_tile, empowerment
from tabletop.report.html import details, figure, nice, section, table
from tabletop.report.page import whole_page
from tabletop.runs.counts import JointCount
from tabletop.schema import convert

__all__ = ["measured_page", "write_measured"]

_LINKS: Final = {
    "count": "Count",
    "empowerment": "Empowerment",
    "effects": "Effects",
    "channel": "Channel",
    "siblings": "Siblings",
    "synergies": "Synergies",
}


def measured_page(result: Mapping[str, Any]) -> str:
    """Return what `tabletop measure --json` prints as one HTML text without a link to anything outside it."""
    joint = _joint(result)
    sections = [] if joint is None else [count_section(joint), empowerment(joint)]
    sections += [_effects(result), _channel(result["channel"]), _siblings(result["siblings"])]
    sections.append(_synergies(result["synergies"]))
    title = f"{result['library']} measured · tabletop"
    return whole_page(title, "tabletop measure", _top(result), sections, _LINKS)


def write_measured(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write measure.html into a folder, and return its path."""
    target = folder / "measure.html"
    write_whole(target, measured_page(result))
    return target


def _joint(result: Mapping[str, Any]) -> JointCount | None:
    """Return the joint count of a result, which older ones lack."""
    found = result.get("joint")
    return None if found is None else convert(found, JointCount, "joint count")


def _top(result: Mapping[str, Any]) -> str:
    joint = _joint(result)
    tiles = "" if joint is None else count_tile(joint)
    for size in (2, 5):
        key = f"effective_skills_{size}cm"
        rows = [("this library", result[key], False), *((n, f[key], True) for n, f in result["baselines"].items())]
        spoken = ", ".join(f"{n} {short(v)}" for n, v, _ in rows)
        chart = bars(rows, f"Effective skills at {size} cm: {spoken}")
        label = f"As a sum over effects, distinguishable at {size} cm"
        tiles += (
            f'<div class="tile"><p class="tile-label">{label}</p>'
            f'<p class="tile-value">{result[key]:.1f}<small> of {result["codes"]}</small></p>{chart}</div>'
        )
    tiles += (
        f'<div class="tile"><p class="tile-label">Bits at 2 cm</p><p class="tile-value">{result["bits_2cm"]:.2f}</p>'
        '<p class="tile-note">The base-2 logarithm of the sum.</p></div>'
        '<div class="tile"><p class="tile-label">Coverage</p>'
        f'<p class="tile-value">{result["coverage_bins_5cm"]}<small> bins of 5 cm</small></p>'
        '<p class="tile-note">Into so many the displacements of all rigid things fall.</p></div>'
    )
    note = f"{result['episodes']} held-out episodes a skill, seed {result['seed']}"
    return (
        f'<header class="hero"><div><p class="kicker"><span>{escape(result["library"])}</span><span>{note}</span></p>'
        '<h1>What these skills come to</h1><p class="story">How many skills can be distinguished by what becomes of a '
        "thing. Beside it the older sum over effects, in which each effect counts as one at least: as many as there "
        f'are effects is no skill at all.</p></div></header><div class="tiles">{tiles}</div>'
    )


def _effects(result: Mapping[str, Any]) -> str:
    codes = {effect: c["codes"] for effect, c in result["channel"].items()}
    rows = [(f"{nice(k)} {codes[k]}", v, False) for k, v in result["by_effect"].items()]
    label = "The sum, by effect: " + ", ".join(f"{n} {short(v)}" for n, v, _ in rows)
    body = figure(
        "At 2 cm", bars([(n, round(v, 1), f) for n, v, f in rows], label), "After each name: the codes of the effect."
    )
    lead = "What an episode may be about: where a thing is held or put, how far it moved or turned, a joint's end."
    return section("effects", "By effect", lead, f'<div class="panels">{body}</div>')


def _channel(effects: Mapping[str, Mapping[str, float]]) -> str:
    panels = ""
    for effect, c in effects.items():
        rows = [
            ("spread", c["entropy_bits"], False),
            ("capacity", c["empowerment_bits"], False),
            ("alike", c["information_bits"], False),
            ("by chance", c["chance_bits"], True),
        ]
        label = f"{nice(effect)}, in bits: " + ", ".join(f"{n} {short(v)}" for n, v, _ in rows)
        panels += figure(nice(effect).capitalize(), bars([(n, round(v, 2), f) for n, v, f in rows], label))
    lead = (
        "Bits, with ends note in bins of 5 cm. Spread: how evenly ends fall into bins. Capacity: what the code "
        "says of the bin if codes are drawn as suits best (the empowerment of the skills). Alike: the same with all "
        "codes drawn alike. By chance: the capacity with codes dealt out at random among the same ends. The fewer "
        "episodes a code has, the more of it is chance; only what stands above it counts."
    )
    names = {"codes": "codes", "bins": "bins", "entropy_bits": "H(bin)", "noise_bits": "H(bin | code)"}
    names |= {"information_bits": "I, alike", "empowerment_bits": "capacity", "chance_bits": "by chance"}
    names["codes_in_use"] = "codes in use"
    cells = [[nice(effect), *(short(c[k]) for k in names)] for effect, c in effects.items()]
    folded = details("The same as a table", table(["effect", *names.values()], cells))
    return section("channel", "What a code says of the end", lead, f'<div class="panels">{panels}</div>{folded}')


def _siblings(skills: Mapping[str, Mapping[str, float]]) -> str:
    effects = list(dict.fromkeys(_effect(name) for name in skills))
    panels = ""
    for key, title in (("seeking_bits", "KL(own || siblings)"), ("covering_bits", "KL(siblings || own)")):
        series = []
        for i, effect in enumerate(effects):
            values = sorted((s[key] for n, s in skills.items() if _effect(n) == effect), reverse=True)
            # Bits run over several powers of ten.
            heights = [_log10(v) for v in values]
            ranks = [100 * (j + 0.5) / len(values) for j in range(len(values))]
            series.append(Series(nice(effect), ranks, heights, color=code_color(i, len(effects))))
        label = f"{title} of each skill, the greatest first, as powers of ten of bits"
        panels += figure(
            title, lines(series, label, x_name="skills of the effect, %", marks=True), "Power of ten of bits."
        )
    lead = (
        "Each skill's ends against those of all others of its effect, both as Gaussians seen at 2 cm. The first is "
        "large where a skill does what the others never do, the second where it never does what they do."
    )
    cells = [[n, short(s["seeking_bits"]), short(s["covering_bits"])] for n, s in skills.items()]
    head = ["skill", "KL(own || siblings), bits", "KL(siblings || own), bits"]
    folded = details("The same as a table", table(head, cells))
    return section("siblings", "How far apart skills are", lead, f'<div class="panels">{panels}</div>{folded}')


def _effect(skill: str) -> str:
    return skill.rpartition("-")[0]


def _log10(bits: float) -> float:
    return log10(max(bits, 1e-3))


def _synergies(found: Mapping[str, Mapping[str, Any]]) -> str:
    series = []
    for i, (name, one) in enumerate(found.items()):
        total, sums = 0.0, []
        for share in one["shares"]:
            total += share
            sums.append(min(1.0, total))
        shown = name.removeprefix("movements/")
        series.append(Series(shown, range(1, len(sums) + 1), sums, color=code_color(i, len(found))))
    ninety_five = Series("95%", (1, max(len(s.x) for s in series)), (0.95, 0.95), color="var(--baseline)")
    spoken = ", ".join(f"{n} {one['components_95']} of {one['of']}" for n, one in found.items())
    chart = lines(
        [*series, ninety_five],
        f"Variance explained by the first components; for 95%: {spoken}",
        x_name="components",
        y_range=(min(0.5, *(s.y[0] for s in series)), 1.0),
        rates=True,
    )
    lead = (
        "How few principal components span what the arm's seven joints do: single postures, and whole movements of "
        "each effect."
    )
    cells = [[nice(n), str(one["components_95"]), str(one["of"])] for n, one in found.items()]
    body = figure("Variance explained", chart) + figure("For 95%", table(["rows", "components", "of"], cells))
    return section("synergies", "How few directions span them", lead, f'<div class="panels">{body}</div>')
