"""The page of an imported thing: pictures, and what was found out and guessed about it."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.importing.drawing import drawing
from tabletop.importing.fixtures import ImportedFixture
from tabletop.importing.hulls import hull_of
from tabletop.importing.obj_files import looks_text
from tabletop.importing.objects import ImportedObject
from tabletop.sim.generate import generate
from tabletop.sim.viewpoints import framing
from tabletop.sim.world import World

__all__ = ["fixture_page", "image_text", "object_page", "page_text", "portrait", "table_text"]

Picture = npt.NDArray[np.uint8]

_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#222}"
    "img{max-width:100%;border:1px solid #ddd}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}"
)


def portrait(kind: str, seed: int = 0) -> Picture:
    """Return a picture (480, 640, 3), RGB, of a kind on the table.

    Args:
        kind: of a card in use.
        seed: of the scene.
    """
    with World() as world:
        card = {"entities": {"thing": kind}}
        scene = generate(card, seed)
        world.load(scene)
        return world.render(640, 480, framing(scene)).rgb


def object_page(thing: ImportedObject, picture: Picture) -> str:
    """Return the page of an object.

    Args:
        thing: as imported.
        picture: RGB, of it on the table.
    """
    w, d, h = (v * 1000 for v in thing.size)
    _, faces = looks_text(thing.vertices, thing.faces)
    facts = {
        "size": f"{w:.1f} x {d:.1f} x {h:.1f} mm",
        "mass": f"{thing.mass * 1000:.4g} g",
        "hulls": str(len(thing.hulls)),
        "faces seen": str(faces),
        "centre of mass": ", ".join(f"{v * 1000:.1f}" for v in thing.spread.centre) + " mm from the middle",
        **{f"{what}: why": why for what, why in thing.notes.items()},
    }
    grips = [
        (
            f"{g.width * 1000:.1f}",
            f"{np.degrees(g.yaw) % 180:.0f}",
            ", ".join(f"{v * 1000:.1f}" for v in g.at),
            f"{g.score:.2f}",
        )
        for g in thing.grips[:8]
    ]
    rests = [(f"{100 * r.share:.0f} %", ", ".join(f"{v:.2f}" for v in r.up)) for r in thing.rests]
    held = thing.grips[0] if thing.graspable else None
    parts = [
        image_text(picture[..., ::-1], ".webp"),
        image_text(drawing(thing.hulls, held), ".png"),
        table_text(("", ""), list(facts.items())),
        "<h2>Where two fingers fit</h2>",
        table_text(("width, mm", "yaw, deg", "middle, mm", "score"), grips) if grips else "<p>Nowhere.</p>",
        "<h2>How it lies still</h2>",
        table_text(("share of drops", "what is up, in its own frame"), rests) if rests else "<p>In no way.</p>",
    ]
    return page_text(thing.name, parts)


def fixture_page(thing: ImportedFixture, picture: Picture) -> str:
    """Return the page of a fixture.

    Args:
        thing: as imported.
        picture: RGB, of it on the table.
    """
    w, d, h = (v * 1000 for v in thing.size)
    facts = {"size": f"{w:.0f} x {d:.0f} x {h:.0f} mm", **{f"{what}: why": why for what, why in thing.notes.items()}}
    heads = ("part", "joint", "travel", "mass, g", "hulls", "held")
    rows = []
    for part in thing.parts:
        far = f"{part.travel * 1000:.0f} mm" if part.type == "prismatic" else f"{np.degrees(part.travel):.0f} deg"
        grip = part.grip
        held = "pushed at its far edge" if grip is None else f"{grip.width * 1000:.0f} mm between the fingers"
        name = f"{thing.name}/{part.name}"
        rows.append((name, part.type, far, f"{part.mass * 1000:.0f}", str(len(part.body.hulls)), held))
    hulls = [hull for body in (thing.base, *(p.body for p in thing.parts)) if body is not None for hull in body.hulls]
    up = np.array([0.0, 0.0, thing.size[2] / 2])
    first = next((p.grip for p in thing.parts if p.grip is not None), None)
    shown = drawing(
        [hull for hull in (hull_of(h.vertices - up) for h in hulls) if hull is not None],
        None if first is None else replace(first, at=first.at - up),
    )
    parts = [
        image_text(picture[..., ::-1], ".webp"),
        image_text(shown, ".png"),
        table_text(("", ""), list(facts.items())),
        "<h2>What moves</h2>",
        table_text(heads, rows),
    ]
    return page_text(thing.name, parts)


def page_text(title: str, parts: Sequence[str]) -> str:
    """Return a whole page of HTML that needs no other file.

    Args:
        title: its heading.
        parts: HTML.
    """
    name = html.escape(title)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    return head + f"<h1>{name}</h1>\n" + "\n".join(parts) + "\n</html>\n"


def table_text(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of HTML.

    Args:
        heads: of its columns.
        rows: texts.
    """
    top = "".join(f"<th>{html.escape(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def image_text(picture: npt.NDArray[np.uint8], form: str) -> str:
    """Return a picture, BGR, as HTML that holds it.

    Args:
        picture: (height, width, 3).
        form: ".png", ".jpg" or ".webp".
    """
    done, data = cv2.imencode(form, np.ascontiguousarray(picture))
    kind = form.removeprefix(".")
    return (
        f'<p><img alt="" src="data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"></p>'
        if done
        else ""
    )
