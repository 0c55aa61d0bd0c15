"""Draws the plots of docs/concepts and the figure of docs/architecture.md, with the package's own measures and charts.

    python docs/plots.py            # writes docs/concepts/*.svg and docs/architecture.svg

Everything is computed, nothing is drawn at random: the files are the same each time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.metrics.information import BIT, capacity, entropy, gaussian_kl, kl, mutual_information
from tabletop.report.charts import Series, lines, panels, px, words
from tabletop.rollout.statistics import wilson

__all__ = ["PLOTS", "draw"]

ROOT: Final = Path(__file__).resolve().parents[1]
Array = npt.NDArray[np.float64]

_HOVER: Final = re.compile(r'<rect class="hit".*?/>', re.DOTALL)
"""Columns that show values in a page with a script; in a picture they do nothing."""
_COLORS: Final = ("#0d9488", "#ea580c", "#8b5cf6", "#7c8594")  # seen on a light page as on a dark one


def _curve(name: str, x: Array, y: Array, color: int = 0) -> Series:
    return Series(name, [float(v) for v in x], [float(v) for v in y], color=_COLORS[color])


def entropy_of_a_coin() -> str:
    """Return entropy over the probability of heads, and over how unequally eight codes are drawn."""
    p = np.linspace(0.0, 1.0, 51)
    coin = entropy(np.stack([p, 1 - p], axis=-1)) / BIT
    favoured = np.linspace(1 / 8, 1.0, 36)
    others = np.repeat((1 - favoured)[:, None] / 7, 7, axis=1)
    codes = np.exp(entropy(np.concatenate([favoured[:, None], others], axis=1)))
    return panels(
        [
            ("H of a coin (bits)", lines([_curve("H", p, coin)], "entropy of a coin", x_name="probability of heads")),
            (
                "exp H of eight codes: how many it is like",
                lines(
                    [_curve("exp H", favoured, codes)],
                    "effective number of codes",
                    x_name="probability of one of them",
                ),
            ),
        ]
    )


def _bell(x: Array, mean: float, sigma: float) -> Array:
    density = np.exp(-0.5 * ((x - mean) / sigma) ** 2)
    density[density < 1e-30] = 0.0  # products of less would be 0
    out: Array = density / density.sum()
    return out


def divergence_both_ways() -> str:
    """Return the bells that fit two humps best by either divergence, and both divergences over the bell's place."""
    x = np.linspace(-4.0, 4.0, 161)
    humps = 0.65 * _bell(x, -1.5, 0.5) + 0.35 * _bell(x, 1.5, 0.5)
    means, sigmas = np.linspace(-2.5, 2.5, 51), np.linspace(0.4, 2.4, 41)
    bells = np.stack([[_bell(x, m, s) for s in sigmas] for m in means])
    bells = (bells + 1e-12) / (bells + 1e-12).sum(axis=-1, keepdims=True)  # or KL is infinite where one is 0
    humps = (humps + 1e-12) / (humps + 1e-12).sum()
    covering, seeking = kl(np.broadcast_to(humps, bells.shape), bells), kl(bells, np.broadcast_to(humps, bells.shape))
    density = 1.0 / (x[1] - x[0])

    def best(found: Array) -> Array:
        m, s = np.unravel_index(int(np.argmin(found)), found.shape)
        out: Array = bells[m, s] * density
        return out

    shapes = [
        _curve("p", x, humps * density, 3),
        _curve("KL(p || q)", x, best(covering)),
        _curve("KL(q || p)", x, best(seeking), 1),
    ]
    over = [
        _curve("KL(p || q)", means, covering.min(axis=1)),
        _curve("KL(q || p)", means, seeking.min(axis=1), 1),
    ]
    return panels(
        [
            ("the best bell q for two humps p", lines(shapes, "two humps and two bells", x_name="x")),
            (
                "divergence of the best bell there (nats)",
                lines(over, "divergences over the bell's mean", x_name="mean of q"),
            ),
        ]
    )


def information_of_codes() -> str:
    """Return I(Z; E) and exp I of codes whose ends lie 10 cm apart, over how widely the ends scatter."""
    sigmas = np.linspace(0.005, 0.15, 30)
    x = np.linspace(-1.0, 1.6, 521)
    found = {}
    for count in (2, 4, 8):
        places = 0.1 * np.arange(count)
        found[count] = np.array(
            [mutual_information(np.stack([_bell(x, m, float(s)) for m in places]) / count) for s in sigmas]
        )
    bits = [_curve(f"{count} codes", 100 * sigmas, found[count] / BIT, i) for i, count in enumerate(found)]
    skills = [_curve(f"{count} codes", 100 * sigmas, np.exp(found[count]), i) for i, count in enumerate(found)]
    name = "scatter of the ends (cm)"
    return panels(
        [
            ("I(Z; E) of ends 10 cm apart (bits)", lines(bits, "information over scatter", x_name=name)),
            ("exp I: effective skills", lines(skills, "effective skills over scatter", x_name=name)),
        ]
    )


def _walk(width: int, steps: int, slip: float, falls: bool) -> Array:
    """Return p(end | start, actions), (width, 3^steps, width + 1), of a walk between two edges.

    The last column is having fallen. Without `falls` a wall stops the walker. With probability `slip` a step fails.
    """
    moves = np.zeros((3, width + 1, width + 1))
    for i, way in enumerate((-1, 0, 1)):
        for x in range(width):
            to = x + way
            if not 0 <= to < width:
                to = width if falls else x
            moves[i, x, to] += 1 - slip
            moves[i, x, x] += slip
        moves[i, width, width] = 1.0
    found = np.eye(width + 1)[:width, None, :]
    for _ in range(steps):
        found = np.concatenate([(found[:, :, :, None] * m[None, None]).sum(axis=2) for m in moves], axis=1)
    return found


def empowerment_of_places() -> str:
    """Return empowerment along a table of 15 places, with walls and with edges, and over how often steps fail."""
    places, steps = np.arange(15.0), 3

    def along(slip: float, falls: bool) -> Array:
        walks = _walk(15, steps, slip, falls)
        return np.array([capacity(walk, 1e-4)[0] for walk in walks]) / BIT

    walls, edges = along(0.0, False), along(0.0, True)
    slips = np.linspace(0.0, 0.9, 10)
    middle = [_walk(15, steps, float(s), True)[7] for s in slips]
    most = np.array([capacity(walk, 1e-4)[0] for walk in middle]) / BIT
    alike = np.array([mutual_information(walk / len(walk)) for walk in middle]) / BIT
    return panels(
        [
            (
                "empowerment of three steps (bits)",
                lines(
                    [_curve("walls", places, walls), _curve("edges", places, edges, 1)],
                    "empowerment by place",
                    x_name="place on a table of 15",
                ),
            ),
            (
                "in the middle, where steps fail (bits)",
                lines(
                    [_curve("capacity", slips, most), _curve("drawn alike", slips, alike, 1)],
                    "capacity and information",
                    x_name="probability that a step fails",
                ),
            ),
        ]
    )


def soft_policies() -> str:
    """Return policies that are proportional to exp(Q / alpha), and what they are worth over alpha."""
    a = np.linspace(-1.0, 1.0, 101)
    q = np.exp(-0.5 * ((a + 0.5) / 0.2) ** 2) + 0.9 * np.exp(-0.5 * ((a - 0.5) / 0.2) ** 2)

    def policy(alpha: float) -> Array:
        weights = np.exp((q - q.max()) / alpha)
        out: Array = weights / weights.sum()
        return out

    step = a[1] - a[0]
    shown = [_curve(f"α = {alpha:g}", a, policy(alpha) / step, i) for i, alpha in enumerate((0.02, 0.1, 0.5))]
    alphas = np.geomspace(0.02, 1.0, 30)
    each = np.stack([policy(float(v)) for v in alphas])
    value, chance = (each * q).sum(axis=1), entropy(each)
    soft = np.array([v * (math.log(np.exp((q - q.max()) / v).sum() * step / 2)) + q.max() for v in alphas])
    return panels(
        [
            (
                "π(a) ∝ exp(Q(a) / α), for a Q with two humps",
                lines([*shown, _curve("Q", a, q, 3)], "policies by temperature", x_name="action"),
            ),
            (
                "the price of entropy",
                lines(
                    [
                        _curve("E[Q]", alphas, value),
                        _curve("V soft", alphas, soft, 1),
                        _curve("exp H, share", alphas, np.exp(chance) / len(a), 2),
                    ],
                    "value over temperature",
                    x_name="temperature α",
                ),
            ),
        ]
    )


def _paths(slip: float) -> tuple[Array, npt.NDArray[np.intp]]:
    """Return p(path | z), (6, paths), and the paths, (paths, 4): places at t = 0 .. 3.

    Six codes move three steps on a line: left and right straight on, left and right and back, left and right late.
    """
    programs = ((-1, -1, -1), (1, 1, 1), (-1, 1, 0), (1, -1, 0), (0, 0, -1), (0, 0, 1))
    rows = []
    for program in programs:
        row: dict[tuple[int, ...], float] = {}
        for fails in np.ndindex(2, 2, 2):
            place, path, chance = 0, [0], 1.0
            for move, failed in zip(program, fails, strict=True):
                place += 0 if failed else move
                chance *= slip if failed else 1 - slip
                path.append(place)
            row[tuple(path)] = row.get(tuple(path), 0.0) + chance
        rows.append(row)
    every = sorted({path for row in rows for path in row})
    return np.array([[row.get(path, 0.0) for path in every] for row in rows]), np.array(every)


def _seen(joint: Array, keys: list[tuple[int, ...]]) -> float:
    """Return I(Z; K) in bits, K the key of each path, of a joint p(z, path)."""
    names = sorted(set(keys))
    by_key = np.zeros((len(joint), len(names)))
    for column, key in enumerate(keys):
        by_key[:, names.index(key)] += joint[:, column]
    return mutual_information(by_key) / BIT


def what_q_sees() -> str:
    """Return what each choice of the discriminator's input knows of six codes, over how often steps fail."""
    slips = np.linspace(0.0, 0.6, 13)
    same: dict[str, list[float]] = {"all (path)": [], "first and last": [], "every state": [], "last state": []}
    drawn: dict[str, list[float]] = {name: [] for name in same}
    for slip in slips:
        chances, paths = _paths(float(slip))
        for found, starts in ((same, (0,)), (drawn, tuple(range(-3, 4)))):
            joint = np.concatenate([chances] * len(starts), axis=1) / (len(chances) * len(starts))
            moved = np.concatenate([paths + start for start in starts])
            found["all (path)"].append(_seen(joint, [tuple(p) for p in moved]))
            found["first and last"].append(_seen(joint, [(p[0], p[-1]) for p in moved]))
            found["last state"].append(_seen(joint, [(p[-1],) for p in moved]))
            times = np.concatenate([joint] * 3, axis=1) / 3
            found["every state"].append(_seen(times, [(p[t],) for t in (1, 2, 3) for p in moved]))

    def chart(found: Mapping[str, list[float]], label: str) -> str:
        series = [_curve(name, slips, np.array(bits), i) for i, (name, bits) in enumerate(found.items())]
        return lines(series, label, x_name="probability that a step fails", y_range=(0.0, 2.7))

    return panels(
        [
            ("what q knows of six codes, one start (bits)", chart(same, "information, one start")),
            ("the same, seven starts (bits)", chart(drawn, "information, seven starts")),
        ]
    )


def chains_of_skills() -> str:
    """Return the share of chains that get so far: measured with scripts, and by independent skills."""
    text = (ROOT / "benchmarks" / "results" / "chains.json").read_text(encoding="utf-8")
    measured: Mapping[str, Any] = json.loads(text)
    goals = [float(row["goals"]) for row in measured["at_least"]]
    counts = [int(row["count"]) for row in measured["at_least"]]
    bounds = [wilson(count, measured["chains"]) for count in counts]
    seen = Series(
        "measured",
        goals,
        [count / measured["chains"] for count in counts],
        [low for low, _ in bounds],
        [high for _, high in bounds],
        _COLORS[0],
    )
    number = np.arange(1.0, 6.0)
    alone = [_curve(f"{rate:g} a skill", number, rate**number, i) for i, rate in ((1, 0.9), (2, 0.7))]
    again = [
        _curve("one try", number, 0.7**number, 2),
        _curve("two tries", number, (1 - 0.3**2) ** number),
        _curve("three tries", number, (1 - 0.3**3) ** number, 1),
    ]

    def chart(series: Sequence[Series], label: str) -> str:
        return lines(series, label, x_name="goals in a row", y_range=(0.0, 1.0), rates=True)

    return panels(
        [
            ("chains done so far", chart([seen, *alone], "share of chains")),
            ("skills of 0.7, tried again where they fail", chart(again, "share of chains with retries")),
        ]
    )


def one_gaussian() -> str:
    """Return how far two skills' ends have to lie apart to be told from each other."""
    apart = np.linspace(0.0, 0.12, 41)
    curves = []
    for i, sigma in enumerate((0.02, 0.05)):
        c = np.array([[sigma**2]])
        found = np.array([float(gaussian_kl([0.0], c, [gap], c)) for gap in apart])
        curves.append(_curve(f"{100 * sigma:g} cm", 100 * apart, found, i))
    x = np.linspace(-1.0, 1.2, 881)
    shared = []
    for i, sigma in enumerate((0.02, 0.05)):
        bits = [
            mutual_information(np.stack([_bell(x, 0.0, sigma), _bell(x, float(g), sigma)]) / 2) / BIT for g in apart
        ]
        shared.append(_curve(f"{100 * sigma:g} cm", 100 * apart, np.array(bits), i))
    name = "distance of two skills' ends (cm)"
    return panels(
        [
            ("KL of one skill's ends from the other's (nats)", lines(curves, "divergence of two bells", x_name=name)),
            ("information of two codes (bits)", lines(shared, "information of two codes", x_name=name)),
        ]
    )


_BOX: Final = "rx='6' fill='none' stroke='currentColor' stroke-width='1.3'"


def architecture() -> str:
    """Return the figure of docs/architecture.md: from a card to a trajectory, and the stages made of them."""
    top = ("scene card", "Scene", "World", "State", "Policy", "Trajectory")
    said = ("generate(seed)", "load", "step", "reset, act", "episode")
    stages = ("discover", "measure", "name", "plan", "perturb", "report")
    made = ("library/", "measure.json", "name.json", "plan.json", "perturb.json", "report.html")
    parts = []
    for i, name in enumerate(top):
        x = 12 + 128 * i
        parts += [f'<rect x="{x}" y="34" width="92" height="34" {_BOX}/>', words(x + 46, 55, name, anchor="middle")]
        if i < len(said):
            parts += [_arrow(x + 92, 51, x + 128, 51), words(x + 110, 25, said[i], "note", "middle")]
    parts += [
        _arrow(652 + 46, 68, 652 + 46, 100),
        words(12, 98, "Engine maps episode over seeds; a formula judges each trajectory", "note"),
    ]
    parts.append(f'<rect x="4" y="104" width="752" height="86" {_BOX.replace("1.3", "0.6")}/>')
    for i, (name, file) in enumerate(zip(stages, made, strict=True)):
        x = 12 + 128 * i
        parts += [f'<rect x="{x}" y="118" width="92" height="34" {_BOX}/>', words(x + 46, 139, name, anchor="middle")]
        parts.append(words(x + 46, 174, file, "note", "middle"))
        if i + 1 < len(stages):
            parts.append(_arrow(x + 92, 135, x + 128, 135))
    style = (
        "svg{font:13px system-ui,sans-serif;color:#333}text{fill:currentColor}.note{font-size:11px;opacity:.75}"
        "@media (prefers-color-scheme:dark){svg{color:#ccc}}"
    )
    opening = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 196" width="760" height="196">'
    return f"{opening}<style>{style}</style>{''.join(parts)}</svg>\n"


def _arrow(x0: float, y0: float, x1: float, y1: float) -> str:
    """Return a line with a head at its end; level or upright."""
    sides = ((x1 - 5, y1 - 4), (x1 - 5, y1 + 4)) if y0 == y1 else ((x1 - 4, y1 - 5), (x1 + 4, y1 - 5))
    (ax, ay), (bx, by) = sides
    head = f"M{px(ax)} {px(ay)}L{px(x1)} {px(y1)}L{px(bx)} {px(by)}"
    return f'<path d="M{px(x0)} {px(y0)}L{px(x1)} {px(y1)}{head}" fill="none" stroke="currentColor"/>'


PLOTS: Final[Mapping[str, Callable[[], str]]] = {
    "concepts/entropy.svg": entropy_of_a_coin,
    "concepts/divergence.svg": divergence_both_ways,
    "concepts/two_skills.svg": one_gaussian,
    "concepts/information.svg": information_of_codes,
    "concepts/empowerment.svg": empowerment_of_places,
    "concepts/soft_policies.svg": soft_policies,
    "concepts/discriminators.svg": what_q_sees,
    "concepts/chains.svg": chains_of_skills,
    "architecture.svg": architecture,
}
"""What each file under docs/ is drawn by."""


def draw(folder: Path) -> None:
    """Write all plots into a folder."""
    for name, plot in PLOTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HOVER.sub("", plot()), encoding="utf-8")


if __name__ == "__main__":
    draw(ROOT / "docs")
