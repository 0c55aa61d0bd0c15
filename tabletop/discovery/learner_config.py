"""Settings of discovery's learner."""

from __future__ import annotations

from dataclasses import dataclass, field

from tabletop.errors import TabletopError, unknown
from tabletop.learn.sac import SACSettings

__all__ = ["DISCRIMINATOR_INPUTS", "LATENTS", "LearnerSettings", "PhiSettings"]

DISCRIMINATOR_INPUTS = ("effects", "observation")
"""What a discriminator or an embedding may look at: the attended entity's effect, or all that the policy sees of the
state, the arm included (the time left is kept from it)."""
LATENTS = ("sphere", "gaussian", "discrete")
"""What codes of LSD, CSD and METRA are: directions of length 1, draws of a standard normal, or one-hot vectors."""


@dataclass(frozen=True)
class PhiSettings:
    """Of the small networks that objectives learn beside the policy: phi, CSD's density, a classifier."""

    hidden: tuple[int, ...] = (128, 128)
    """Width of each hidden layer."""
    rate: float = 5e-4
    """Adam's learning rate."""
    batch_size: int = 256
    """Transitions a gradient step."""
    size: int = 3
    """Numbers in a continuous code; a discrete one has one for each code of the effect with the most."""
    slack: float = 1e-3
    """epsilon: what a kept constraint counts at most."""
    dual: float = 30.0
    """lambda at the start."""
    dual_rate: float = 1e-3
    """Adam's learning rate for log lambda."""
    floor: float = 0.1
    """Least standard deviation of CSD's density: of effects, in units of 5 cm."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not self.hidden or min(self.hidden) < 1:
            raise TabletopError(f"hidden needs at least one layer, each of width >= 1; got {self.hidden}")
        for name in ("rate", "dual", "dual_rate", "floor", "slack"):
            if not getattr(self, name) > 0:
                raise TabletopError(f"{name} must be positive; got {getattr(self, name)}")
        for name in ("batch_size", "size"):
            if getattr(self, name) < 1:
                raise TabletopError(f"{name} must be at least 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class LearnerSettings:
    """Settings of the learner."""

    sac: SACSettings = field(
        default_factory=lambda: SACSettings(batch_size=256, gamma=0.98, alpha=0.005, actor_rate=5e-4, critic_rate=5e-4)
    )
    """The policy's and critics' learning."""
    objective: str = "final-state"
    """One of discovery/objectives."""
    discriminator_input: str = "effects"
    """What the objective looks at, of DISCRIMINATOR_INPUTS."""
    latent: str = "sphere"
    """What the codes of LSD, CSD and METRA are, of LATENTS."""
    phi: PhiSettings = field(default_factory=PhiSettings)
    """Of an objective's own networks."""
    exploration_episodes: int = 1200
    """Episodes that explore-then-discover explores for, warm-up included."""
    capacity: int = 1_200_000
    """Control steps that are remembered."""
    sigma: float = 0.01
    """m: width of the discriminator's bells. Ends that are apart by less count as the same."""
    tail: float = 0.5
    """Nats, in 2 log 2, that each halving of the distance to a mean adds to a bell's log."""
    slope: float = 0.03
    """m by which a bell falls by a nat at least, however far from its mean."""
    near: float = 0.05
    """m from a code's mean at which those numbers of an effect that are to be 0 count half; farther off, less."""
    reject_weight: float = 1.0
    """Weight of the class "none of them" beside a code, once codes are distinguishable."""
    precise_from: tuple[float, float] = (0.2, 0.35)
    """Shares of an effect's episodes that are classified correctly, between which that weight grows from 0."""
    reject_radius: float = 0.01
    """m from a code's mean at which an end is then as likely of none of them: nearer is worth more."""
    exact_goals: bool = True
    """Whether an episode in hindsight was to reach the very end that it came to, where the objective allows it, and
    not the place of the code that fits best: what is asked for is then as exact as what was seen (HER)."""
    beyond: float = 0.5
    """Share of the episodes that are asked for an exact goal at and beyond the ends that a code stands for, and not for
    the code's mean. So what is reached grows."""
    goal_tolerance: float = 0.02
    """m of the reach within which a goal counts as reached, by objectives that have goals."""
    goal_asked: bool = True
    """Whether a goal is what is asked for alone. Otherwise it has the numbers as well that are to be 0."""
    hindsight: float = 0.8
    """Share of a batch whose code is replaced by one that its final effect fits, where the objective allows it."""
    count_smoothing: float = 5.0
    """Hindsight episodes are drawn by 1 / (count_smoothing + episodes in their 5 cm bin). All that was reached counts
    alike, however seldom, so that codes spread over the reached volume and not where most episodes happen to end."""
    relabel_every: int = 4
    """Rounds between two drawings of hindsight codes."""
    posterior_temperature: float = 0.25
    """Posteriors are raised to the power 1 / temperature before hindsight codes are drawn from them. At 1 all codes can
    settle on the mean effect, as in clustering at too high a temperature."""
    n_steps: int = 4
    """Steps that a critic's target looks ahead before it bootstraps."""
    mirror: bool = True
    """Whether half of a batch is mirrored left to right, where the objective knows each code's mirror image."""
    turn: float = 0.5
    """rad to either side by which a batch is turned about the robot's base, as far as it stays within reach, where the
    objective's codes are places or ways in the world."""
    shift: float = 0.1
    """m to each side by which a batch is shifted, likewise."""
    half_turns: bool = True
    """Whether half of a batch is seen as if the gripper's two fingers had changed places."""
    flat: bool = False
    """Whether the network reads the other things one by one, nearest first, and not as a set."""
    recent: int = 1500
    """Episodes by which the codes' accuracy is estimated."""
    reward_scale: float = 1.0
    """Reward per nat."""

    def __post_init__(self) -> None:
        """Check the names; which objectives there are is known to discovery/objectives."""
        if self.discriminator_input not in DISCRIMINATOR_INPUTS:
            raise unknown("discriminator input", self.discriminator_input, DISCRIMINATOR_INPUTS)
        if self.latent not in LATENTS:
            raise unknown("latent", self.latent, LATENTS)
