"""Things of one's own: meshes and URDF files become cards of a project. Needs the extra `assets`."""
