"""Weights of a file put into networks that are there: what learning goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.errors import TabletopError
from tabletop.learn.networks import Network

__all__ = ["put", "put_actor"]

Arrays = Mapping[str, npt.NDArray[Any]]


def put(into: Tensor, arrays: Arrays, name: str) -> None:
    """Copy an array into a tensor of its shape.

    Raises:
        TabletopError: it is missing, of another shape, or not finite.
    """
    found = arrays.get(name)
    if found is None or tuple(found.shape) != tuple(into.shape):
        got = "nothing" if found is None else tuple(found.shape)
        raise TabletopError(f"the network needs {name!r} of shape {tuple(into.shape)}; got {got}")
    if not np.isfinite(found).all():
        raise TabletopError(f"the network needs finite numbers; {name!r} has others")
    into.copy_(torch.from_numpy(np.array(found, dtype=np.float32)))


def put_actor(network: Network, arrays: Arrays) -> None:
    """Copy a policy's weights into its network.

    Args:
        network: of a policy: one member.
        arrays: what `SAC.actor_arrays` returned: weights (in, out) and biases (out,).

    Raises:
        TabletopError: an array is missing or of another shape: another network.
    """
    last = f"layer{network.depth}"
    if f"layer{network.depth + 1}.weight" in arrays:
        raise TabletopError(f"the network has {network.depth} hidden layers; the weights are of more")
    for name, value in network.parameters.items():
        if name.startswith("encoder"):
            put(value, arrays, name)
        elif name.startswith("layer"):
            put(value[0, 0] if name.endswith("bias") else value[0], arrays, name)
        else:
            put(value[0].t() if name.endswith("weight") else value[0, :, 0], arrays, name.replace("last", last))
    network.refresh()
