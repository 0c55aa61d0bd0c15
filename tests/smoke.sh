#!/usr/bin/env bash
# Tries an installed tabletop: to be run with its `python` and `tabletop` first on PATH, from a folder outside the checkout.
# With `quick` all but the stages of a project.
set -euo pipefail

[ ! -e setup.py ] || { echo 'smoke.sh must run outside the checkout, or it would try the checkout' >&2; exit 1; }

python - <<'PYTHON'
from importlib.metadata import version

import tabletop
from tabletop import paths

if tabletop.__version__ != version("tabletop"):
    raise SystemExit(f"the package says {tabletop.__version__}, its metadata say {version('tabletop')}")
if paths.DATA.name != "_data":
    raise SystemExit(f"data must come from inside the package, not from {paths.DATA}")
for folder in (paths.ASSETS, paths.TASKS, paths.POLICIES):
    if not any(folder.rglob("*.yaml")):
        raise SystemExit(f"no cards in {folder}")
PYTHON

tabletop tasks --json >tasks.json
python -m tabletop tasks --json | cmp - tasks.json
python -m tabletop tasks list >tasks.txt 2>said.txt
grep -q '^push ' tasks.txt
tabletop scene --out 'eine Szene' >/dev/null 2>>said.txt
[ -s 'eine Szene/scene.png' ] || { echo 'tabletop scene leaves no picture' >&2; exit 1; }
[ ! -s said.txt ] || { echo 'commands write to standard error:' >&2; cat said.txt >&2; exit 1; }

python - <<'PYTHON'
import json

import numpy as np

from tabletop.paths import ASSETS
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.world import World

if not json.load(open("tasks.json", encoding="utf-8")):
    raise SystemExit("`tabletop tasks --json` lists nothing")
world = World()
scenes = sorted((ASSETS / "scenes").glob("*.yaml"))
for path in scenes:
    world.load(generate(load_scene_card(path.stem), 0))
    if not np.isfinite(world.step(np.zeros(5)).values).all():
        raise SystemExit(f"{path.name}: the state has numbers that are not finite")
print(f"{len(scenes)} packaged scenes load and step")
PYTHON
[ "${1:-}" != quick ] || { echo 'the installed package works'; exit 0; }
rm -rf mein_Labor
tabletop new mein_Labor >/dev/null
cd mein_Labor
tabletop tasks audit --tasks jar-on-tray --episodes 6 --json >audit.json 2>/dev/null
tabletop evaluate scripted --tasks jar-on-tray --episodes 4 --json >rates.json 2>/dev/null
tabletop discover --scene desk --steps 20000 --effects toppled --no-measure --out policies/discovered/eigen >/dev/null 2>&1
tabletop libraries --json >libraries.json
tabletop name policies/discovered/eigen --episodes 2 --json >names.json 2>/dev/null
tabletop plan scripted --goal 'inside(jar, tray)' --card desk --json >plan.json 2>/dev/null
tabletop perturb scripted --tasks jar-on-tray --families push-arm --scenes 2 --json >curves.json 2>/dev/null
python -c 'import trimesh; trimesh.creation.box((40, 50, 60)).export("quader.stl")'
tabletop import quader.stl --json >imported.json 2>/dev/null
tabletop docs >/dev/null 2>&1
python - <<'PYTHON'
import json
from pathlib import Path


def said(name):
    return json.loads(Path(f"{name}.json").read_text(encoding="utf-8"))


assert said("audit")["tasks"]["jar-on-tray"]["broken"] == []
assert said("rates")["mean"] >= 0.75
(own,) = [row for row in said("libraries")["libraries"] if row["library"] == "eigen"]
assert own["project"] == "mein_Labor", own
assert len(said("names")["skills"]) == own["skills"]
assert said("plan")["solved"] == 1
assert said("curves")["families"]["push-arm"]["success"][0] == 1.0
for page in ("index", "objects/jar", "objects/quader", "fixtures/tray", "scenes/desk", "tasks/jar-on-tray", "libraries/eigen"):
    assert Path(f"pages/{page}.html").is_file(), page
PYTHON
cd ..
echo 'the installed package works'
