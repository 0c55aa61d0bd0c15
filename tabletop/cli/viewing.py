"""`tabletop view`."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from tabletop.cli.show import say
from tabletop.errors import TabletopError

__all__ = ["view"]


def view(options: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    if find_spec("viser") is None:
        raise TabletopError("'tabletop view' needs the extra view: pip install 'tabletop[view]'")
    from tabletop.view.serve import serve

    def ready(address: str) -> None:
        say(options, {"address": address}, [f"open {address} in a browser; Ctrl-C ends it"])
        sys.stdout.flush()

    serve(
        options.run,
        card=options.card,
        seed=options.seed,
        scene=options.scene,
        policy=options.policy,
        host=options.host,
        port=options.port,
        out=options.out or "view",
        ready=ready,
    )
