"""Settings of the learner, and which of three algorithms it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tabletop.errors import TabletopError, unknown

__all__ = ["ALGORITHMS", "SACSettings"]

ALGORITHMS: Final = ("sac", "td3", "ddpg")


@dataclass(frozen=True)
class SACSettings:
    """Settings of the learner."""

    algorithm: str = "sac"
    """sac: soft actor-critic, a stochastic policy paid for its entropy (Haarnoja et al. 2018). td3: a deterministic
    policy with noise added, twin critics, smoothed target actions, a slow copy of the policy (Fujimoto et al. 2018).
    ddpg: the same with one critic, no smoothing and no delay (Lillicrap et al. 2016)."""
    hidden: tuple[int, ...] = (256, 256)
    """Width of each hidden layer of the actor."""
    critic_hidden: tuple[int, ...] | None = None
    """Width of each hidden layer of each critic. None: as the actor's. Only the learner runs critics, so they cost no
    time in episodes."""
    layer_norm: bool = True
    """Whether the critics' hidden layers are normalised before their relu."""
    gamma: float = 0.97
    """Discount a step; the caller multiplies it into the `discounts` it gives to `update`."""
    tau: float = 0.005
    """Share of the networks that goes into their slow copies at each update of those."""
    alpha: float | None = 0.005
    """SAC's temperature: reward per nat of entropy. None adapts it so that the entropy meets `target_entropy`."""
    target_entropy: float | None = None
    """Entropy that an adapted temperature aims at, in nats; None means -action_size."""
    actor_rate: float = 3e-4
    """Adam's learning rate for the policy and for an adapted temperature."""
    critic_rate: float = 3e-4
    """Adam's learning rate for the critics."""
    policy_delay: int | None = None
    """The policy is updated at every such update of the critics. None: 2, and 1 for ddpg."""
    batch_size: int = 256
    """Transitions an update; the caller draws them."""
    bf16: bool | None = None
    """Compute hidden layers in bfloat16, with float32 parameters. None: where the processor multiplies such matrices
    itself, which is then half as fast again; elsewhere it takes twenty times as long as float32."""
    device: str = "auto"
    """Where to learn: auto (a GPU where there is one), cpu, cuda or cuda:<number>."""
    average: float = 0.002
    """Share of the policy that goes into its running average at each of its updates."""
    exploration_noise: float = 0.1
    """td3, ddpg: standard deviation of the noise on actions taken."""
    target_noise: float = 0.2
    """td3: standard deviation of the noise on target actions."""
    target_noise_clip: float = 0.5
    """td3: bound of that noise."""

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise unknown("algorithm", self.algorithm, ALGORITHMS)
        for name in ("hidden", "critic_hidden"):
            widths = getattr(self, name)
            if widths is not None and (not widths or min(widths) < 1):
                raise TabletopError(f"{name} needs at least one layer, each of width >= 1; got {widths}")
        for name in ("gamma", "tau", "average"):
            if not 0 < getattr(self, name) <= 1:
                raise TabletopError(f"{name} must be in (0, 1]; got {getattr(self, name)}")
        for name in ("actor_rate", "critic_rate"):
            if not getattr(self, name) > 0:
                raise TabletopError(f"{name} must be positive; got {getattr(self, name)}")
        for name in ("exploration_noise", "target_noise", "target_noise_clip"):
            if not getattr(self, name) >= 0:
                raise TabletopError(f"{name} must be at least 0; got {getattr(self, name)}")
        for name in ("policy_delay", "batch_size"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise TabletopError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.alpha is not None and not self.alpha >= 0:
            raise TabletopError(f"alpha must be at least 0, or null to adapt it; got {self.alpha}")

    @property
    def deterministic(self) -> bool:
        """Whether the policy itself has no chance in it."""
        return self.algorithm != "sac"

    @property
    def critics(self) -> int:
        """Number of critics."""
        return 1 if self.algorithm == "ddpg" else 2

    @property
    def delay(self) -> int:
        """Updates of the critics for each of the policy."""
        return self.policy_delay or (1 if self.algorithm == "ddpg" else 2)
