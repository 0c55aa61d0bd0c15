"""What a discovery goes on from: a library, and what its learner knew beside the policy.

discover writes that into the library's folder, too, as learner.safetensors: critics, their slow copies, and the state
of the objective. A library is complete without it, but then critics begin anew. The policy holds still until they have
learned: gradients of random critics would undo in minutes what it can do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.checkpoint import CheckpointState, StartState, plain_card
from tabletop.discovery.config import EFFECT_CODES, DiscoverSettings
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import OBJECTIVES, Objective, get_objective
from tabletop.errors import TabletopError, unknown
from tabletop.learn.actor import NumpyActor
from tabletop.learn.sac import SAC
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.sim.robot_card import PANDA, robot_in_use
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import LEARNER, Library, find_library, load_library
from tabletop.skills.scenes import card_serves, check_card

__all__ = ["Start", "check_cards", "going_on_from", "grown", "open_start", "save_learner", "start_state"]

_OBJECTIVE: Final = "objective."
_WEIGHT: Final = 0.1
"""Among the episodes, of an effect that is not in EFFECT_CODES."""


@dataclass(frozen=True)
class Start:
    """A library to go on from."""

    library: Library
    critics: Mapping[str, npt.NDArray[Any]] | None
    """What `SAC.critic_arrays` returned; None: they begin anew."""
    objective: Mapping[str, npt.NDArray[Any]] | None
    """The objective's state; None: nothing is known but the library's embeddings."""

    def state_for(self, own: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Return the state of an untrained objective with the library's in it, see `grown`.

        Raises:
            TabletopError: the objective needs more than there is, or an array does not fit.
        """
        if self.objective is not None:
            return grown(own, self.objective)
        embeddings = self.library.embeddings
        if own and own.get("means", np.zeros(0)).shape[1:] != embeddings.shape[1:]:
            raise TabletopError(f"the library has no {LEARNER}, which its objective cannot go on without")
        # Exact goals, where an objective draws such, begin at the means.
        return grown(own, {"means": embeddings, "goals": embeddings})


def open_start(name: str | os.PathLike[str]) -> Start:
    """Read a library and what its learner knew.

    Args:
        name: of a library, or the path of its folder or of its run's.

    Raises:
        TabletopError: no such library, a file of it is damaged, or the two are not of one library.
    """
    folder = find_library(os.fspath(name))
    library = load_library(folder)
    if not (folder / LEARNER).is_file():
        return Start(library, None, None)
    found = load_tensors(folder / LEARNER, f"library {str(folder)!r}: {LEARNER}")
    digest = found.pop("digest", np.zeros(0, np.uint8))
    if digest.tobytes().hex() != library.digest:
        raise TabletopError(
            f"{str(folder / LEARNER)!r} is of another library than the one beside it; write it anew "
            "(tabletop discover --resume), or remove it: then critics begin anew"
        )
    state = {k.removeprefix(_OBJECTIVE): v for k, v in found.items() if k.startswith(_OBJECTIVE)}
    return Start(library, {k: v for k, v in found.items() if not k.startswith(_OBJECTIVE)}, state)


def save_learner(folder: Path, library: Library, sac: SAC, objective: Objective) -> None:
    """Write what learning goes on from into a library's folder.

    Raises:
        TabletopError: it cannot be written.
    """
    state = {f"{_OBJECTIVE}{name}": value for name, value in objective.state_dict().items()}
    digest = np.frombuffer(bytes.fromhex(library.digest), np.uint8)
    save_tensors(folder / LEARNER, {**sac.critic_arrays(), **state, "digest": digest})


def going_on_from(library: Library, effects: Iterable[str] = (), **others: Any) -> DiscoverSettings:
    """Return settings that go on from a library: its objective, codes, networks, horizon and release.

    Args:
        library: to go on from.
        effects: further ones to look for, of EFFECT_CODES. Their codes come after the library's.
        others: further settings.

    Raises:
        TabletopError: an unknown effect, or an objective that this version does not have.
    """
    info, actor = library.info, NumpyActor(library.weights)
    usual = DiscoverSettings()
    hidden = tuple(library.weights[f"layer{i}.bias"].shape[0] for i in range(_layers(library) - 1))
    said = {k: str(info.get(k, usual.how[k])) for k in ("objective", "discriminator_input", "latent")}
    learner = LearnerSettings(
        objective=said["objective"],
        discriminator_input=said["discriminator_input"],
        latent=said["latent"],
        sac=replace(LearnerSettings().sac, hidden=hidden),
        flat=actor.spec.others == 0,
    )
    times = others.get("horizon_multiplier", usual.horizon_multiplier)
    counts = dict(library.codes.counts)
    for name in effects:
        if name not in EFFECT_CODES:
            raise unknown("effect", name, EFFECT_CODES)
        counts.setdefault(name, EFFECT_CODES[name][0])
    weights = {name: EFFECT_CODES[name][1] if name in EFFECT_CODES else _WEIGHT for name in counts}
    given = {"learner": learner, "release": library.release, "horizon": library.horizon // times}
    return DiscoverSettings(counts=counts, effect_weights=weights, **{**given, **others})


def _layers(library: Library) -> int:
    return sum(name.startswith("layer") and name.endswith(".weight") for name in library.weights)


def start_state(settings: DiscoverSettings, opened: Start | None, resumed: CheckpointState | None) -> StartState | None:
    """Return what the run's checkpoints say of the library that it goes on from: a resumed run's own, or the given.

    Args:
        settings: of the run.
        opened: the library that is given, if any.
        resumed: the checkpoint that it goes on from, if any.

    Raises:
        TabletopError: the settings do not go on from the library, or ask for a rehearsal of none.
    """
    kept = None if resumed is None else resumed.start
    if opened is not None:
        if kept is not None and settings.rehearsal is None:
            settings = replace(settings, rehearsal=kept.rehearsal)
        return _state_of(opened, settings)
    if settings.rehearsal is None:
        return kept
    if kept is None:
        raise TabletopError("rehearsal is of the scenes of a library; say which to go on from (--from, start=)")
    return replace(kept, rehearsal=settings.rehearsal)


def _state_of(start: Start, settings: DiscoverSettings) -> StartState:
    """Return what a checkpoint is to say of a library, after a check that the settings go on from it.

    Raises:
        TabletopError: it has another robot, objective, conditioning, release or horizon, other codes, or nothing that
            could go on.
    """
    library, learner = start.library, settings.learner
    _check(library, "robot", library.info.get("robot", PANDA), robot_in_use())
    for name in ("objective", "discriminator_input", "latent"):
        _check(library, name.replace("_", " "), library.info.get(name, settings.how[name]), settings.how[name])
    objective = get_objective(learner.objective, learner.discriminator_input)
    if not objective.goes_on:
        able = ", ".join(n for n, inputs in OBJECTIVES.items() if next(iter(inputs.values())).goes_on)
        raise TabletopError(f"{learner.objective} has nothing to go on from; objectives that go on: {able}")
    _check(library, "conditioning", library.conditioning, objective.conditioning)
    _check(library, "release", library.release, settings.release)
    _check(library, "horizon", library.horizon, settings.horizon * settings.horizon_multiplier)
    kept = list(library.codes.counts.items())
    if list(settings.counts.items())[: len(kept)] != kept:
        raise TabletopError(
            f"the library has the codes {dict(kept)}; go on with the same, and others behind them, "
            f"got {dict(settings.counts)}"
        )
    own = plain_card(find_scene_card(settings.scene))
    cards = [card for card in map(plain_card, library.cards) if card != own]
    return StartState(
        digest=library.digest,
        cards=tuple(cards),
        rehearsal=0.5 if settings.rehearsal is None else settings.rehearsal,
        codes=library.codes.total,
        env_steps=int(library.info.get("env_steps", 0)) + int(library.info.get("env_steps_before", 0)),
        hidden=learner.sac.hidden,
        flat=learner.flat,
        horizon=settings.horizon,
    )


def _check(library: Library, what: str, has: Any, wants: Any) -> None:
    if has != wants:
        raise TabletopError(f"the library was made with {what} {has}; go on with the same, got {wants}")


def check_cards(settings: DiscoverSettings, start: StartState | None) -> None:
    """Check that scene cards have things for the effects.

    From nothing, the run's card has some for all. From a library on, each card has some for one effect at least, and
    each further effect is had on one of them.

    Raises:
        TabletopError: a card is missing or malformed, or lacks what the effects need.
    """
    codes = Codebook(settings.counts)
    if start is None:
        check_card(settings.scene, codes.effects)
        return
    cards = (find_scene_card(settings.scene), *map(find_scene_card, start.cards))
    for card in cards:
        if not any(card_serves(card, effect) for effect in codes.effects):
            which = f"scene card {settings.scene!r}" if card is cards[0] else "the library's scene card"
            raise TabletopError(f"{which} has nothing for any of the effects {', '.join(settings.counts)}")
    further = [e for i, e in enumerate(codes.effects) if codes.codes_of(i)[0] >= start.codes]
    lacking = [e for e in further if not any(card_serves(card, e) for card in cards)]
    check_card(settings.scene, lacking)


def grown(own: Mapping[str, npt.NDArray[Any]], kept: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return an objective's state with a library's in it.

    A library's codes and effects are the first ones. So what has a row for each is kept in its first rows.

    Args:
        own: the untrained objective's, with further effects perhaps.
        kept: the library's; what it lacks stays untrained.

    Raises:
        TabletopError: an array is of a shape that does not fit.
    """
    out = {name: np.array(value) for name, value in own.items()}
    for name, value in kept.items():
        if name not in out:
            continue
        there = out[name]
        rows = value.ndim > 0 and value.shape[1:] == there.shape[1:] and len(value) <= len(there)
        if value.ndim != there.ndim or not (rows or value.shape == there.shape):
            raise TabletopError(
                f"the objective's {name} has shape {there.shape}, the library's {value.shape}; "
                "go on with the library's own effects and settings"
            )
        if not np.isfinite(value).all():
            raise TabletopError(f"the library's {name} must be finite numbers")
        if value.ndim:
            there[: len(value)] = value
        else:
            out[name] = np.array(value)
    return out
