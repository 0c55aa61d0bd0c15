"""What of others' meshes and URDF files can be had, how it behaves, and whether scripts can use it.

    python benchmarks/importing.py --outside FOLDER --out importing.json

Imports every fifth of pybullet_data's 1,000 random_urdfs, and all meshes and URDF files of a folder: for the figures
in docs/results.md those of ravens and the two drawers of BulletArm. Then, on scenes that nothing was chosen on:

- speed: physics of scenes with four imported objects beside the same with boxes of their sizes, in turn, CPU time.
- rest: each object alone for 5 s after half a second: share that moves less than 2 mm and turns less than 2 deg.
- lift: of 60 random_urdfs that two fingers fit, `grasp` and `lift` by 10 cm: share of scenes that end with it held.
- parts: each moving part of the drawers, of cabinet.urdf and of lidded_box.urdf (benchmarks/things): share of scenes
  in which `open_part` opens it (fraction 0.9 or more), and in which `shut_part` then shuts it (0.1 or less).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pybullet_data
from about import about

import tabletop as tt
from tabletop.api.importing import import_file
from tabletop.control.scripted import ScriptedPolicy, Step
from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.importing.apart import Apart
from tabletop.importing.objects import Options
from tabletop.progress import track
from tabletop.rollout.episode import Trajectory, episode
from tabletop.sim import World, generate
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene

THINGS = Path(__file__).parent / "things"
DRAWERS = {"drawer1.urdf": 0.25, "drawer2.urdf": 0.25}
"""Files of the folder that are larger than a table, and the scale at which they fit."""
MESHES = (".obj", ".stl", ".ply", ".glb", ".dae", ".urdf", ".sdf")


def importing(files: Sequence[Path], first: int = 0) -> list[dict[str, Any]]:
    """Import files under names of their own, as one command does; return a row each."""
    rows = []
    with Apart() as apart:
        for i, path in enumerate(track(files, "import")):
            row: dict[str, Any] = {"file": "/".join(path.parts[-2:]), "name": f"k{first + i:03d}"}
            start = time.perf_counter()
            try:
                import_file(path, Options(row["name"], scale=DRAWERS.get(path.name, 1.0)), apart=apart)
            except TabletopError as error:
                row["refused"] = str(error)
            row["seconds"] = time.perf_counter() - start
            rows.append(row)
    return rows


def run(scene: Scene, seed: int, horizon: int, *steps: tuple[str, dict[str, Any]]) -> Trajectory:
    """Run primitives in a scene."""
    policy = ScriptedPolicy(tuple(Step(name, arguments, "benchmark") for name, arguments in steps))
    return episode(policy, scene, seed, horizon)


def rest(kinds: Sequence[str], seed: int) -> dict[str, Any]:
    """Let each object lie; return how far each moved and turned in 5 s."""
    still, rows = 0, []
    with World() as world:
        for i, kind in enumerate(track(kinds, "rest")):
            world.load(generate({"entities": {"thing": kind}}, seed + i))
            for _ in range(5):
                world.advance()
            before = world.state()
            for _ in range(50):
                world.advance()
            after = world.state()
            moved = float(np.linalg.norm(after.entity("thing", "position") - before.entity("thing", "position")))
            dot = abs(float(after.entity("thing", "quaternion") @ before.entity("thing", "quaternion")))
            turned = math.degrees(2 * math.acos(min(1.0, dot)))
            good = moved < 0.002 and turned < 2.0
            still += good
            rows.append({"kind": kind, "mm": 1000 * moved, "deg": turned})
    worst = sorted(rows, key=lambda r: -r["mm"])[:5]
    return {"objects": len(kinds), "share": still / len(kinds), "worst": worst}


def lift(kinds: Sequence[str], scenes: int, seed: int) -> dict[str, Any]:
    """Grasp and lift each object; return the share of scenes that end with it 5 cm or more up and held."""
    by_kind = {}
    for kind in track(kinds, "lift"):
        done = 0
        for i in range(scenes):
            scene = generate({"entities": {"thing": kind}}, seed + i)
            found = run(scene, seed + i, 150, ("grasp", {"entity": "thing"}), ("lift", {"height": 0.10}))
            z = found.state.entity("thing", "position")[:, 2]
            held = float(found.state.entity("thing", "finger_force")[-1].min()) > 0.1
            done += bool(z[-1] - z[0] > 0.05 and held)
        by_kind[kind] = done / scenes
    return {"objects": len(kinds), "scenes": scenes, "share": statistics.mean(by_kind.values()), "by_kind": by_kind}


def parts(kinds: Sequence[str], scenes: int, seed: int) -> dict[str, Any]:
    """Open and shut each moving part; return the shares of scenes."""
    out = {}
    for kind in kinds:
        for part in load_cards()[kind].moving_parts or {}:
            entity, opened, shut = f"thing/{part}", 0, 0
            for i in track(range(scenes), f"{kind}/{part}"):
                scene = generate({"entities": {"thing": kind}}, seed + i)
                arguments = {"entity": entity}
                found = run(scene, seed + i, 700, ("open_part", arguments), ("shut_part", arguments))
                fraction = found.state.entity(entity, "fraction")
                opened += bool(fraction.max() >= 0.9)
                shut += bool(fraction.max() >= 0.9 and fraction[-1] <= 0.1)
            out[f"{kind}/{part}"] = {"scenes": scenes, "opened": opened / scenes, "opened and shut": shut / scenes}
    return out


def speed(kinds: Sequence[str], rounds: int, seed: int) -> dict[str, Any]:
    """Return control steps a second with imported objects and with boxes of their sizes, and their ratio."""
    rates: dict[str, list[float]] = {"imported": [], "boxes": []}
    rng = np.random.default_rng(seed)
    with World() as world:
        for turn in track(range(rounds), "speed"):
            chosen = [kinds[int(i)] for i in rng.choice(len(kinds), 4, replace=False)]
            scene = generate({"entities": {f"e{i}": kind for i, kind in enumerate(chosen)}}, seed + turn)
            sizes = {e.name: dict(zip("wdh", map(float, e.size), strict=True)) for e in scene.entities}
            boxes = {name: {"kind": "block", "size": size} for name, size in sizes.items()}
            actions = rng.uniform(-1, 1, (100, 5))
            for name, one in (("imported", scene), ("boxes", generate({"entities": boxes}, seed + turn))):
                world.load(one)
                start = time.process_time()
                for action in actions:
                    world.step(action)
                rates[name].append(len(actions) / (time.process_time() - start))
    ratio = statistics.median(a / b for a, b in zip(rates["imported"], rates["boxes"], strict=True))
    return {name: statistics.median(v) for name, v in rates.items()} | {"ratio": ratio, "rounds": rounds}


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outside", type=Path, help="a folder of others' meshes and URDF files")
    parser.add_argument("--every", type=int, default=5, help="of the 1,000 random_urdfs, one of so many")
    parser.add_argument("--objects", type=int, default=60, help="that are lifted")
    parser.add_argument("--scenes", type=int, default=5, help="a thing is lifted in")
    parser.add_argument("--openings", type=int, default=30, help="scenes a part is opened in")
    parser.add_argument("--seed", type=int, default=50_000, help="of the scenes")
    parser.add_argument("--out", type=Path, default=Path("importing.json"))
    arguments = parser.parse_args()
    blobs = sorted(Path(pybullet_data.getDataPath()).glob("random_urdfs/*/*.urdf"))[:: arguments.every]
    outside = sorted(p for p in arguments.outside.rglob("*") if p.suffix in MESHES) if arguments.outside else []
    own = [THINGS / "cabinet.urdf", THINGS / "lidded_box.urdf"]
    with tempfile.TemporaryDirectory() as folder:
        from tabletop.api.project import new_project

        new_project(Path(folder) / "lab")
        tt.use_project(Path(folder) / "lab")
        results: dict[str, Any] = {}
        rows = {"random_urdfs": importing(blobs), "outside": importing(outside, 500), "own": importing(own, 900)}
        for name, found in rows.items():
            if found:
                results[f"import {name}"] = {
                    "files": len(found),
                    "imported": sum("refused" not in r for r in found) / len(found),
                    "median seconds": statistics.median(r["seconds"] for r in found),
                    "slowest seconds": max(r["seconds"] for r in found),
                    "refused": {r["file"]: r["refused"] for r in found if "refused" in r},
                }
        cards = load_cards()
        good = [r["name"] for found in rows.values() for r in found if "refused" not in r]
        loose = [k for k in good if cards[k].body_type == "rigid"]
        held = [k for k in loose if cards[k].graspable and k < "k500"][: arguments.objects]
        results["speed"] = speed([k for k in loose if k < "k500"], 24, arguments.seed)
        results["rest"] = rest(loose, arguments.seed)
        results["lift"] = lift(held, arguments.scenes, arguments.seed)
        moving = {r["name"]: Path(r["file"]).stem for found in rows.values() for r in found if r["name"] in good}
        found_parts = parts([k for k in good if cards[k].moving_parts], arguments.openings, arguments.seed)
        results["parts"] = {f"{moving[k.split('/')[0]]}/{k.split('/')[1]}": v for k, v in found_parts.items()}
    settings = {"every": arguments.every, "seed": arguments.seed}
    text = json.dumps({**about("pybullet", "trimesh", "coacd"), "settings": settings, **results}, indent=2)
    print(json.dumps(results, indent=1)[:4000])
    write_whole(arguments.out, text + "\n")


if __name__ == "__main__":
    main()
