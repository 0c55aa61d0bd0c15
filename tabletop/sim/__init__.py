"""The simulated table: scenes, their generator, the world, cameras and states."""

from __future__ import annotations

from tabletop.sim.camera import Image
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.pinhole import (
    CameraParameters,
    camera_parameters,
    extrinsics,
    intrinsics,
    points_from_depth,
    project_points,
    unproject_depth,
)
from tabletop.sim.scene import Camera, Entity, Light, Robot, Scene, SceneCamera, Table, load_scene, save_scene
from tabletop.sim.state import Layout, State
from tabletop.sim.viewpoints import framing
from tabletop.sim.world import Snapshot, World

__all__ = [
    "Camera",
    "CameraParameters",
    "Entity",
    "Image",
    "Layout",
    "Light",
    "Robot",
    "Scene",
    "SceneCamera",
    "Snapshot",
    "State",
    "Table",
    "World",
    "camera_parameters",
    "extrinsics",
    "framing",
    "generate",
    "intrinsics",
    "load_scene",
    "load_scene_card",
    "points_from_depth",
    "project_points",
    "save_scene",
    "unproject_depth",
]
