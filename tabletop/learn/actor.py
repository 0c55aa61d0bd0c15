"""The policy as plain numpy arrays, for processes that collect episodes and never import torch.

The network (the same for actors and critics) reads an entity-centric observation: `ego` columns, then
`others` rows of `other_width` columns, flattened. Column 0 of a row is its presence (0 = the row is
padding, whatever else it holds). A shared encoder maps each row to `encoded` features, and the maximum
over the present rows joins the ego columns, so that the order of the rows does not matter
(Zaheer et al. 2017, Deep Sets).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["LOG_STD_RANGE", "NetworkSpec", "NumpyActor"]

Array = npt.NDArray[np.float32]

LOG_STD_RANGE: Final = (-5.0, 2.0)
"""Bounds of the log standard deviation before tanh; the network's raw output is squashed into them."""


@dataclass(frozen=True)
class NetworkSpec:
    """How the columns of an observation are to be read.

    Rows of further entities are read as a set (Deep Sets, Zaheer et al. 2017).
    """

    ego: int
    """Columns that are read as they are; they come first."""
    others: int = 0
    """Rows of further entities, in any order; 0 makes the network a plain MLP."""
    other_width: int = 0
    """Columns of each such row; the first is its presence, 0 or 1."""
    encoded: int = 32
    """Features a row is encoded to."""

    def __post_init__(self) -> None:
        if self.ego < 1 or self.others < 0 or self.encoded < 1 or (self.others and self.other_width < 1):
            raise TabletopError(
                f"a network needs ego, encoded >= 1, others >= 0, with others other_width >= 1; got {self}"
            )

    @property
    def observation_size(self) -> int:
        """Columns of an observation."""
        return self.ego + self.others * self.other_width

    @property
    def features(self) -> int:
        """Columns that reach the trunk: the ego's and the pooled ones."""
        return self.ego + (self.encoded if self.others else 0)


class NumpyActor:
    """A tanh-squashed Gaussian policy (or a deterministic one) in float32 numpy.

    Args:
        arrays: what `SAC.actor_arrays` returned: "spec" (4,) as integers, "deterministic" and
            "exploration_noise" (), if there are others the encoder's "encoder.weight" (other_width, encoded)
            and "encoder.bias" (encoded,); per layer i "layer{i}.weight" (in, out), "layer{i}.bias" (out,).
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        if "spec" not in arrays:
            raise TabletopError(f"an actor's arrays need 'spec'; got {', '.join(sorted(arrays)) or 'none'}")
        ego, others, other_width, encoded = (int(v) for v in arrays["spec"])
        self.spec = NetworkSpec(ego, others, other_width, encoded)
        self.noise = float(arrays["exploration_noise"])
        self.deterministic = bool(arrays["deterministic"])
        count = sum(name.startswith("layer") and name.endswith(".weight") for name in arrays)
        self._layers = [(_array(arrays, f"layer{i}.weight"), _array(arrays, f"layer{i}.bias")) for i in range(count)]
        self._encoder = (_array(arrays, "encoder.weight"), _array(arrays, "encoder.bias")) if others else None
        self.action_size = self._layers[-1][1].shape[0] // (1 if self.deterministic else 2)

    def mean(self, observation: npt.NDArray[np.floating]) -> Array:
        """Return the deterministic action in [-1, 1], (A,) for (O,) or (B, A) for (B, O)."""
        out: Array = np.tanh(self._forward(observation)[..., : self.action_size])
        return out

    def sample(self, observation: npt.NDArray[np.floating], rng: np.random.Generator) -> Array:
        """Return a random action in [-1, 1], (A,) for (O,) or (B, A) for (B, O)."""
        out = self._forward(observation)
        mean = out[..., : self.action_size]
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        if self.deterministic:
            noisy: Array = np.clip(np.tanh(mean) + np.float32(self.noise) * noise, -1.0, 1.0)
            return noisy
        low, high = LOG_STD_RANGE
        log_std: Array = np.tanh(out[..., self.action_size :])
        log_std *= 0.5 * (high - low)
        log_std += 0.5 * (high + low)
        action: Array = np.tanh(mean + np.exp(log_std) * noise)
        return action

    def _forward(self, observation: npt.NDArray[np.floating]) -> Array:
        """Return the head's outputs: means, then raw log standard deviations."""
        if observation.shape[-1] != self.spec.observation_size:
            raise TabletopError(
                f"an observation has {self.spec.observation_size} columns ({self.spec}); got {observation.shape[-1]}"
            )
        x = np.asarray(observation, dtype=np.float32)
        if self._encoder is not None:
            x = self._pool(x)
        for weight, bias in self._layers[:-1]:
            x = x @ weight
            x += bias
            np.maximum(x, 0.0, out=x)
        weight, bias = self._layers[-1]
        x = x @ weight
        x += bias
        return x

    def _pool(self, x: Array) -> Array:
        """Return the trunk's input (..., features)."""
        if self._encoder is None:
            return x
        weight, bias = self._encoder
        rows = x[..., self.spec.ego :].reshape(*x.shape[:-1], self.spec.others, self.spec.other_width)
        codes = rows @ weight
        codes += bias
        # Multiplying by presence before the maximum with 0 is relu then mask, as codes below 0 give 0 anyway.
        codes *= rows[..., :1] > 0
        return np.concatenate((x[..., : self.spec.ego], np.maximum(codes.max(-2), 0.0)), -1)


def _array(arrays: Mapping[str, npt.NDArray[np.generic]], name: str) -> Array:
    if name not in arrays:
        raise TabletopError(f"an actor's arrays need {name!r}; got {', '.join(sorted(arrays))}")
    return np.ascontiguousarray(arrays[name], dtype=np.float32)
